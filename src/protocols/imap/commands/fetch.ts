/**
 * FETCH and UID FETCH, RFC 9051 §6.4.5, with CHANGEDSINCE and VANISHED of RFC 7162 and PARTIAL of RFC 9394. What the
 * items are is in ../fetch/.
 */
import type { FlagState } from '../../../messages/changes.ts'
import { flagBits } from '../../../messages/flags.ts'
import { readChangedUids } from '../../../messages/folder-news.ts'
import { isRemembered, lightFolderOf } from '../../../messages/light-folders.ts'
import { isInRanges, mergeUidRanges, rangesOfUids, type UidRange } from '../../../messages/uid-ranges.ts'
import { toModseq } from '../condstore.ts'
import { setsSeen, writeFetch } from '../fetch/fetch.ts'
import { isRememberable, wantsRemembered } from '../fetch/light.ts'
import type { FetchRequest } from '../fetch/request.ts'
import { tellKeywords } from '../flags-response.ts'
import { writeUnbroken } from '../output.ts'
import { changeOwnFlags } from '../own-changes.ts'
import { bad, no, ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import type { FetchItem } from '../syntax/fetch-item.ts'
import { resolveSequenceRanges } from '../syntax/sequence-set.ts'
import { announceChanges } from '../updates.ts'
import { findVanished, writeVanished } from '../vanished.ts'
import { partOfRanges, sequenceOf, uidRangesOf } from '../view.ts'

type FetchCommand = CommandOf<'FETCH'>

export async function fetch(session: SelectedSession, command: FetchCommand): Promise<Reply> {
  const { view } = session.state
  if (command.vanished && !session.enabled.has('QRESYNC')) return bad('VANISHED needs ENABLE QRESYNC')
  if (command.vanished) await tellVanished(session, command)
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  const ranges = await narrow(session, command, wanted.ranges)
  if (ranges.length === 0) return ok('FETCH completed')
  const request = await createRequest(session, command, ranges)
  const outcome = await writeResponses(session, request)
  return outcome === 'unknown-cte'
    ? no('UNKNOWN-CTE', 'A part has an unknown transfer encoding')
    : ok('FETCH completed')
}

/** RFC 7162 §3.2.6: before the FETCH responses, and with what is in the client's numbers told as that. */
async function tellVanished(session: SelectedSession, command: FetchCommand): Promise<void> {
  const { platform, transport } = session
  const { view } = session.state
  if (command.set.kind === 'saved') return // what a search found is in the view
  const before = { ...view } // what was in it is now told as gone from it
  await announceChanges(session, { expunge: true, look: true })
  const known = resolveSequenceRanges(command.set.ranges, view.uids.at(-1) ?? 0)
  const modseq = toModseq(command.changedSince ?? 0n)
  await writeVanished(transport.output, await findVanished(platform, before, known, modseq, 0), {
    earlier: true,
  })
}

/** RFC 9394 §3.4: PARTIAL first, and of those what changed. */
async function narrow(
  { platform, state }: SelectedSession,
  command: FetchCommand,
  ranges: readonly UidRange[],
): Promise<UidRange[]> {
  const { view } = state
  const part = mergeUidRanges(command.partial === null ? ranges : partOfRanges(view, ranges, command.partial))
  if (command.changedSince === null) return part
  const changed = await readChangedUids(platform, view, toModseq(command.changedSince))
  return rangesOfUids(changed.filter((uid) => isInRanges(part, uid)))
}

const uidItem: FetchItem = { item: 'UID' }
const modseqItem: FetchItem = { item: 'MODSEQ' }

async function createRequest(
  session: SelectedSession,
  command: FetchCommand,
  ranges: readonly UidRange[],
): Promise<FetchRequest> {
  const { view } = session.state
  const marks = setsSeen(command.items) && !view.readOnly
  const { modseq, mustRead: isStale } = view
  const remembered = usesRemembered(session, command.items)
    ? await lightFolderOf(session.platform, view, { modseq, isStale })
    : null
  return {
    ...(remembered === null ? {} : { remembered }),
    // RFC 7162 §3.1.4.1.
    items: command.changedSince === null ? command.items : [...command.items, modseqItem],
    ranges,
    isRecent: (uid) => uid >= view.recentFrom,
    uid: command.uid,
    ...(marks ? { flagsAfter: await markSeen(session, ranges) } : {}),
    withFlagsAfter: session.enabled.has('CONDSTORE') ? [uidItem, modseqItem] : [],
    before({ modseq, keywords }) {
      // A client must not take a MODSEQ for its own before it heard of all that is below (RFC 7162 §6).
      if (modseq > view.modseq) {
        view.stale = true
        view.mustRead = true
      }
      return tellKeywords(view, keywords)
    },
  }
}

/** A message alone is opened as fast without its folder, which is used only where it is there. */
function usesRemembered({ platform, state }: SelectedSession, items: readonly FetchItem[]): boolean {
  const { uids, folderId } = state.view
  return wantsRemembered(items, uids.length) || (isRememberable(items) && isRemembered(platform, folderId))
}

async function writeResponses(
  session: SelectedSession,
  request: FetchRequest,
): Promise<'done' | 'unknown-cte'> {
  const { platform, transport } = session
  const { view } = session.state
  return await writeUnbroken(transport.output, (write) =>
    writeFetch(platform, view, request, (uid) => sequenceOf(view, uid), write),
  )
}

/** @returns the messages that had not been seen, as they are now. */
async function markSeen(
  session: SelectedSession,
  ranges: readonly UidRange[],
): Promise<ReadonlyMap<number, FlagState>> {
  const { view } = session.state
  const change = { mode: 'add', flags: flagBits.seen, keywords: [] } as const
  const result = await changeOwnFlags(session, ranges, change)
  if (result.changed === 0) return new Map()
  view.ownModseqs.add(result.highestModseq) // the FETCH responses show it
  const changed = result.messages.filter((message) => message.modseq === result.highestModseq)
  return new Map(changed.map((message) => [message.uid, message]))
}
