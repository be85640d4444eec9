/**
 * Grams: what the index knows of a text. A text is cut into runs of word characters, and of each run every place gives
 * a gram: the next three characters in headers, which are full of random letters, five elsewhere, three in CJK; fewer
 * at the end of the run. A gram is a number whose highest bits are of its first characters and whose lowest are of its
 * last, so that all grams that begin alike lie together: a shorter text is looked up as a range.
 *
 * Different grams may have the same number. The index gives messages that may have a text; the text itself decides.
 */

export const indexedFields = ['subject', 'sender', 'recipients', 'cc', 'bcc', 'header', 'content'] as const
export type IndexedField = (typeof indexedFields)[number]

/** A folded text that lies somewhere in a field. */
export type IndexedText = { field: IndexedField; text: string }

/** Grams from `first` to `last`, both included, as signed numbers of 32 bits. */
export type GramRange = { first: number; last: number }

/** UTF-16 units that make a gram, but in CJK. */
export type GramUnits = 3 | 5

export function gramUnits(field: IndexedField): GramUnits {
  return field === 'header' ? 3 : 5
}

/** More grams of one text hardly narrow it any further. */
const rangesPerTextMax = 8

/**
 * Calls `take` with every gram of a text, some more than once. At the end of a run the missing characters count as
 * the character 0. A run of one character, or of two outside CJK, has none.
 */
export function forEachGram(text: string, units: GramUnits, take: (gram: number) => void): void {
  const length = text.length
  for (let start = 0; start < length; ) {
    if (!isWordUnit(text.charCodeAt(start))) {
      start++
      continue
    }
    let end = start + 1
    while (end < length && isWordUnit(text.charCodeAt(end))) end++
    for (let at = start; at + 1 < end; at++) {
      if (at + 2 >= end && !isDensePair(text, at)) break
      take(gramAt(text, at, end, units))
    }
    start = end + 1
  }
}

/**
 * The ranges that each have a gram in every text which contains the given one. Empty: its grams say nothing.
 * Evenly spread over the text where there are too many.
 */
export function rangesOf({ field, text }: IndexedText): GramRange[] {
  const ranges = new Map<number, GramRange>()
  for (const match of text.matchAll(wordRuns)) {
    const run = match[0]
    const isWholeToItsEnd = match.index + run.length < text.length
    for (let at = 0; at + 1 < run.length; at++) {
      const range = rangeAt(run, at, gramUnits(field), isWholeToItsEnd)
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
function rangeAt(run: string, at: number, units: GramUnits, endKnown: boolean): GramRange | null {
  const left = run.length - at
  const isDense = isDensePair(run, at)
  if (left === 2 && !isDense) return null
  const gram = gramAt(run, at, run.length, units)
  const missing = Math.max(0, (isDense ? 3 : units) - left)
  if (missing === 0 || endKnown) return { first: gram, last: gram }
  if (at > 0) return null // the gram before it says more
  // Any characters may follow, or none.
  const openBits = isDense ? denseThirdBits : (maxUnits - left) * unitBits
  return { first: gram, last: gram | (2 ** openBits - 1) }
}

const maxUnits = 5
const unitBits = 6
const unitCodesMax = 2 ** unitBits
const asciiWordUnits = 36
const denseThirdBits = 11
const densePairBits = 31 - denseThirdBits

/** The gram at a place of a run that ends before `end`. Its two first characters are there. */
function gramAt(text: string, at: number, end: number, units: GramUnits): number {
  const first = text.charCodeAt(at)
  const second = text.charCodeAt(at + 1)
  const third = at + 2 < end ? text.charCodeAt(at + 2) : 0
  if (first >= denseFrom && second >= denseFrom) return denseGram(first, second, third)
  let gram = (codeOf(first) << (2 * unitBits)) | (codeOf(second) << unitBits) | codeOf(third)
  gram = (gram << unitBits) | (units === 5 && at + 3 < end ? codeOf(text.charCodeAt(at + 3)) : 0)
  return (gram << unitBits) | (units === 5 && at + 4 < end ? codeOf(text.charCodeAt(at + 4)) : 0)
}

/** With the sign bit, which other grams do not have. */
function denseGram(first: number, second: number, third: number): number {
  const pair = mix(Math.imul(first, 0x85ebca6b) ^ second) % 2 ** densePairBits
  const last = third === 0 ? 0 : 1 + (mix(third) % (2 ** denseThirdBits - 1))
  return (1 << 31) | (pair << denseThirdBits) | last
}

function mix(value: number): number {
  const mixed = Math.imul(value, 0x9e3779b1)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/**
 * By UTF-16 unit. Digits and letters of ASCII have a code of their own from 1 on; 0 is "no character of a word". Beyond
 * ASCII everything counts as part of a word: what is no letter there is rare and does no harm.
 */
const unitCodes = Uint8Array.from({ length: 2 ** 16 }, (_, unit) => {
  if (unit >= 0x80) return asciiWordUnits + 1 + (unit % (unitCodesMax - asciiWordUnits - 1))
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30 + 1
  const isLetter = (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a)
  return isLetter ? (unit & 0x5f) - 0x41 + 11 : 0
})

function codeOf(unit: number): number {
  return unitCodes[unit] ?? 0
}

function isWordUnit(unit: number): boolean {
  return unitCodes[unit] !== 0
}

const wordRuns = /[0-9A-Za-z\u0080-\uffff]+/g

/** Scripts from the CJK radicals on, where two characters are a word. */
const denseFrom = 0x2e80

function isDensePair(text: string, at: number): boolean {
  return text.charCodeAt(at) >= denseFrom && text.charCodeAt(at + 1) >= denseFrom
}
