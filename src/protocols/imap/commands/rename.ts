/** RENAME, RFC 9051 §6.3.6: subscriptions stay with the names. */
import { canonicalPath, findFolder } from '../../../messages/folders.ts'
import { renameFolder } from '../../../messages/rename.ts'
import { transaction } from '../../../platform/database.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { announceOldName } from './list.ts'

export async function rename(session: AuthenticatedSession, command: CommandOf<'RENAME'>): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const { from, to } = command
  await transaction(platform.db, (tx) => renameFolder(platform, tx, owner, from, to, 'stay'))
  const path = canonicalPath(to)
  if (path !== to || canonicalPath(from) !== from) {
    const folder = await findFolder(platform, owner.mailboxId, path)
    await announceOldName(session, { path, attributes: folder?.subscribed ? ['\\Subscribed'] : [] }, from)
  }
  return ok('RENAME completed')
}
