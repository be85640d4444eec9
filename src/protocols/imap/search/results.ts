/** What a searching command gives back: SEARCH, SORT and ESEARCH responses (RFC 4731, RFC 5256, RFC 5267, RFC 9394). */
import { encodeString } from '../syntax/encode.ts'
import type { SearchReturn } from '../syntax/search-key.ts'
import type { PartialRange } from '../syntax/sequence-set.ts'

/** `uid`: the numbers are UIDs. */
export type Correlator = { tag: string; uid: boolean }

/** `* SEARCH 2 3 (MODSEQ 7)`, RFC 7162 §3.1.6. */
export function encodePlain(
  name: 'SEARCH' | 'SORT',
  numbers: readonly number[],
  modseq: number | null,
): string {
  const list = numbers.length > 0 ? ` ${numbers.join(' ')}` : ''
  return `* ${name}${list}${modseq === null ? '' : ` (MODSEQ ${modseq})`}\r\n`
}

/** @param numbers all that was found, in the order that was asked for. What is not there is left out. */
export function encodeEsearch(
  correlator: Correlator,
  returns: SearchReturn,
  numbers: readonly number[],
  modseq: number | null,
): string {
  const items: string[] = []
  const [first] = numbers
  const last = numbers.at(-1)
  if (returns.min && first !== undefined) items.push(`MIN ${first}`)
  if (returns.max && last !== undefined) items.push(`MAX ${last}`)
  if (returns.count) items.push(`COUNT ${numbers.length}`)
  if (returns.all && first !== undefined) items.push(`ALL ${encodeInOrder(numbers)}`)
  if (returns.partial !== null) {
    const { from, to } = returns.partial
    items.push(`PARTIAL (${from}:${to} ${encodeInOrder(partOf(numbers, returns.partial)) || 'NIL'})`)
  }
  if (modseq !== null) items.push(`MODSEQ ${modseq}`)
  return encodeItems(correlator, items)
}

/** ADDTO and REMOVEFROM (RFC 5267 §4.3.2). Position 0: wherever the mailbox's order puts them. */
export function encodeUpdate(
  correlator: Correlator,
  removed: readonly number[],
  added: readonly number[],
): string {
  const items: string[] = []
  if (removed.length > 0) items.push(`REMOVEFROM (0 ${encodeInOrder(removed)})`)
  if (added.length > 0) items.push(`ADDTO (0 ${encodeInOrder(added)})`)
  return encodeItems(correlator, items)
}

function encodeItems({ tag, uid }: Correlator, items: readonly string[]): string {
  return `${['* ESEARCH', `(TAG ${encodeString(tag)})`, ...(uid ? ['UID'] : []), ...items].join(' ')}\r\n`
}

/** Of what was found, the messages that `$` keeps (RFC 5182 §2.4, RFC 9394 §3.2) and that MODSEQ is of (RFC 4731 §3.2). */
export function chosenOf(found: readonly number[], returns: SearchReturn | null): readonly number[] {
  if (returns === null || returns.all || returns.count) return found
  const { min, max, partial } = returns
  if (!min && !max && partial === null) return found
  const ends = [...(min ? found.slice(0, 1) : []), ...(max ? found.slice(-1) : [])]
  return [...new Set([...ends, ...(partial === null ? [] : partOf(found, partial))])]
}

/** PARTIAL: 1:100 counts from the first, -1:-100 from the last; the order of the two ends does not matter. */
export function partOf(found: readonly number[], { from, to }: PartialRange): readonly number[] {
  const low = Math.min(from, to)
  const high = Math.max(from, to)
  if (low > 0) return found.slice(low - 1, high)
  return found.slice(Math.max(0, found.length + low), Math.max(0, found.length + high + 1))
}

/** A sequence-set of numbers in any order: only those that follow each other upwards become a range (RFC 5267 §3.2). */
export function encodeInOrder(numbers: readonly number[]): string {
  const parts: string[] = []
  let start = 0
  for (const [at, number] of numbers.entries()) {
    if (numbers[at + 1] === number + 1) continue
    const first = numbers[start] ?? number
    parts.push(first === number ? `${number}` : `${first}:${number}`)
    start = at + 1
  }
  return parts.join(',')
}
