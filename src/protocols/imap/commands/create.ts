/** CREATE, RFC 9051 §6.3.4, with the special uses of RFC 6154 §3 and MAILBOXID of RFC 8474 §4.1. */
import { createFolder } from '../../../messages/folders.ts'
import { transaction } from '../../../platform/database.ts'
import { mailboxId } from '../fetch/object-ids.ts'
import { no, ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import { specialUseOf } from '../special-uses.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { announceOldName } from './list.ts'

export async function create(session: AuthenticatedSession, command: CommandOf<'CREATE'>): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const [wanted, ...more] = new Set(command.specialUses)
  const use = wanted === undefined ? null : specialUseOf(wanted)
  // A folder has one use here, which is a reason to refuse more (RFC 6154 §3).
  if ((wanted !== undefined && use === null) || more.length > 0) {
    return no('USEATTR', 'A mailbox cannot have that special use here')
  }
  const folder = await transaction(platform.db, (tx) =>
    createFolder(platform, tx, owner, command.mailbox, use),
  )
  if (folder.path !== command.mailbox) {
    const attributes = folder.subscribed ? ['\\Subscribed'] : []
    await announceOldName(session, { path: folder.path, attributes }, command.mailbox)
  }
  return ok('CREATE completed', `MAILBOXID (${mailboxId(folder.id)})`)
}
