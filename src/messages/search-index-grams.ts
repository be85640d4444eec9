/**
 * Grams: what the index knows of a text. A text is cut into runs of word characters, and of each run every place gives
 * a gram: the next three characters (headers, which are full of random letters) or four (everything else), shorter at
 * the end of the run. A gram is a number whose highest bits are of its first two characters and whose lowest are of its
 * last, so that all grams that begin alike lie together: a text of three characters is looked up as a range.
 *
 * Different grams may have the same number. The index gives messages that may have a text; the text itself decides.
 */

export const indexedFields = ['subject', 'sender', 'recipients', 'cc', 'bcc', 'header', 'content'] as const
export type IndexedField = (typeof indexedFields)[number]

/** A folded text that lies somewhere in a field. */
export type IndexedText = { field: IndexedField; text: string }

/** Grams from `first` to `last`, both included, as signed numbers of 32 bits. */
export type GramRange = { first: number; last: number }

/** UTF-16 units that make a gram. */
export function gramUnits(field: IndexedField): 3 | 4 {
  return field === 'header' ? 3 : 4
}

/** More grams of one text hardly narrow it any further. */
const rangesPerTextMax = 8

/**
 * Calls `take` with every gram of a text, some more than once. At the end of a run the missing characters count as
 * the character 0. A run of one character, or of two outside CJK, has none.
 */
export function forEachGram(text: string, units: 3 | 4, take: (gram: number) => void): void {
  const length = text.length
  for (let start = 0; start < length; ) {
    if (!isWordUnit(text.charCodeAt(start))) {
      start++
      continue
    }
    let end = start + 1
    while (end < length && isWordUnit(text.charCodeAt(end))) end++
    forEachGramOfRun(text, start, end, units, take)
    start = end + 1
  }
}

function forEachGramOfRun(
  text: string,
  start: number,
  end: number,
  units: 3 | 4,
  take: (gram: number) => void,
): void {
  let first = text.charCodeAt(start)
  let second = start + 1 < end ? text.charCodeAt(start + 1) : 0
  let third = start + 2 < end ? text.charCodeAt(start + 2) : 0
  for (let at = start; second !== 0; at++) {
    if (third === 0 && !(isDense(first) && isDense(second))) return
    const fourth = at + 3 < end ? text.charCodeAt(at + 3) : 0
    take(gramOf(first, second, third, units === 4 ? fourth : 0))
    first = second
    second = third
    third = fourth
  }
}

/**
 * The ranges that each have a gram in every text which contains the given one. Empty: its grams say nothing.
 * Evenly spread over the text where there are too many.
 */
export function rangesOf({ field, text }: IndexedText): GramRange[] {
  const units = gramUnits(field)
  const ranges = new Map<number, GramRange>()
  for (const match of text.matchAll(wordRuns)) {
    const run = match[0]
    const isWholeToItsEnd = match.index + run.length < text.length
    for (let at = 0; at + 1 < run.length; at++) {
      const range = rangeAt(run, at, units, isWholeToItsEnd)
      if (range !== null) ranges.set(range.first, range)
    }
  }
  const all = [...ranges.values()]
  if (all.length <= rangesPerTextMax) return all
  const step = (all.length - 1) / (rangesPerTextMax - 1)
  return Array.from(
    { length: rangesPerTextMax },
    (_, n) => all[Math.round(n * step)] ?? { first: 0, last: 0 },
  )
}

/** @param endKnown whether the run ends here in every text that contains this one. */
function rangeAt(run: string, at: number, units: 3 | 4, endKnown: boolean): GramRange | null {
  const unit = (offset: number): number => (at + offset < run.length ? run.charCodeAt(at + offset) : 0)
  const [first, second, third] = [unit(0), unit(1), unit(2)]
  const gram = gramOf(first, second, third, units === 4 ? unit(3) : 0)
  if (at + units <= run.length) return { first: gram, last: gram }
  if (third === 0 && !(isDense(first) && isDense(second))) return null
  if (endKnown) return { first: gram, last: gram }
  if (at > 0) return null // the gram before it says more
  // Any characters may follow, or none.
  return { first: gram, last: gram | (2 ** (third === 0 ? 2 * unitBits : unitBits) - 1) }
}

const unitBits = 7
const pairBits = 32 - 2 * unitBits
const asciiWordUnits = 36

function gramOf(first: number, second: number, third: number, fourth: number): number {
  const last = ((unitCodes[third] ?? 0) << unitBits) | (unitCodes[fourth] ?? 0)
  return (pairCode(first, second) << (2 * unitBits)) | last
}

/**
 * By UTF-16 unit. Digits and letters of ASCII have a code of their own from 1 on; 0 is "no character of a word". Beyond
 * ASCII everything counts as part of a word: what is no letter there is rare and does no harm.
 */
const unitCodes = Uint8Array.from({ length: 2 ** 16 }, (_, unit) => {
  if (unit >= 0x80) {
    const mixed = (Math.imul(unit, 0x9e3779b1) >>> 8) & 0xffff
    return asciiWordUnits + 1 + (mixed % (2 ** unitBits - asciiWordUnits - 1))
  }
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30 + 1
  const isLetter = (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a)
  return isLetter ? (unit & 0x5f) - 0x41 + 11 : 0
})

const asciiPairs = (asciiWordUnits + 1) ** 2

function pairCode(first: number, second: number): number {
  if (first < 0x80 && second < 0x80) {
    return (unitCodes[first] ?? 0) * (asciiWordUnits + 1) + (unitCodes[second] ?? 0)
  }
  const mixed = Math.imul(Math.imul(first, 0x85ebca6b) ^ second, 0x9e3779b1)
  return asciiPairs + (((mixed ^ (mixed >>> 15)) >>> 0) % (2 ** pairBits - asciiPairs))
}

function isWordUnit(unit: number): boolean {
  return unitCodes[unit] !== 0
}

const wordRuns = /[0-9A-Za-z\u0080-\uffff]+/g

/** Scripts from the CJK radicals on, where two characters are a word. */
function isDense(unit: number): boolean {
  return unit >= 0x2e80
}
