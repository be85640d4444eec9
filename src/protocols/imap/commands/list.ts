/** LIST, RFC 9051 §6.3.9, with RFC 5258 (extended), RFC 5819 (STATUS) and RFC 6154 (special uses). */
import { listFolders } from '../../../messages/folders.ts'
import { selectEntries } from '../list-entries.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, nameEncodingOf, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeMailbox } from '../syntax/encode.ts'
import { hierarchyDelimiter } from '../syntax/mailbox-name.ts'
import { encodeStatus } from './status.ts'

export async function list(session: AuthenticatedSession, command: CommandOf<'LIST'>): Promise<Reply> {
  const { platform, transport } = session
  const [pattern] = command.patterns
  if (!command.extended && pattern === '') {
    // RFC 3501 §6.3.8: asks for the delimiter and the root of the reference, which is none here.
    await transport.output.write(`* LIST (\\Noselect) "${hierarchyDelimiter}" ""\r\n`)
    return ok('LIST completed')
  }
  const folders = await listFolders(platform, session.state.owner.mailboxId)
  for (const { path, folder, attributes, childInfo } of selectEntries(folders, command)) {
    const info = childInfo ? ' ("CHILDINFO" ("SUBSCRIBED"))' : ''
    await transport.output.write(`${listLine(session, 'LIST', attributes, path)}${info}\r\n`)
    if (command.returns.status !== null && folder !== null) {
      await transport.output.write(await encodeStatus(session, folder, command.returns.status))
    }
  }
  return ok('LIST completed')
}

/** Without its end. */
export function listLine(
  session: Session,
  name: 'LIST' | 'LSUB',
  attributes: readonly string[],
  path: string,
): string {
  const mailbox = encodeMailbox(path, nameEncodingOf(session))
  return `* ${name} (${attributes.join(' ')}) "${hierarchyDelimiter}" ${mailbox}`
}
