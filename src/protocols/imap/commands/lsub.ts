/** LSUB, RFC 3501 §6.3.9. */
import { listFolders } from '../../../messages/folders.ts'
import { listLostSubscriptions } from '../../../messages/lost-subscriptions.ts'
import { subscribedEntries } from '../list-entries.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { listLine } from './list.ts'

export async function lsub(session: AuthenticatedSession, command: CommandOf<'LSUB'>): Promise<Reply> {
  const { platform, transport } = session
  const { mailboxId } = session.state.owner
  const folders = await listFolders(platform, mailboxId)
  const lost = await listLostSubscriptions(platform, mailboxId)
  for (const entry of subscribedEntries(folders, lost, command)) {
    await transport.output.write(`${listLine(session, 'LSUB', entry)}\r\n`)
  }
  return ok('LSUB completed')
}
