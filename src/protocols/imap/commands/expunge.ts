/** EXPUNGE and UID EXPUNGE, RFC 9051 §6.4.3 and RFC 4315 §2.1. The EXPUNGE responses are the folder's news. */
import { expungeDeleted } from '../../../messages/changes.ts'
import { transaction } from '../../../platform/database.ts'
import { bad, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { uidRangesOf } from '../view.ts'

export async function expunge(session: SelectedSession, command: CommandOf<'EXPUNGE'>): Promise<Reply> {
  const { platform } = session
  const { owner, view } = session.state
  if (view.readOnly) return readOnlyFolder
  const wanted = command.uid ? uidRangesOf(view, command.set, true) : null
  if (wanted?.ok === false) return bad(wanted.text)
  const ranges = wanted?.ranges ?? null
  await transaction(platform.db, (tx) => expungeDeleted(platform, tx, owner, view.folderId, ranges))
  return ok('EXPUNGE completed')
}
