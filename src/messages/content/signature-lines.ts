/** Signatures that no program marks: behind a line of two dashes, and the line that a telephone adds. */

/** "-- " (RFC 3676 §4.3) and what becomes of it: without the space, or as one long dash. */
export function isSignatureDelimiter(line: string): boolean {
  return /^(?:--|—|–) ?$/.test(line)
}

/** Lines below a delimiter that is not exactly RFC 3676's: more are no signature. */
export const looseSignatureLinesMax = 12

const devices =
  '(?:my |an? )?(?:[\\w.+\\-\\u2122\\u00ae]+ ){0,4}?(?:iphone|ipad|ipod|android|galaxy|samsung|phone|mobile|blackberry|windows|outlook|mail|yahoo|huawei|xiaomi|pixel|tablet|smartphone|device|nokia|htc|lg|sony|oneplus|spark|protonmail|proton|gmail|superhuman|mailspring|airmail|aol|thunderbird|handheld|zoho|hey|icloud|mimestream|front|fastmail|tutanota|tuta|gmx|web\\.de|web|bluemail|nine|k-9|boxer|newton|edison|canary|missive|polymail)'
const rest = '[^:?!]{0,80}'
const shapes: readonly RegExp[] = [
  new RegExp(`^(?:sent|written|composed) (?:from|with|via|using|by) ${devices}${rest}$`, 'i'),
  /^sent from my \S.{0,60}$/i,
  /^(?:get|download) (?:outlook|spark|bluemail) for [^.?!]{1,60}$/i,
  /^(?:holen sie sich|laden sie) outlook für [^.?!]{1,60}$/i,
  /^(?:obtenir|télécharger) outlook pour [^.?!]{1,60}$/i,
  /^(?:obtener|obtén|obtenga) outlook para [^.?!]{1,60}$/i,
  /^(?:obter o|obtenha o) outlook para [^.?!]{1,60}$/i,
  /^(?:ottieni|scarica) outlook per [^.?!]{1,60}$/i,
  /^outlook voor [^.?!]{1,40} downloaden[^.?!]{0,60}$/i,
  new RegExp(`^(?:von meinem|von meiner|gesendet von|gesendet mit|diese nachricht wurde von)${rest}$`, 'i'),
  new RegExp(
    `^(?:envoyé (?:de|depuis|à partir de|avec|par)) (?:mon|l[’']|ma|un|le|outlook|yahoo|courrier|proton|mail)${rest}$`,
    'i',
  ),
  new RegExp(
    `^(?:enviado|enviada) (?:desde|do|de|a partir do|pelo|con|com|via) (?:mi|meu|minha|el|o|un|um|outlook|yahoo|correo|e-mail|proton|iphone|samsung|mail)${rest}$`,
    'i',
  ),
  new RegExp(
    `^inviat[oa] (?:da|dal|dallo|con|tramite) ?(?:mio|iphone|ipad|outlook|yahoo|libero|posta|proton|un|il|smartphone|android)${rest}$`,
    'i',
  ),
  new RegExp(
    `^(?:verstuurd|verzonden) (?:vanaf|vanuit|met|via) (?:mijn|outlook|mail|yahoo|proton|een|samsung|iphone)${rest}$`,
    'i',
  ),
  new RegExp(
    `^(?:wysłane|wysłano) z (?:mojego|mojej|iphone|ipad|urządzenia|telefonu|programu|aplikacji|poczty|outlook|androida?|proton)${rest}$`,
    'i',
  ),
  new RegExp(`^(?:skickat|skickades|sänt) från (?:min|mitt|outlook|e-post|yahoo|en|iphone)${rest}$`, 'i'),
  new RegExp(`^sendt fra (?:min|mitt|outlook|mail|e-post|yahoo|en|iphone|ipad|samsung)${rest}$`, 'i'),
  new RegExp(
    `^lähetetty (?:iphone|ipad|laitteesta|samsung|puhelimesta|outlook|android|windows|yahoo|sähköposti)${rest}$`,
    'i',
  ),
  new RegExp(
    `^(?:odesláno|odoslané) (?:z|ze|zo) (?:mého|môjho|iphonu|ipadu|iphone|ipad|mobil|outlook|pošty|aplikace|zařízení|samsung)${rest}$`,
    'i',
  ),
  new RegExp(
    `^(?:отправлено|написано|надіслано) (?:с|из|з) (?:моего|мобильн|устройства|iphone|ipad|android|почты|outlook|яндекс|mail|samsung|мого)${rest}$`,
    'i',
  ),
  /^(?:iphone|ipad|android|samsung|outlook)\S{0,20} (?:cihazımdan |telefonumdan )?gönderildi$/i,
  /^(?:iphone|ipad|android|windows|outlook)\S{0,12} ?から送信(?:されました)?$/i,
  /^私の(?:iphone|ipad)から送信$/i,
  /^(?:发自|從|从|發自) ?我?的? ?.{0,12}(?:iphone|ipad|手机|手機|outlook|网易邮箱|华为|小米).{0,20}$/i,
  /^(?:나의|내) (?:iphone|ipad)에서 보냄$/i,
  /^(?:iphone|ipad|android|outlook)에서 보냄$/i,
]

export function isDeviceLine(line: string): boolean {
  if (line.length > 300) return false
  const text = line
    .trim()
    .replace(/\s*[<(]\s*https?:[^\s<>()]*\s*[)>]/g, '')
    .replace(/[.\s]+$/, '')
  return text.length >= 8 && text.length <= 140 && shapes.some((shape) => shape.test(text))
}

/** The foot that a mailing list adds below a line of underscores. */
export function isListFooter(lines: readonly string[], start: number): boolean {
  return (
    /^_{30,}$/.test(lines[start]?.trim() ?? '') && /\S(?: mailing list|@\S+)/i.test(lines[start + 1] ?? '')
  )
}
