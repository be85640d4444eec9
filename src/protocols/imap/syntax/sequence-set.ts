/** sequence-set, RFC 9051 §9, for message numbers and UIDs alike; `$` is the saved result of RFC 5182. */
import { imapSyntaxLimits } from './limits.ts'
import { type Reader, uint32Max } from './reader.ts'

/** `*` is the largest number in use. The order of the two ends is the client's: 5:2 and *:3 are allowed. */
export type SequenceRange = { from: number | '*'; to: number | '*' }
export type SequenceRanges = readonly SequenceRange[]
export type SequenceSet = { kind: 'ranges'; ranges: SequenceRanges } | { kind: 'saved' }

/** Ascending, not touching each other, from <= to. */
export type NumberRange = { from: number; to: number }

/** RFC 9394 §3.1: 1:100 counts from the oldest, -1:-100 from the newest. Both ends have the same sign. */
export type PartialRange = { from: number; to: number }

const setPattern = /[\d*:,]+/y
const rangePattern = /^([1-9]\d{0,9}|\*)(?::([1-9]\d{0,9}|\*))?$/
const partialPattern = /(-?)([1-9]\d{0,9}):(-?)([1-9]\d{0,9})/y

export function readSequenceSet(reader: Reader): SequenceSet {
  if (reader.skip('$')) return { kind: 'saved' }
  return { kind: 'ranges', ranges: readSequenceRanges(reader) }
}

/** Without `$`: QRESYNC's known UIDs and the like. */
export function readSequenceRanges(reader: Reader): SequenceRanges {
  const [text] = reader.match(setPattern) ?? reader.fail('Expected a sequence set')
  const items = text.split(',', imapSyntaxLimits.sequenceRangesMax + 1)
  if (items.length > imapSyntaxLimits.sequenceRangesMax) reader.fail('Too many ranges in a sequence set')
  return items.map((item) => {
    const [, from = '', to = from] = rangePattern.exec(item) ?? reader.fail('Malformed sequence set')
    return { from: sequenceNumber(from, reader), to: sequenceNumber(to, reader) }
  })
}

function sequenceNumber(text: string, reader: Reader): number | '*' {
  if (text === '*') return '*'
  const value = Number(text)
  return value <= uint32Max ? value : reader.fail('Number too large in a sequence set')
}

export function readPartialRange(reader: Reader): PartialRange {
  const [, signFrom = '', from = '', signTo = '', to = ''] =
    reader.match(partialPattern) ?? reader.fail('Expected a partial range')
  if (signFrom !== signTo) reader.fail('Both ends of a partial range have the same sign')
  if (Number(from) > uint32Max || Number(to) > uint32Max) reader.fail('Number too large in a partial range')
  return { from: Number(signFrom + from), to: Number(signTo + to) }
}

/**
 * Puts `largest` in the place of `*`, orders and merges. RFC 9051 §9: 500:* holds the largest number even when that is
 * below 500. With nothing in use (`largest` 0) `*` stands for nothing.
 */
export function resolveSequenceRanges(ranges: SequenceRanges, largest: number): NumberRange[] {
  const resolved: NumberRange[] = []
  for (const range of ranges) {
    const from = range.from === '*' ? largest : range.from
    const to = range.to === '*' ? largest : range.to
    if (from === 0 || to === 0) continue
    resolved.push({ from: Math.min(from, to), to: Math.max(from, to) })
  }
  return mergeRanges(resolved)
}

function mergeRanges(ranges: NumberRange[]): NumberRange[] {
  ranges.sort((a, b) => a.from - b.from)
  const merged: NumberRange[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
    else merged.push({ ...range })
  }
  return merged
}

/** `[1,2,3,5]` -> `1:3,5`. The numbers are ascending; no numbers give the empty string, which is no sequence-set. */
export function encodeSequenceSet(ascending: Iterable<number>): string {
  const parts: string[] = []
  let from = 0
  let to = 0
  for (const number of ascending) {
    if (from !== 0 && number <= to + 1) {
      to = number
      continue
    }
    if (from !== 0) parts.push(encodeRange(from, to))
    from = number
    to = number
  }
  if (from !== 0) parts.push(encodeRange(from, to))
  return parts.join(',')
}

export function encodeNumberRanges(ranges: Iterable<NumberRange>): string {
  return Array.from(ranges, (range) => encodeRange(range.from, range.to)).join(',')
}

function encodeRange(from: number, to: number): string {
  return from === to ? String(from) : `${from}:${to}`
}
