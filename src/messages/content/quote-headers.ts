/**
 * What stands above a message that is quoted or forwarded as a whole: "-----Original Message-----" and the lines From, Sent,
 * To and Subject, in the words of many languages.
 */

/** In lower case, without the dashes around them. */
const dashedTitles: ReadonlySet<string> = new Set([
  ...[
    'original message',
    'original appointment',
    'original email',
    'original mail',
    'forwarded message',
    'forwarded mail',
  ],
  ...[
    'forwarded by',
    'reply message',
    'replied message',
    'original',
    'original e-mail',
    'forwarded email',
    'forward',
  ],
  ...[
    'ursprüngliche nachricht',
    'ursprungliche nachricht',
    'originalnachricht',
    'original-nachricht',
    'weitergeleitete nachricht',
  ],
  ...[
    'ursprünglicher termin',
    'message original',
    "message d'origine",
    'message d’origine',
    'message transféré',
    'courriel original',
  ],
  ...[
    "e-mail d'origine",
    'mensaje original',
    'mensaje reenviado',
    'forwarded message ',
    'mensagem original',
    'mensagem encaminhada',
  ],
  ...[
    'mensagem reencaminhada',
    'messaggio originale',
    'messaggio inoltrato',
    'messaggio originario',
    'oorspronkelijk bericht',
  ],
  ...[
    'origineel bericht',
    'doorgestuurd bericht',
    'wiadomość oryginalna',
    'oryginalna wiadomość',
    'wiadomość przekazana',
  ],
  ...[
    'przekazana wiadomość',
    'treść przekazanej wiadomości',
    'ursprungligt meddelande',
    'originalmeddelande',
    'vidarebefordrat meddelande',
  ],
  ...[
    'vidarebefordrat brev',
    'oprindelig meddelelse',
    'original meddelelse',
    'videresendt meddelelse',
    'videresendt besked',
    'videresendt melding',
  ],
  ...[
    'opprinnelig melding',
    'original melding',
    'alkuperäinen viesti',
    'välitetty viesti',
    'edelleenlähetetty viesti',
    'původní zpráva',
  ],
  ...[
    'přeposlaná zpráva',
    'původní e-mail',
    'pôvodná správa',
    'preposlaná správa',
    'исходное сообщение',
    'исходное письмо',
    'пересылаемое сообщение',
  ],
  ...[
    'пересланное сообщение',
    'перенаправленное сообщение',
    'оригинальное сообщение',
    'початкове повідомлення',
    'переслане повідомлення',
  ],
  ...[
    'orijinal mesaj',
    'özgün ileti',
    'orijinal ileti',
    'iletilen mesaj',
    'yönlendirilmiş ileti',
    'yönlendirilen ileti',
    '元のメッセージ',
    '転送されたメッセージ',
  ],
  ...[
    '転送メッセージ',
    '元のメール',
    'original message ',
    '原始邮件',
    '原始郵件',
    '原邮件',
    '邮件原件',
    '转发邮件信息',
    '转发的邮件',
    '轉寄的郵件',
    '回复的原邮件',
    '回复的邮件',
    '轉寄郵件',
  ],
  ...[
    '원본 메시지',
    '원본 메일',
    '전달된 메시지',
    '전달된 메일',
    'eredeti üzenet',
    'továbbított üzenet',
    'mesaj original',
    'mesajul original',
    'mesaj redirecționat',
  ],
  ...[
    'αρχικό μήνυμα',
    'προωθημένο μήνυμα',
    'הודעה מקורית',
    'הודעה שהועברה',
    'الرسالة الأصلية',
    'رسالة معاد توجيهها',
    'missatge original',
    'originalna poruka',
    'izvorno sporočilo',
  ],
])

/** Those of Apple Mail stand without dashes. */
const plainTitles: ReadonlySet<string> = new Set([
  ...[
    'begin forwarded message:',
    'anfang der weitergeleiteten nachricht:',
    'début du message réexpédié :',
    'début du message transféré :',
  ],
  ...[
    'inizio messaggio inoltrato:',
    'inicio del mensaje reenviado:',
    'início da mensagem encaminhada:',
    'início da mensagem reencaminhada:',
  ],
  ...[
    'begin doorgestuurd bericht:',
    'początek przekazanej wiadomości:',
    'vidarebefordrat mejl:',
    'vidarebefordrat brev:',
    'start på videresendt besked:',
  ],
  ...[
    'videresendt melding:',
    'start på videresendt melding:',
    'välitetty viesti alkaa:',
    'začátek přeposlané zprávy:',
    'начало переадресованного сообщения:',
  ],
  ...[
    'iletilen ileti başlangıcı:',
    'yönlendirilen mesajın başlangıcı:',
    '転送されたメッセージ:',
    '開始轉寄郵件：',
    '开始转发的邮件：',
    '下面是被转发的邮件：',
    '以下是轉寄的郵件：',
    '전달된 메시지 시작:',
    '전달된 메시지:',
  ],
])

export function isQuoteTitle(line: string): boolean {
  const text = line.trim().toLowerCase()
  if (text.length > 100) return false
  if (plainTitles.has(text)) return true
  const bare = text.replace(/^[-–—_=*+#~ ]+/, '').replace(/[-–—_=*+#~: ：]+$/, '')
  if (text.length - bare.length < 4) return false
  return dashedTitles.has(bare) || /^forwarded by\s/.test(bare)
}

type Label = 'from' | 'date' | 'to' | 'subject' | 'other'

const labels: ReadonlyMap<string, Label> = new Map(
  Object.entries({
    from: 'from,von,de,da,van,od,från,fra,lähettäjä,от,от кого,від,kimden,gönderen,差出人,送信者,发件人,寄件者,寄件人,보낸 사람,보낸사람,feladó,remitente,expéditeur,mittente,afzender,afsender,avsändare,nadawca,odesílatel,odosielateľ,отправитель,από,מאת,من,de la,expeditor,šalje',
    date: 'sent,date,sent at,gesendet,datum,envoyé,enviado,enviada em,enviado el,enviado em,data,fecha,inviato,verzonden,wysłano,wysłane,skickat,sendt,dato,lähetetty,päivämäärä,päiväys,odesláno,odoslané,dátum,отправлено,дата,надіслано,gönderildi,gönderme tarihi,tarih,送信日時,日時,日付,发送时间,日期,傳送時間,寄件日期,时间,보낸 날짜,날짜,küldve,trimis,στάλθηκε,ημερομηνία,נשלח,תאריך,تاريخ الإرسال,التاريخ,enviat',
    to: 'to,an,à,a,para,aan,do,till,til,vastaanottaja,komu,кому,kime,alıcı,kime ,宛先,收件人,收件者,받는 사람,받는사람,címzett,către,προς,אל,إلى,per a,destinataire,destinatario,empfänger',
    subject:
      'subject,betreff,objet,asunto,assunto,oggetto,onderwerp,temat,ämne,emne,aihe,předmět,predmet,тема,konu,件名,主题,主旨,제목,tárgy,subiect,θέμα,נושא,الموضوع,assumpte,re',
    other:
      'cc,bcc,kopie,copie,kopia,kopi,kopio,копия,cc:,bilgi,抄送,副本,참조,importance,priority,reply-to,organization,attachments,wichtigkeit,importancia,antwort an,newsgroups',
  }).flatMap(([label, names]) => names.split(',').map((name): [string, Label] => [name, label as Label])),
)

const labelCharsMax = 24

function labelOf(line: string): Label | null {
  const text = line.trimStart().replace(/^[*_•|> ]+/, '')
  const colon = text.slice(0, labelCharsMax).search(/[:：]/)
  if (colon < 1) return null
  return (
    labels.get(
      text
        .slice(0, colon)
        .replace(/[*_ \u00a0]+$/, '')
        .toLowerCase(),
    ) ?? null
  )
}

const blockLinesMax = 16

/**
 * Whether the headers of a quoted message begin at a line: who, when, and to whom or of what. `isBelowRule`: fewer of
 * them will do where a line is drawn above.
 */
export function isHeaderBlock(lines: readonly string[], start: number, isBelowRule: boolean): boolean {
  const first = labelOf(lines[start] ?? '')
  if (first === null) return false
  const seen = new Set<Label>([first])
  let strangers = 0
  let hasAddress = (lines[start] ?? '').includes('@')
  for (let index = start + 1; index < Math.min(lines.length, start + blockLinesMax); index += 1) {
    const line = lines[index] ?? ''
    const label = labelOf(line)
    if (label === null) {
      strangers += 1
      if (strangers > 2) break
      continue
    }
    strangers = 0
    seen.add(label)
    hasAddress ||= line.includes('@')
  }
  if (!seen.has('from')) return false
  if (isBelowRule) return seen.size >= 2
  return seen.has('date') && (seen.has('to') || seen.has('subject')) && (seen.has('subject') || hasAddress)
}
