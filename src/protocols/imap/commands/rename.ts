/** RENAME, RFC 9051 §6.3.6. */
import { renameFolder } from '../../../messages/rename.ts'
import { transaction } from '../../../platform/database.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function rename(session: AuthenticatedSession, command: CommandOf<'RENAME'>): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  await transaction(platform.db, (tx) => renameFolder(platform, tx, owner, command.from, command.to))
  return ok('RENAME completed')
}
