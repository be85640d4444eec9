/** The words of mail programs around quotes, in many languages; all in lower case, as `loosened` makes them. */

function listed(words: string): readonly string[] {
  return words.split('|')
}

/** For comparing: in lower case, without marks that are not seen, all spaces alike. */
export function loosened(text: string): string {
  return text
    .replace(/[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g, '')
    .replace(/[\u00a0\u202f\u2009]/g, ' ')
    .trim()
    .toLowerCase()
    .replaceAll('\u0307', '') // what becomes of the Turkish capital i with a dot
}

/** Verbs of writing, as they stand in introductions. */
export const writingVerbs = listed(
  'wrote|writes|said|schrieb|schreef|a écrit|a ecrit|escribió|escribio|escreveu|ha scritto|scrisse' +
    '|va escriure|ha escrit|skrev|kirjoitti|napisał|napisała|napisał(a)|napsal|napsala|napsal(a)|napísal' +
    '|napísala|napísal(a)|написал|написала|написал(а)|пишет|писал|пише|написав|написа|yazdı|şunu yazdı' +
    '|ezt írta|írta|a scris|έγραψε|כתב|כתבה|كتب|menulis|napisao|napisala|napisao je|je napisao' +
    '|je napisao/la|rašė|rakstīja|kirjutas|skrifaði|đã viết|เขียนว่า|ने लिखा|のメール|書きました|さんは書きました|写道|寫道' +
    '|님이 작성|작성|님이 씀|geschrieben|je napisal|pisze|schreibt|skriver|yazmış|şunları yazdı|napisał/a' +
    '|geschreven',
)

/** Words with which an introduction begins; a space belongs to the word. */
export const introBeginnings = listed(
  'on |at |am |le |el |em |il |il giorno |op |den |dne |dňa |w dniu |dnia |no dia |a(z) |pe |på |în ' +
    '|la |στις |quoting |zitat von |citando |in article |in message |vào |pada |dana |на |בתאריך |ב-|في ' +
    '|เมื่อ |在 |在|o |missatge de |wiadomość napisana |сообщение от ',
)

/** Titles of messages that are quoted as a whole, without the dashes around them. */
export const dashedTitles = listed(
  'original message|original appointment|original email|original mail|forwarded message|forwarded mail' +
    '|forwarded by|reply message|replied message|original|original e-mail|forwarded email|forward' +
    '|ursprüngliche nachricht|ursprungliche nachricht|originalnachricht|original-nachricht' +
    "|weitergeleitete nachricht|ursprünglicher termin|message original|message d'origine" +
    "|message d’origine|message transféré|courriel original|e-mail d'origine|mensaje original" +
    '|mensaje reenviado|mensagem original|mensagem encaminhada|mensagem reencaminhada|messaggio originale' +
    '|messaggio inoltrato|messaggio originario|oorspronkelijk bericht|origineel bericht' +
    '|doorgestuurd bericht|wiadomość oryginalna|oryginalna wiadomość|wiadomość przekazana' +
    '|przekazana wiadomość|treść przekazanej wiadomości|ursprungligt meddelande|originalmeddelande' +
    '|vidarebefordrat meddelande|vidarebefordrat brev|oprindelig meddelelse|original meddelelse' +
    '|videresendt meddelelse|videresendt besked|videresendt melding|opprinnelig melding|original melding' +
    '|alkuperäinen viesti|välitetty viesti|edelleenlähetetty viesti|původní zpráva|přeposlaná zpráva' +
    '|původní e-mail|pôvodná správa|preposlaná správa|исходное сообщение|исходное письмо' +
    '|пересылаемое сообщение|пересланное сообщение|перенаправленное сообщение|оригинальное сообщение' +
    '|початкове повідомлення|переслане повідомлення|orijinal mesaj|özgün ileti|orijinal ileti' +
    '|iletilen mesaj|yönlendirilmiş ileti|yönlendirilen ileti|元のメッセージ|転送されたメッセージ|転送メッセージ|元のメール|原始邮件|原始郵件' +
    '|原邮件|邮件原件|转发邮件信息|转发的邮件|轉寄的郵件|回复的原邮件|回复的邮件|轉寄郵件|원본 메시지|원본 메일|전달된 메시지|전달된 메일|eredeti üzenet' +
    '|továbbított üzenet|mesaj original|mesajul original|mesaj redirecționat|αρχικό μήνυμα' +
    '|προωθημένο μήνυμα|הודעה מקורית|הודעה שהועברה|الرسالة الأصلية|رسالة معاد توجيهها|missatge original' +
    '|originalna poruka|izvorno sporočilo',
)

/** Those that Apple Mail writes without dashes. */
export const plainTitles = listed(
  'begin forwarded message:|anfang der weitergeleiteten nachricht:|début du message réexpédié :' +
    '|début du message transféré :|inizio messaggio inoltrato:|inicio del mensaje reenviado:' +
    '|início da mensagem encaminhada:|início da mensagem reencaminhada:|begin doorgestuurd bericht:' +
    '|początek przekazanej wiadomości:|vidarebefordrat mejl:|vidarebefordrat brev:' +
    '|start på videresendt besked:|videresendt melding:|start på videresendt melding:' +
    '|välitetty viesti alkaa:|začátek přeposlané zprávy:|начало переадресованного сообщения:' +
    '|iletilen ileti başlangıcı:|yönlendirilen mesajın başlangıcı:|転送されたメッセージ:|開始轉寄郵件：|开始转发的邮件：' +
    '|下面是被转发的邮件：|以下是轉寄的郵件：|전달된 메시지 시작:|전달된 메시지:',
)
