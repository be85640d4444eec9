/** Subjects of replies and forwards (RFC 5322 §3.6.5): one mark, whatever marks of which language were there. */

// Words of mail programs in many languages, each before a colon, perhaps with a count: `AW:`, `Re[2]:`, `RE^3 :`, `回复：`.
const replyWords =
  're|aw|antw|antwort|sv|vs|vá|odp|rif|r|ref|res|rép|bls|atb|ynt|yan|nj|отв|ответ|απ|σχετ|回复|回覆|答复|答覆|返信|답장|회신|תשובה|رد'
const forwardWords =
  'fwd?|wg|vb|vl|tr|rv|enc|encam|doorst|i|pd|fs|ilt|yml|továbbítás|пер|πρθ|προωθ|转发|轉寄|轉發|転送|전달|הועבר|إعادة توجيه'

const replyMark = markOf(replyWords)
const forwardMark = markOf(forwardWords)
/** What mailing lists put first: `[name]`. */
const listTag = /\s*(?:\[[^[\]]{1,100}\]\s*)/uy

function markOf(words: string): RegExp {
  return new RegExp(`\\s*(?:${words})\\s*(?:[[(^]\\s*\\d{1,3}\\s*[\\])]?)?\\s*[:：]\\s*`, 'iuy')
}

/** Of a field; RFC 5322 §2.1.1 for the line. */
const subjectCharsMax = 900

/** `Re: ` and the subject without the marks of replies that it began with, also behind the tag of a list. */
export function replySubject(subject: string): string {
  const text = tidy(subject)
  const tag = matched(listTag, text, 0)
  const rest = afterMarks(replyMark, text, tag.length)
  // `Re: [list] Re: x` has marks on both sides.
  const front = afterMarks(replyMark, text, 0)
  if (tag !== '' && rest > tag.length) return bounded(`Re: ${tag}${text.slice(rest)}`)
  const inner = matched(listTag, text, front)
  const end = inner === '' ? front : afterMarks(replyMark, text, front + inner.length)
  return bounded(`Re: ${inner}${text.slice(end)}`)
}

/** `Fwd: ` and the subject without the marks of forwards that it began with; marks of replies stay. */
export function forwardSubject(subject: string): string {
  const text = tidy(subject)
  return bounded(`Fwd: ${text.slice(afterMarks(forwardMark, text, 0))}`)
}

function tidy(subject: string): string {
  return subject.replace(/[\p{Cc}\s]+/gu, ' ').trim()
}

function bounded(subject: string): string {
  return subject.trim().slice(0, subjectCharsMax).toWellFormed()
}

function matched(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

function afterMarks(pattern: RegExp, text: string, from: number): number {
  let at = from
  for (;;) {
    const { length } = matched(pattern, text, at)
    if (length === 0) return at
    at += length
  }
}
