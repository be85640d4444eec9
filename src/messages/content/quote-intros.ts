/**
 * The line that introduces a quote: "On Friday, Ann <ann@example.org> wrote:", in the words of many languages and the
 * shapes of many mail programs. Only plain searches, in a few lines of a bounded length.
 */

/** An introduction is wrapped over so many lines at most. */
export const introLinesMax = 4
const introLineCharsMax = 400

/** Verbs of writing, as they stand in introductions; in lower case. */
const verbs = [
  ...[
    'wrote',
    'writes',
    'said',
    'schrieb',
    'schreef',
    'a écrit',
    'a ecrit',
    'escribió',
    'escribio',
    'escreveu',
  ],
  ...[
    'ha scritto',
    'scrisse',
    'va escriure',
    'ha escrit',
    'skrev',
    'kirjoitti',
    'napisał',
    'napisała',
    'napisał(a)',
  ],
  ...[
    'napsal',
    'napsala',
    'napsal(a)',
    'napísal',
    'napísala',
    'napísal(a)',
    'написал',
    'написала',
    'написал(а)',
  ],
  ...[
    'пишет',
    'писал',
    'пише',
    'написав',
    'написала',
    'написа',
    'yazdı',
    'şunu yazdı',
    'ezt írta',
    'írta',
    'a scris',
  ],
  ...[
    'έγραψε',
    'כתב',
    'כתבה',
    'كتب',
    'menulis',
    'napisao',
    'napisala',
    'napisao je',
    'je napisao',
    'je napisao/la',
  ],
  ...[
    'rašė',
    'rakstīja',
    'kirjutas',
    'skrifaði',
    'đã viết',
    'เขียนว่า',
    'ने लिखा',
    'のメール',
    '書きました',
    'さんは書きました',
    'wrote を',
  ],
  ...['写道', '寫道', '님이 작성', '작성', '님이 씀', 'geschrieben', 'je napisal'],
]

/** Words with which an introduction begins. */
const beginnings = [
  ...[
    'on ',
    'at ',
    'am ',
    'le ',
    'el ',
    'em ',
    'il ',
    'il giorno ',
    'op ',
    'den ',
    'dne ',
    'dňa ',
    'w dniu ',
    'dnia ',
  ],
  ...[
    'no dia ',
    'a(z) ',
    'pe ',
    'på ',
    'în ',
    'la ',
    'στις ',
    'quoting ',
    'zitat von ',
    'citando ',
    'in article ',
  ],
  ...['in message ', 'vào ', 'pada ', 'dana ', 'на ', 'బ', 'בתאריך ', 'ב-', 'في ', 'เมื่อ ', '在 ', '在', 'o '],
]

export type IntroStrength =
  /** Says when and who: it stands for itself. */
  | 'sure'
  /** It is one if a quote follows. */
  | 'likely'

/**
 * What the lines from `start` on introduce a quote with, or null. `lines` are without quote marks.
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
    const text = line.trim()
    if (text === '') return null
    joined = joined === '' ? text : `${joined} ${text}`
    if (count === 1 && !mayEnd(text) && !mayBegin(text)) return null
    if (!mayEnd(text)) continue
    const strength = strengthOf(joined)
    if (strength !== null) return { lines: count, strength }
  }
  return null
}

function mayEnd(text: string): boolean {
  return /[:：]$/.test(text) || /-{2,}$/.test(text)
}

/** The first of several lines has the beginning of a date or an address. */
function mayBegin(text: string): boolean {
  const lower = text.toLowerCase()
  if (!/\d/.test(lower) && !lower.includes('@')) return beginnings.some((word) => lower === word.trim())
  return (
    beginnings.some((word) => lower.startsWith(word)) ||
    /^\p{L}{0,12}[.,]? ?\d|[@]|^\p{L}{2,12}[.,]? /u.test(lower)
  )
}

function strengthOf(joined: string): IntroStrength | null {
  const text = joined
    .replace(/^[-–—*_ ]+/, '')
    .replace(/[-–—*_ ]+$/, '')
    .toLowerCase()
  const isDashed = text.length + 4 <= joined.length
  if (!isDashed && !/[:：]$/.test(text)) return null
  const body = text.replace(/\s*[:：]$/, '')
  const hasVerb = verbs.some((verb) => holdsVerb(body, verb))
  const hasTime = /\d{1,2}[:.hH時点시] ?\d{2}|\d{1,2} ?(?:uhr|시|時|点)/.test(body)
  const hasYear = /(?:19|20)\d\d/.test(body)
  const hasDate = hasYear || /\d{1,4}[./-]\d{1,2}[./-]\d{1,4}/.test(body)
  const hasAddress = /\S@\S/.test(body)
  const begins = beginnings.some((word) => body.startsWith(word))
  if (hasVerb && hasTime && (hasAddress || hasDate)) return 'sure'
  if (hasTime && hasDate && hasAddress) return 'sure'
  if (hasVerb && (hasAddress || hasDate || hasTime)) return 'likely'
  if (hasAddress && (hasDate || hasTime || begins)) return 'likely'
  return hasVerb && body.length <= 80 && !/[.!?;]\s/.test(body) ? 'likely' : null
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
