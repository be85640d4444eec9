/** VANISHED, RFC 7162 §3.2.10: UIDs of messages that are gone, in place of EXPUNGE or as news of an earlier time. */
import { readExpungedUids } from '../../messages/folder-news.ts'
import { lowerBound } from '../../messages/uid-arrays.ts'
import { rangesOfUids } from '../../messages/uid-ranges.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Output } from '../output.ts'
import { encodeNumberRanges, type NumberRange } from './syntax/sequence-set.ts'
import type { FolderView } from './view.ts'

/** Ranges of one response: a line that clients can hold. */
const rangesPerLineMax = 500

export async function writeVanished(
  output: Output,
  ranges: readonly NumberRange[],
  options: { earlier: boolean },
): Promise<void> {
  const start = options.earlier ? '* VANISHED (EARLIER)' : '* VANISHED'
  for (let at = 0; at < ranges.length; at += rangesPerLineMax) {
    const set = encodeNumberRanges(ranges.slice(at, at + rangesPerLineMax))
    await output.write(`${start} ${set}\r\n`)
  }
}

/**
 * Which of the UIDs that a client knows were expunged after a MODSEQ (RFC 7162 §3.2.5.1, §3.2.6). When that is not
 * known so far back, all that are not there: a client may hear again of what it knows to be gone.
 * @param known ascending and apart.
 * @param floor up to this UID the client knows what is there (§3.2.5.2).
 */
export async function findVanished(
  platform: Platform,
  view: FolderView,
  known: readonly NumberRange[],
  modseq: number,
  floor: number,
): Promise<NumberRange[]> {
  const expunged = await readExpungedUids(platform, view, modseq)
  // What is in the view was expunged so late that it has its place in the client's numbers: it is told as such.
  if (expunged === null) return missingUids(view.uids, clip(known, floor + 1, view.uidnext - 1))
  const ranges = clip(known, 1, view.uidnext - 1)
  let at = 0
  const told = expunged.filter((uid) => {
    while ((ranges[at]?.to ?? Number.POSITIVE_INFINITY) < uid) at++
    return (
      (ranges[at]?.from ?? Number.POSITIVE_INFINITY) <= uid && view.uids[lowerBound(view.uids, uid)] !== uid
    )
  })
  return rangesOfUids(told).map(({ first, last }) => ({ from: first, to: last }))
}

function clip(ranges: readonly NumberRange[], from: number, to: number): NumberRange[] {
  return ranges
    .map((range) => ({ from: Math.max(range.from, from), to: Math.min(range.to, to) }))
    .filter((range) => range.from <= range.to)
}

/** The numbers of the ranges that are no UID. */
export function missingUids(uids: Uint32Array, ranges: readonly NumberRange[]): NumberRange[] {
  const missing: NumberRange[] = []
  for (const { from, to } of ranges) {
    let next = from
    for (let at = lowerBound(uids, from); at < uids.length && next <= to; at++) {
      const uid = uids[at] ?? to
      if (uid > to) break
      if (uid > next) missing.push({ from: next, to: uid - 1 })
      next = uid + 1
    }
    if (next <= to) missing.push({ from: next, to })
  }
  return missing
}
