/**
 * A session's view of its selected folder: the messages it was told of, as an ascending array of UIDs. A message's
 * sequence number is its place in it, counted from 1. Only updates.ts changes it, and only together with telling the
 * client (RFC 9051 §7.5.1).
 */
import { lowerBound } from '../../messages/uid-arrays.ts'
import { mergeUidRanges, rangesOfUids, type UidRange } from '../../messages/uid-ranges.ts'
import { type PartialRange, resolveSequenceRanges, type SequenceSet } from './syntax/sequence-set.ts'

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
  /** Messages from this UID on are \Recent here (RFC 3501 §2.3.2); Infinity: none, as always in IMAP4rev2. */
  recentFrom: number
  /** Messages that were taken as \Recent for this session when it stored them; null: none. */
  claimed: UidRange | null
  /** Something happened in the folder after `modseq`. */
  stale: boolean
  /** It is known from the database itself: events may not have told of it yet. */
  mustRead: boolean
  /** Expunged, but the client could not be told yet: they keep their sequence numbers. */
  readonly gone: Set<number>
  /** The lowest MODSEQ at which something in `gone` was expunged. */
  goneFrom: number
  /** MODSEQs of this session's own changes, whose outcome the client has seen. */
  readonly ownModseqs: Set<number>
  /** The keywords that the client was told of, by their names in lower case (RFC 9051 §7.3.5). */
  readonly keywords: Map<string, string>
  /** What `$` stands for (RFC 5182), ascending UIDs; those of expunged messages count for nothing. */
  saved: readonly number[]
  /** Who tells the client more of each change (RFC 5267), by the tag of the command that asked for it. */
  readonly followers: Map<string, FolderFollower>
}

/** Follows what the client is told of the folder. Both are called again for what failed before. */
export type FolderFollower = {
  /** `gone` has grown; its messages still have their sequence numbers. */
  expunged(): Promise<void>
  /** The client was told of these: new ones, and such as changed. */
  changed(uids: Iterable<number>): Promise<void>
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
export function uidRangesOf(
  view: Pick<FolderView, 'uids' | 'saved'>,
  set: SequenceSet,
  uid: boolean,
): RangesResult {
  if (set.kind === 'saved') return { ok: true, ranges: rangesOfUids(savedUids(view)) }
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

/** What `$` stands for now: the messages of the result that are still there, ascending. */
export function savedUids({ uids, saved }: Pick<FolderView, 'uids' | 'saved'>): number[] {
  let at = 0
  return saved.filter((uid) => {
    while ((uids[at] ?? Number.POSITIVE_INFINITY) < uid) at++
    return uids[at] === uid
  })
}

/** What is both in the view and in a set of UIDs, as ranges; PARTIAL (RFC 9394 §3.3) counts in it. */
export function partOfRanges(
  view: Pick<FolderView, 'uids'>,
  ranges: readonly UidRange[],
  partial: PartialRange,
): UidRange[] {
  const { uids } = view
  const places = mergeUidRanges(ranges).map(({ first, last }) => ({
    from: lowerBound(uids, first),
    to: lowerBound(uids, last + 1),
  }))
  const count = places.reduce((sum, { from, to }) => sum + to - from, 0)
  const [low, high] = [Math.min(partial.from, partial.to), Math.max(partial.from, partial.to)]
  let skip = Math.max(0, low > 0 ? low - 1 : count + low)
  let left = Math.min(count, low > 0 ? high : count + high + 1) - skip
  const part: UidRange[] = []
  for (const { from, to } of places) {
    const start = Math.min(to, from + skip)
    skip -= start - from
    const end = Math.min(to, start + Math.max(0, left))
    left -= end - start
    const [first, last] = [uids[start], uids[end - 1]]
    if (start < end && first !== undefined && last !== undefined) part.push({ first, last })
  }
  return part
}
