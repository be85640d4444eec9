/** UPDATE (RFC 5267 §4.3): what a search found is kept, and its client is told of each message that comes or goes. */
import { mergeUidRanges, rangesOfUids } from '../../../messages/uid-ranges.ts'
import type { SelectedSession } from '../session.ts'
import type { SearchKey } from '../syntax/search-key.ts'
import { resolveSequenceRanges, type SequenceRanges } from '../syntax/sequence-set.ts'
import { type FolderFollower, type FolderView, savedUids, sequenceOf } from '../view.ts'
import { type Correlator, encodeUpdate } from './results.ts'
import { searchFolder } from './search.ts'
import { contextOf, numbersOf } from './searching.ts'

/** Whether a message may come or go by the mere passing of time (RFC 5032): then no event tells of it. */
export function dependsOnTime(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(dependsOnTime)
  return key.kind === 'not' ? dependsOnTime(key.key) : key.kind === 'age'
}

/**
 * @param key what was searched for, with the view of that moment: what it said by number holds for those messages.
 * @param found the UIDs that were found, ascending.
 */
export function createLiveSearch(
  session: SelectedSession,
  correlator: Correlator,
  key: SearchKey,
  found: readonly number[],
): FolderFollower {
  const { view } = session.state
  const frozen = freeze(key, view)
  let matching = Uint32Array.from(found)
  const untold = new Set<number>()

  const tell = async (removed: readonly number[], added: readonly number[]): Promise<void> => {
    if (removed.length + added.length === 0) return
    matching = replaceUids(matching, removed, added)
    const [gone, come] = correlator.uid
      ? [removed, added]
      : [numbersOf(view, removed), numbersOf(view, added)]
    await session.transport.output.write(encodeUpdate(correlator, gone, come))
  }
  return {
    async expunged() {
      const removed = [...view.gone].filter((uid) => hasUid(matching, uid))
      await tell(
        removed.sort((a, b) => a - b),
        [],
      )
    },
    async changed(uids) {
      for (const uid of uids) untold.add(uid)
      const known = [...untold].filter((uid) => sequenceOf(view, uid) !== null && !view.gone.has(uid))
      known.sort((a, b) => a - b)
      if (known.length > 0) {
        const of: SearchKey = { kind: 'uid', set: { kind: 'ranges', ranges: setOf(known) } }
        const wanted: SearchKey = { kind: 'and', keys: [of, frozen] }
        const matches = new Set(await searchFolder(session.platform, contextOf(view), wanted))
        await tell(
          known.filter((uid) => hasUid(matching, uid) && !matches.has(uid)),
          known.filter((uid) => matches.has(uid) && !hasUid(matching, uid)),
        )
      }
      untold.clear()
    },
  }
}

function hasUid(uids: Uint32Array, uid: number): boolean {
  return sequenceOf({ uids }, uid) !== null
}

function replaceUids(
  uids: Uint32Array,
  removed: readonly number[],
  added: readonly number[],
): Uint32Array<ArrayBuffer> {
  const gone = new Set(removed)
  const result = new Uint32Array(uids.length - removed.length + added.length)
  let length = 0
  let next = 0
  for (const uid of uids) {
    for (; next < added.length && (added[next] ?? 0) < uid; next++) result[length++] = added[next] ?? 0
    if (!gone.has(uid)) result[length++] = uid
  }
  for (; next < added.length; next++) result[length++] = added[next] ?? 0
  return result
}

/** Message numbers, `$` and the newest message are those of the moment of the search (RFC 5267 §4.3). */
function freeze(key: SearchKey, view: FolderView): SearchKey {
  switch (key.kind) {
    case 'and':
    case 'or':
      return { kind: key.kind, keys: key.keys.map((one) => freeze(one, view)) }
    case 'not':
      return { kind: 'not', key: freeze(key.key, view) }
    case 'sequence':
    case 'uid': {
      if (key.set.kind === 'saved') return uidKey(setOf(savedUids(view)))
      return uidKey(key.kind === 'uid' ? withoutLoneStar(key.set.ranges, view) : uidsAt(key.set.ranges, view))
    }
    default:
      return key
  }
}

function uidKey(ranges: SequenceRanges): SearchKey {
  // A set of no UID: there is none above the highest.
  return { kind: 'uid', set: { kind: 'ranges', ranges: ranges.length > 0 ? ranges : noUid } }
}

const noUid: SequenceRanges = [{ from: 0xffff_ffff, to: 0xffff_ffff }]

function setOf(uids: Iterable<number>): SequenceRanges {
  return rangesOfUids(uids).map(({ first, last }) => ({ from: first, to: last }))
}

function uidsAt(ranges: SequenceRanges, { uids }: FolderView): SequenceRanges {
  const found = resolveSequenceRanges(ranges, uids.length).flatMap(({ from, to }) => {
    const [first, last] = [uids[from - 1], uids[Math.min(to, uids.length) - 1]]
    return first === undefined || last === undefined ? [] : [{ first, last }]
  })
  return mergeUidRanges(found).map(({ first, last }) => ({ from: first, to: last }))
}

/** `5:*` goes on with the mailbox; `*` alone is one message. */
function withoutLoneStar(ranges: SequenceRanges, { uids }: FolderView): SequenceRanges {
  const newest = uids.at(-1)
  return ranges.flatMap((range) => {
    if (range.from !== '*' || range.to !== '*') return [range]
    return newest === undefined ? [] : [{ from: newest, to: newest }]
  })
}
