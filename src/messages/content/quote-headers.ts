/**
 * What stands above a message that is quoted or forwarded as a whole: "-----Original Message-----" and the lines From, Sent,
 * To and Subject.
 */
import { dashedTitles, loosened, plainTitles } from './quote-words.ts'

const dashed: ReadonlySet<string> = new Set(dashedTitles)
const plain: ReadonlySet<string> = new Set(plainTitles)

export function isQuoteTitle(line: string): boolean {
  if (line.length > 120) return false
  const text = loosened(line)
  if (plain.has(text)) return true
  const bare = text.replace(/^[-‐‑–—_=*+#~ ]+/, '').replace(/[-‐‑–—_=*+#~: ：]+$/, '')
  if (text.length - bare.length < 4) return false
  return dashed.has(bare) || bare.startsWith('forwarded by ')
}

type Label = 'from' | 'date' | 'to' | 'subject' | 'other'

const labels: ReadonlyMap<string, Label> = namesOf({
  from: 'from,von,de,da,van,od,från,fra,lähettäjä,от,от кого,від,kimden,gönderen,差出人,送信者,发件人,寄件者,寄件人,보낸 사람,보낸사람,feladó,remitente,expéditeur,mittente,afzender,afsender,avsändare,nadawca,odesílatel,odosielateľ,отправитель,από,מאת,من,de la,expeditor,šalje',
  date: 'sent,date,sent at,gesendet,datum,envoyé,enviado,enviada em,enviado el,enviado em,data,fecha,inviato,verzonden,wysłano,wysłane,skickat,sendt,dato,lähetetty,päivämäärä,päiväys,odesláno,odoslané,dátum,отправлено,дата,надіслано,gönderildi,gönderme tarihi,tarih,送信日時,日時,日付,发送时间,日期,傳送時間,寄件日期,时间,보낸 날짜,날짜,küldve,trimis,στάλθηκε,ημερομηνία,נשלח,תאריך,تاريخ الإرسال,التاريخ,enviat',
  to: 'to,an,à,a,para,aan,do,till,til,vastaanottaja,komu,кому,kime,alıcı,宛先,收件人,收件者,받는 사람,받는사람,címzett,către,προς,אל,إلى,per a,destinataire,destinatario,empfänger',
  subject:
    'subject,betreff,objet,asunto,assunto,oggetto,onderwerp,temat,ämne,emne,aihe,předmět,predmet,тема,konu,件名,主题,主旨,제목,tárgy,subiect,θέμα,נושא,الموضوع,assumpte,re',
  other:
    'cc,bcc,kopie,copie,kopia,kopi,kopio,копия,bilgi,抄送,副本,참조,importance,priority,reply-to,organization,attachments,wichtigkeit,importancia,antwort an,newsgroups',
})

function namesOf(byLabel: Record<Label, string>): ReadonlyMap<string, Label> {
  const labels = ['from', 'date', 'to', 'subject', 'other'] as const
  return new Map(
    labels.flatMap((label) => byLabel[label].split(',').map((name): [string, Label] => [name, label])),
  )
}

/** Of the beginning of a line, with what may stand before the label. */
const labelCharsMax = 40

function labelOf(line: string): Label | null {
  const begins = line.slice(0, labelCharsMax)
  const colon = begins.search(/[:：]/)
  if (colon < 1) return null
  const name = loosened(begins.slice(0, colon)).replace(/^[*_•|> ]+/, '')
  return labels.get(name.replace(/[*_ ]+$/, '')) ?? null
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
