/** LSUB, RFC 3501 §6.3.9. */
import { listFolders } from '../../../messages/folders.ts'
import { subscribedEntries } from '../list-entries.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { listLine } from './list.ts'

export async function lsub(session: AuthenticatedSession, command: CommandOf<'LSUB'>): Promise<Reply> {
  const { platform, transport } = session
  const folders = await listFolders(platform, session.state.owner.mailboxId)
  for (const { path, attributes } of subscribedEntries(folders, command)) {
    await transport.output.write(`${listLine(session, 'LSUB', attributes, path)}\r\n`)
  }
  return ok('LSUB completed')
}
