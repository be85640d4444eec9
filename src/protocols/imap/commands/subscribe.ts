/** SUBSCRIBE and UNSUBSCRIBE, RFC 9051 §6.3.7 and §6.3.8. */
import { setSubscribed } from '../../../messages/folders.ts'
import { transaction } from '../../../platform/database.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function subscribe(
  session: AuthenticatedSession,
  command: CommandOf<'SUBSCRIBE' | 'UNSUBSCRIBE'>,
): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const wanted = command.name === 'SUBSCRIBE'
  await transaction(platform.db, (tx) => setSubscribed(platform, tx, owner, command.mailbox, wanted))
  return ok(`${command.name} completed`)
}
