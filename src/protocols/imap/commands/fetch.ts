/** FETCH and UID FETCH, RFC 9051 §6.4.5. What the items are is in ../fetch/. */
import { changeFlags, type FlagState } from '../../../messages/changes.ts'
import { flagBits } from '../../../messages/flags.ts'
import type { UidRange } from '../../../messages/uid-ranges.ts'
import { transaction } from '../../../platform/database.ts'
import { setsSeen, writeFetch } from '../fetch/fetch.ts'
import { ConnectionClosed, ResponseBrokenOff } from '../output.ts'
import { bad, no, notSupported, ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { sequenceOf, uidRangesOf } from '../view.ts'

export async function fetch(session: SelectedSession, command: CommandOf<'FETCH'>): Promise<Reply> {
  const { platform, transport } = session
  const { view } = session.state
  // RFC 7162 and RFC 9394 are not offered yet.
  if (command.changedSince !== null || command.vanished || command.partial !== null) return notSupported
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  if (wanted.ranges.length === 0) return ok('FETCH completed')
  const marked = setsSeen(command.items) && !view.readOnly ? await markSeen(session, wanted.ranges) : null
  const request = {
    items: command.items,
    ranges: wanted.ranges,
    isRecent: (uid: number) => uid >= view.recentFrom,
    uid: command.uid,
    ...(marked === null ? {} : { flagsAfter: marked }),
  }
  let started = false
  const write = (data: string | Buffer): Promise<void> => {
    started = true
    return transport.output.write(data)
  }
  const outcome = await writeFetch(platform, view, request, (uid) => sequenceOf(view, uid), write).catch(
    (cause: unknown) => {
      if (!started || cause instanceof ConnectionClosed) throw cause
      throw new ResponseBrokenOff('a FETCH response could not be finished', { cause })
    },
  )
  return outcome === 'unknown-cte'
    ? no('UNKNOWN-CTE', 'A part has an unknown transfer encoding')
    : ok('FETCH completed')
}

/** @returns the messages that had not been seen, as they are now. */
async function markSeen(
  session: SelectedSession,
  ranges: readonly UidRange[],
): Promise<ReadonlyMap<number, FlagState>> {
  const { platform } = session
  const { owner, view } = session.state
  const change = { mode: 'add', flags: flagBits.seen, keywords: [] } as const
  const result = await transaction(platform.db, (tx) =>
    changeFlags(platform, tx, owner, view.folderId, ranges, change),
  )
  if (result.changed === 0) return new Map()
  view.ownModseqs.add(result.highestModseq) // the FETCH responses show it
  const changed = result.messages.filter((message) => message.modseq === result.highestModseq)
  return new Map(changed.map((message) => [message.uid, message]))
}
