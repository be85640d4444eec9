/** CREATE, RFC 9051 §6.3.4, with the special uses of RFC 6154 §3. */
import { createFolder } from '../../../messages/folders.ts'
import { transaction } from '../../../platform/database.ts'
import { no, ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import { specialUseOf } from '../special-uses.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function create(session: AuthenticatedSession, command: CommandOf<'CREATE'>): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const [wanted, ...more] = command.specialUses
  const use = wanted === undefined ? null : specialUseOf(wanted)
  if ((wanted !== undefined && use === null) || more.length > 0) {
    return no('USEATTR', 'A mailbox cannot have that special use here')
  }
  await transaction(platform.db, (tx) => createFolder(platform, tx, owner, command.mailbox, use))
  return ok('CREATE completed')
}
