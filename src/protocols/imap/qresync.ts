/** The QRESYNC parameter of SELECT and EXAMINE, RFC 7162 §3.2.5: what a client missed since it was last here. */
import { readChangedUids } from '../../messages/folder-news.ts'
import { isInRanges, rangesOfUids } from '../../messages/uid-ranges.ts'
import { toModseq } from './condstore.ts'
import { writeFetch } from './fetch/fetch.ts'
import { tellKeywords } from './flags-response.ts'
import type { AuthenticatedSession } from './session.ts'
import type { Qresync } from './syntax/commands.ts'
import { resolveSequenceRanges, type SequenceRanges } from './syntax/sequence-set.ts'
import { findVanished, writeVanished } from './vanished.ts'
import { type FolderView, sequenceOf } from './view.ts'

/** What makes the parameter a bad one; null when nothing does. */
export function qresyncFault(session: AuthenticatedSession, qresync: Qresync): string | null {
  if (!session.enabled.has('QRESYNC')) return 'QRESYNC needs ENABLE QRESYNC'
  const { knownUids, sequenceMatch } = qresync
  const sets = [knownUids, sequenceMatch?.sequences, sequenceMatch?.uids]
  if (sets.some((set) => set?.some(({ from, to }) => from === '*' || to === '*')))
    return '* is not allowed here'
  if (sequenceMatch === null) return null
  const { sequences, uids } = sequenceMatch
  if (!isAscending(sequences) || !isAscending(uids)) return 'Sequence match data must be ascending'
  return countOf(sequences) === countOf(uids) ? null : 'As many UIDs as message numbers are needed'
}

/** Writes VANISHED (EARLIER) and FETCH responses. The view is that of the SELECT, and UIDVALIDITY is the client's. */
export async function resynchronize(
  session: AuthenticatedSession,
  view: FolderView,
  qresync: Qresync,
): Promise<void> {
  const { platform, transport } = session
  const modseq = toModseq(qresync.modSeq)
  const all = [{ from: 1, to: Math.max(1, view.uidnext - 1) }]
  const known = qresync.knownUids === null ? all : resolveSequenceRanges(qresync.knownUids, 0)
  const floor = qresync.sequenceMatch === null ? 0 : matchedUid(view.uids, qresync.sequenceMatch)
  const vanished = await findVanished(platform, view, known, modseq, floor)
  await writeVanished(transport.output, vanished, { earlier: true })
  const knownRanges = known.map(({ from, to }) => ({ first: from, last: to }))
  const changed = (await readChangedUids(platform, view, modseq)).filter((uid) =>
    isInRanges(knownRanges, uid),
  )
  const request = {
    items: [{ item: 'FLAGS' }, { item: 'MODSEQ' }] as const,
    ranges: rangesOfUids(changed),
    isRecent: (uid: number) => uid >= view.recentFrom,
    uid: true,
    // What changed after the SELECT is told as news, when its other changes are.
    before: (message: { modseq: number; keywords: readonly string[] }) =>
      message.modseq > view.modseq ? null : tellKeywords(view, message.keywords),
  }
  const sequenceOfKnown = (uid: number) => sequenceOf(view, uid)
  await writeFetch(platform, view, request, sequenceOfKnown, (data) => transport.output.write(data))
}

/** RFC 7162 §3.2.5.2: the highest UID that the client has under its true number; it knows what is there up to it. */
export function matchedUid(
  folderUids: Uint32Array,
  { sequences, uids }: { sequences: SequenceRanges; uids: SequenceRanges },
): number {
  const ofUids = numbersOf(uids)
  let matched = 0
  for (const sequence of numbersOf(sequences)) {
    const uid = ofUids.next().value
    if (uid === undefined || sequence > folderUids.length) break
    if (folderUids[sequence - 1] === uid) matched = uid
  }
  return matched
}

/** One at a time, because a client may name four thousand million. */
function* numbersOf(ranges: SequenceRanges): Generator<number, undefined> {
  for (const { from, to } of ranges) {
    for (let number = Number(from); number <= Number(to); number++) yield number
  }
}

function isAscending(ranges: SequenceRanges): boolean {
  let last = 0
  return ranges.every(({ from, to }) => {
    const follows = Number(from) > last && Number(to) >= Number(from)
    last = Number(to)
    return follows
  })
}

function countOf(ranges: SequenceRanges): number {
  return ranges.reduce((sum, { from, to }) => sum + Number(to) - Number(from) + 1, 0)
}
