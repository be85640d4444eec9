/** STORE and UID STORE, RFC 9051 §6.4.6. */
import { changeFlags, type FlagResult } from '../../../messages/changes.ts'
import { transaction } from '../../../platform/database.ts'
import { flagsResponse } from '../fetch/fetch.ts'
import { toFlagSet } from '../flag-set.ts'
import { bad, notSupported, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { type FolderView, sequenceOf, uidRangesOf } from '../view.ts'

export async function store(session: SelectedSession, command: CommandOf<'STORE'>): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  if (command.unchangedSince !== null) return notSupported // RFC 7162 is not offered yet
  if (view.readOnly) return readOnlyFolder
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  const change = { mode: command.change, ...toFlagSet(command.flags) }
  const result = await transaction(platform.db, (tx) =>
    changeFlags(platform, tx, owner, view.folderId, wanted.ranges, change),
  )
  if (!command.silent) await writeFlags(session, result, command.uid)
  if (outcomeIsKnown(view, result, command.silent)) view.ownModseqs.add(result.highestModseq)
  return ok('STORE completed')
}

async function writeFlags(session: SelectedSession, result: FlagResult, uid: boolean): Promise<void> {
  const { view } = session.state
  for (const message of result.messages) {
    const sequence = sequenceOf(view, message.uid)
    if (sequence === null) continue
    const options = { uid, modseq: false, recent: message.uid >= view.recentFrom }
    await session.transport.output.write(flagsResponse(sequence, message, options))
  }
}

/**
 * Whether the client need not be told of this change again. After .SILENT it reckons the flags from those it knew:
 * wrong if another session changed them in between, and then it is told (RFC 9051 §6.4.6).
 */
function outcomeIsKnown(view: FolderView, result: FlagResult, silent: boolean): boolean {
  if (result.changed === 0) return false
  return !silent || result.highestModseq === view.modseq + 1
}
