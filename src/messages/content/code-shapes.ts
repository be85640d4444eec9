/** What in a text has the shape of a one-time code, by its characters and its neighbours alone. */

export type ShapeKind = 'digits' | 'groups' | 'prefixed' | 'mixed' | 'letters'

export type Shape = {
  kind: ShapeKind
  /** As a person would enter it: digits without what stands between their groups. */
  code: string
  start: number
  end: number
  /** It is all there is on its line. */
  isAlone: boolean
  /** It could as well be a year or a day. */
  isDateLike: boolean
}

const codeCharsMax = 14
const wordPattern = /[A-Za-z0-9]+(?:[-–][A-Za-z0-9]+)*/g

type Word = { text: string; start: number; end: number }

/** In their order. @param text with its whitespace collapsed, and without what `withoutAddresses` takes out. */
export function* findShapes(text: string): Generator<Shape, void> {
  let held: Word[] = []
  for (const found of text.matchAll(wordPattern)) {
    const word = { text: found[0], start: found.index, end: found.index + found[0].length }
    const last = held.at(-1)
    const joins =
      last !== undefined &&
      isDigits(word.text) &&
      word.start === last.end + 1 &&
      /\s/.test(text.charAt(last.end)) &&
      (text.charAt(last.end) === ' ' || word.text.length === 1)
    if (!joins) {
      yield* shapesOf(text, held)
      held = []
    }
    if (joins || isDigits(word.text)) held.push(word)
    else yield* shapesOf(text, [word])
  }
  yield* shapesOf(text, held)
}

/** @param words one word, or numbers with one space between them. */
function* shapesOf(text: string, words: readonly Word[]): Generator<Shape, void> {
  const first = words[0]
  const last = words.at(-1)
  if (first === undefined || last === undefined) return
  const joined = words.length === 1 ? null : joinedCode(words.map((word) => word.text))
  if (joined !== null) {
    const shape = shapeAt(text, joined.length > 10 ? null : 'groups', joined, first.start, last.end)
    if (shape !== null) yield shape
    return
  }
  if (words.length > 2) return // a table, a telephone number, a card
  for (const word of words) {
    const { kind, code } = kindOf(word.text)
    const shape = shapeAt(text, kind, code, word.start, word.end)
    if (shape !== null) yield shape
  }
}

/** Groups of one length, as `123 456` or `1 2 3 4 5 6`; null for numbers that only stand beside each other. */
function joinedCode(groups: readonly string[]): string | null {
  const length = groups[0]?.length ?? 0
  if (groups.some((group) => group.length !== length)) return null
  const isCode = length === 1 ? groups.length >= 4 && groups.length <= 8 : groups.length <= 3 && length <= 4
  return isCode && groups.length * length >= 4 ? groups.join('') : null
}

function isDigits(text: string): boolean {
  return /^\d+$/.test(text)
}

function kindOf(word: string): { kind: ShapeKind | null; code: string } {
  const none = { kind: null, code: word }
  if (word.length < 4 || word.length > codeCharsMax) return none
  if (isDigits(word)) return word.length <= 10 ? { kind: 'digits', code: word } : none
  const groups = word.split(/[-–]/)
  if (groups.length > 1) return groupedKind(word, groups)
  const hasDigit = /\d/.test(word)
  if (hasDigit && word.length <= 12) return { kind: isMixed(word) ? 'mixed' : null, code: word }
  return /^[A-Z]{4,10}$/.test(word) ? { kind: 'letters', code: word } : none
}

/** Not `100px`, `2nd` or `SAVE2026`: a number and its unit, a word and its number, the beginning of an IBAN. */
function isMixed(word: string): boolean {
  return word.length >= 5 && !/^\d+[a-z]{1,3}$/.test(word) && !/^[A-Za-z]{4,}\d{1,4}$/.test(word)
}

function groupedKind(word: string, groups: readonly string[]): { kind: ShapeKind | null; code: string } {
  const length = groups[0]?.length ?? 0
  const isEven = groups.length <= 3 && groups.every((group) => group.length === length)
  if (groups.every(isDigits)) {
    // 555-123-4567 is a telephone number, 2024-01-15 a day.
    if (length === 1 && groups.length >= 4) return { kind: 'groups', code: groups.join('') }
    return isEven && length >= 2 && word.length >= 6 && length <= 4
      ? { kind: 'groups', code: groups.join('') }
      : { kind: null, code: word }
  }
  if (/^[A-Z]{1,3}-\d{4,8}$/.test(word)) return { kind: 'prefixed', code: word }
  const isUpper = groups.every((group) => /^[A-Z0-9]+$/.test(group))
  return { kind: isEven && isUpper && length >= 3 && length <= 5 ? 'mixed' : null, code: word }
}

/** What may not stand directly before and after a code. `\p{Script=Latin}`: the rest of a word with an accent. */
const badBefore = /[@_/\\=&%~^+$€£¥₩₽₹#.,:'’\p{Script=Latin}\p{Script=Cyrillic}-]$/u
const badAfter =
  /^(?:[@_/\\=&%~^+€£¥₩₽°]|[.,:'’–-][\p{L}\p{N}]|[\p{Script=Latin}\p{Script=Cyrillic}]|[円元年月日원년층번号號名人件個个倍]|,\d)/u
/** A currency or a unit beside it. */
const moneyBefore = /(?:[$€£¥₩₽₹]|\b(?:usd|eur|gbp|chf|jpy|inr|pln|brl|rs|kr|r\$)) ?$/i
const unitAfter =
  /^ ?(?:%|€|£|\$|usd\b|eur\b|gbp\b|chf\b|kr\b|zł|pln\b|руб|₽|円|元|원|users?\b|people\b|items?\b|points?\b|views\b|followers\b|subscribers\b|downloads\b|customers\b|members\b|steps\b|words\b|characters\b|minutes?\b|hours?\b|days?\b|km\b|kg\b|gb\b|mb\b|px\b|am\b|pm\b|uhr\b|punkte\b|points\b|puntos\b)/i

function shapeAt(
  text: string,
  kind: ShapeKind | null,
  code: string,
  start: number,
  end: number,
): Shape | null {
  if (kind === null) return null
  const before = text.slice(Math.max(0, start - 6), start)
  const after = text.slice(end, end + 14)
  if (isBadBefore(before) || badAfter.test(after)) return null
  if (kind === 'digits' && (moneyBefore.test(before) || unitAfter.test(after))) return null
  if (/\(\d{2,4}\) ?$/.test(before)) return null // an area code
  const isAlone = startsLine(text, start) && endsLine(text, end)
  return { kind, code, start, end, isAlone, isDateLike: isDateLike(code) }
}

/** A mark that ends a sentence or opens a code is no part of it: `code:123456`, `is.123456`. */
function isBadBefore(before: string): boolean {
  if (!badBefore.test(before)) return false
  return !/(?:[^\d\s][:.,]|^[:.,]|[^\w\s]['’])$/u.test(before)
}

/** Marks around a code that stands alone: a few stars or spaces. */
const decorationCharsMax = 10

function startsLine(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - decorationCharsMax), start)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  return (line.length < decorationCharsMax || start === decorationCharsMax) && isDecoration(line)
}

function endsLine(text: string, end: number): boolean {
  const rest = text.slice(end, end + decorationCharsMax)
  const line = rest.includes('\n') ? rest.slice(0, rest.indexOf('\n')) : rest
  return line.length < decorationCharsMax && isDecoration(line)
}

function isDecoration(text: string): boolean {
  return !/[\p{L}\p{N}]/u.test(text)
}

function isDateLike(code: string): boolean {
  return /^(?:19|20)\d\d$/.test(code) || /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])$/.test(code)
}

const urlPattern = /(?:https?:\/\/|www\.)[^\s<>"'「」【】（），。、]*/gi

/** The text with every URL and mail address blanked: their numbers are no codes. Places stay. */
export function withoutAddresses(text: string): string {
  const plain = text.replace(urlPattern, (url) => ' '.repeat(url.length))
  if (!plain.includes('@')) return plain
  const pieces: string[] = []
  let done = 0
  for (let at = plain.indexOf('@'); at !== -1; at = plain.indexOf('@', Math.max(at + 1, done))) {
    let start = at
    while (start > done && at - start < 64 && /[\w.+%-]/.test(plain.charAt(start - 1))) start--
    let end = at + 1
    while (end < plain.length && end - at < 255 && /[\w.-]/.test(plain.charAt(end))) end++
    pieces.push(plain.slice(done, start), ' '.repeat(end - start))
    done = end
  }
  pieces.push(plain.slice(done))
  return pieces.join('')
}
