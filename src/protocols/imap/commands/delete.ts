/** DELETE, RFC 9051 §6.3.5. */
import { canonicalPath, deleteFolder, findFolder } from '../../../messages/folders.ts'
import { transaction } from '../../../platform/database.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, isSelected } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { announceOldName } from './list.ts'
import { leaveFolder } from './unselect.ts'

export async function deleteMailbox(
  session: AuthenticatedSession,
  command: CommandOf<'DELETE'>,
): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const folder = await findFolder(platform, owner.mailboxId, command.mailbox)
  await transaction(platform.db, (tx) => deleteFolder(platform, tx, owner, command.mailbox))
  const path = canonicalPath(command.mailbox)
  if (path !== command.mailbox) {
    await announceOldName(session, { path, attributes: ['\\NonExistent'] }, command.mailbox)
  }
  if (isSelected(session) && session.state.view.folderId === folder?.id) {
    leaveFolder(session)
    await session.transport.output.write('* OK [CLOSED] The selected mailbox was deleted\r\n')
  }
  return ok('DELETE completed')
}
