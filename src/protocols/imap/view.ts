/**
 * A session's view of its selected folder: the messages it was told of, as an ascending array of UIDs. A message's
 * sequence number is its place in it, counted from 1. Only updates.ts changes it, and only together with telling the
 * client (RFC 9051 §7.5.1).
 */
import type { UidRange } from '../../messages/uid-ranges.ts'
import { resolveSequenceRanges, type SequenceSet } from './syntax/sequence-set.ts'

export type FolderView = {
  readonly mailboxId: string
  readonly folderId: string
  readonly readOnly: boolean
  /** Never changed in place: another array takes its place, so that sessions may share one. */
  uids: Uint32Array
  /** Messages from this UID on are still unknown to the client. */
  uidnext: number
  /** Changes up to this MODSEQ are announced or noted in `gone`. */
  modseq: number
  /** Messages from this UID on are \Recent here (RFC 3501 §2.3.2); Infinity: none. */
  recentFrom: number
  /** Something happened in the folder after `modseq`. */
  stale: boolean
  /** Expunged, but the client could not be told yet: they keep their sequence numbers. */
  readonly gone: Set<number>
  /** MODSEQs of this session's own changes, whose outcome the client has seen. */
  readonly ownModseqs: Set<number>
}

/** The place of the first UID that is not below `uid`. */
export function lowerBound(uids: Uint32Array, uid: number): number {
  let low = 0
  let high = uids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((uids[middle] ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return low
}

/** null for a message that the client was not told of. */
export function sequenceOf(view: Pick<FolderView, 'uids'>, uid: number): number | null {
  const at = lowerBound(view.uids, uid)
  return view.uids[at] === uid ? at + 1 : null
}

export function countRecent(view: Pick<FolderView, 'uids' | 'recentFrom'>): number {
  return view.uids.length - lowerBound(view.uids, view.recentFrom)
}

export type RangesResult = { ok: true; ranges: UidRange[] } | { ok: false; text: string }

/**
 * The UIDs that a set means, of messages that the client knows. A UID that does not exist is no error (RFC 9051
 * §6.4.9), a message number that does not exist is (§9 seq-number).
 */
export function uidRangesOf(view: Pick<FolderView, 'uids'>, set: SequenceSet, uid: boolean): RangesResult {
  if (set.kind === 'saved') return { ok: false, text: 'Search results are not saved' }
  const { uids } = view
  const newest = uids.at(-1) ?? 0
  if (uid) {
    const ranges = resolveSequenceRanges(set.ranges, newest)
      .filter((range) => range.from <= newest)
      .map((range) => ({ first: range.from, last: Math.min(range.to, newest) }))
    return { ok: true, ranges }
  }
  const ranges: UidRange[] = []
  for (const { from, to } of resolveSequenceRanges(set.ranges, uids.length)) {
    const first = uids[from - 1]
    const last = uids[to - 1]
    if (first === undefined || last === undefined) return { ok: false, text: 'No such message' }
    ranges.push({ first, last })
  }
  return { ok: true, ranges }
}
