/**
 * LIST, RFC 9051 §6.3.9, with RFC 5258 (extended), RFC 5819 (STATUS), RFC 6154 (special uses) and RFC 9590 (METADATA).
 * The number of its statements does not grow with the number of folders.
 */
import { type Folder, listFolders } from '../../../messages/folders.ts'
import { currentFolders } from '../../../messages/known-folders.ts'
import { listLostSubscriptions } from '../../../messages/lost-subscriptions.ts'
import { type ListEntry, selectEntries } from '../list-entries.ts'
import { encodeMetadata, readMetadata } from '../metadata.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, nameEncodingOf, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeMailbox, encodeString } from '../syntax/encode.ts'
import { hierarchyDelimiter } from '../syntax/mailbox-name.ts'
import { statusOfFolders, tellsRecent } from './status.ts'

type List = CommandOf<'LIST'>

export async function list(session: AuthenticatedSession, command: List): Promise<Reply> {
  const { platform, transport } = session
  const [pattern] = command.patterns
  if (!command.extended && pattern === '') {
    // RFC 3501 §6.3.8: asks for the delimiter and the root of the reference, which is none here.
    await transport.output.write(`* LIST (\\Noselect) "${hierarchyDelimiter}" ""\r\n`)
    return ok('LIST completed')
  }
  const { mailboxId } = session.state.owner
  const { status } = command.returns
  const folders =
    status !== null && tellsRecent(status)
      ? await listFolders(platform, mailboxId)
      : await currentFolders(platform, mailboxId, { counted: status !== null })
  const lost = command.select.subscribed ? await listLostSubscriptions(platform, mailboxId) : []
  const entries = selectEntries(folders, lost, command)
  const more = await readMore(session, entries, command.returns)
  for (const entry of entries) {
    await transport.output.write(`${listLine(session, 'LIST', entry)}\r\n`)
    if (entry.folder !== null) await transport.output.write(more(entry.folder))
  }
  return ok('LIST completed')
}

/** @returns what follows the line of a folder. */
async function readMore(
  session: AuthenticatedSession,
  entries: readonly ListEntry<Folder>[],
  { status, metadata }: List['returns'],
): Promise<(folder: Folder) => string> {
  const folders = entries.flatMap(({ folder }) => (folder === null ? [] : [folder]))
  const statusLine = status === null ? null : await statusOfFolders(session, folders, status)
  const query = { entries: metadata ?? [], depth: 0, maxSizeBytes: null } as const
  const found = metadata === null ? null : await readMetadata(session, folders, query)
  const values = new Map(folders.map((folder, index) => [folder.id, found?.values[index]]))
  return (folder) => {
    const own = values.get(folder.id)
    const metadataLine = own === undefined ? '' : encodeMetadata(session, folder.path, own)
    return (statusLine?.(folder) ?? '') + metadataLine
  }
}

/** Without its end. */
export function listLine(
  session: Session,
  name: 'LIST' | 'LSUB',
  { path, attributes, childInfo = [] }: { path: string; attributes: readonly string[]; childInfo?: string[] },
): string {
  const mailbox = encodeMailbox(path, nameEncodingOf(session))
  const criteria = childInfo.map((criterion) => encodeString(criterion)).join(' ')
  const more = childInfo.length === 0 ? '' : ` ("CHILDINFO" (${criteria}))`
  return `* ${name} (${attributes.join(' ')}) "${hierarchyDelimiter}" ${mailbox}${more}`
}

/**
 * Tells a client that asked for IMAP4rev2 of a name that is not as it was given, because it was normalized (RFC 9051
 * §6.3.4 to §6.3.6, §6.3.9.7). Others have not said that they understand it.
 */
export async function announceOldName(
  session: Session,
  entry: { path: string; attributes: readonly string[] },
  oldName: string,
): Promise<void> {
  if (!session.enabled.has('IMAP4rev2')) return
  const encoded = encodeMailbox(oldName, nameEncodingOf(session))
  await session.transport.output.write(`${listLine(session, 'LIST', entry)} ("OLDNAME" (${encoded}))\r\n`)
}
