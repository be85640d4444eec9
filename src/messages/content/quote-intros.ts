/**
 * The line that introduces a quote: "On Friday, Ann <ann@example.org> wrote:", in the words of many languages and the
 * shapes of many mail programs. Only plain searches, in a few lines of a bounded length.
 */
import { introBeginnings, loosened, writingVerbs } from './quote-words.ts'

/** An introduction is wrapped over so many lines at most. */
const introLinesMax = 4
const introLineCharsMax = 400
/** "Ann wrote:" */
const introCharsMin = 6

export type IntroStrength =
  /** Says when and who: it stands for itself. */
  | 'sure'
  /** It is one if a quote follows. */
  | 'likely'

/**
 * What introduces a quote from the line `start` on, or null.
 * @returns how many lines it takes.
 */
export function findIntro(
  lines: readonly string[],
  start: number,
): { lines: number; strength: IntroStrength } | null {
  let joined = ''
  for (let count = 1; count <= introLinesMax; count += 1) {
    const line = lines[start + count - 1]
    if (line === undefined || line.length > introLineCharsMax) return null
    const text = loosened(line)
    if (text === '') return null
    if (count === 1 && !mayEnd(text) && !mayBegin(text)) return null
    joined = count === 1 ? text : `${joined} ${text}`
    if (!mayEnd(text)) continue
    const strength = strengthOf(joined)
    if (strength !== null) return { lines: count, strength }
  }
  return null
}

/** Yahoo for telephones writes the quoted text behind the introduction, on the same line. */
export function hasIntroAndQuote(line: string): boolean {
  if (!/^\s/.test(line)) return false
  const end = line.indexOf(':   ')
  return end > 0 && end < introLineCharsMax && strengthOf(loosened(line.slice(0, end + 1))) === 'sure'
}

function mayEnd(text: string): boolean {
  return text.endsWith(':') || text.endsWith('：') || text.endsWith('--')
}

/** The first of several lines has the beginning of a date, a name with an address, or a word that begins one. */
function mayBegin(text: string): boolean {
  if (text.includes('@')) return true
  if (!/\d/.test(text)) return introBeginnings.some((word) => text === word.trim())
  return introBeginnings.some((word) => text.startsWith(word)) || /^\p{L}{0,12}[.,]? ?\d/u.test(text)
}

function strengthOf(joined: string): IntroStrength | null {
  const text = withoutDashes(joined)
  if (text.length < introCharsMin) return null
  const isDashed = text.length + 4 <= joined.length
  if (!isDashed && !/[:：]$/.test(text)) return null
  const body = text.replace(/ ?[:：]$/, '')
  const hasVerb = writingVerbs.some((verb) => holdsVerb(body, verb))
  const hasTime = /\d{1,2}[:.h時点시] ?\d{2}|\d{1,2} ?(?:uhr|시|時|点)/.test(body)
  const hasDate = /(?:19|20)\d\d|\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}/.test(body)
  const hasAddress = /\S@\S/.test(body)
  if (hasVerb && hasTime && (hasAddress || hasDate)) return 'sure'
  if (hasTime && hasDate && hasAddress) return 'sure'
  if (hasVerb && (hasAddress || hasDate || hasTime)) return 'likely'
  const begins = introBeginnings.some((word) => body.startsWith(word))
  if (hasAddress && (hasDate || hasTime || begins)) return 'likely'
  return hasVerb && body.length <= 80 && !/[.!?;]\s/.test(body) ? 'likely' : null
}

const dashes: ReadonlySet<string> = new Set('-–—*_ ')

/** A pattern for the end would look for it behind each of many dashes. */
function withoutDashes(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && dashes.has(text.charAt(start))) start += 1
  while (end > start && dashes.has(text.charAt(end - 1))) end -= 1
  return text.slice(start, end)
}

/** As a word of its own, but for scripts that write words together. */
function holdsVerb(body: string, verb: string): boolean {
  const at = body.lastIndexOf(verb)
  if (at === -1) return false
  if (/[^\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}()/ ]/u.test(verb)) return true
  const before = body[at - 1] ?? ' '
  const after = body[at + verb.length] ?? ' '
  return !/\p{L}/u.test(before) && !/[\p{L}\d]/u.test(after)
}
