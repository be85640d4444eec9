/** STATUS, RFC 9051 §6.3.11, with SIZE (RFC 8438), APPENDLIMIT (RFC 7889) and MAILBOXID (RFC 8474). */
import { countMarked, countMarkedOf, type MarkedCounts } from '../../../messages/counts.ts'
import { type Folder, findFolder } from '../../../messages/folders.ts'
import { currentFolder } from '../../../messages/known-folders.ts'
import { mailboxId } from '../fetch/object-ids.ts'
import { no, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, nameEncodingOf, type Session } from '../session.ts'
import type { CommandOf, StatusItem } from '../syntax/commands.ts'
import { encodeMailbox } from '../syntax/encode.ts'

export async function status(session: AuthenticatedSession, command: CommandOf<'STATUS'>): Promise<Reply> {
  const { platform, transport } = session
  const read = tellsRecent(command.items) ? findFolder : currentFolder
  const folder = await read(platform, session.state.owner.mailboxId, command.mailbox)
  if (folder === null) return no('NONEXISTENT', 'There is no such mailbox')
  await transport.output.write(await encodeStatus(session, folder, command.items))
  return ok('STATUS completed')
}

/** What other nodes gave their sessions as \Recent, no event tells: the folder's row is read. */
export function tellsRecent(items: readonly StatusItem[]): boolean {
  return items.includes('RECENT')
}

const counted: readonly StatusItem[] = ['RECENT', 'DELETED', 'DELETED-STORAGE']
const none: MarkedCounts = { recent: 0, deleted: 0, deletedBytes: 0 }

/** One STATUS response. What the folder's row does not hold is counted only when it is asked for. */
export async function encodeStatus(
  session: Session,
  folder: Folder,
  items: readonly StatusItem[],
): Promise<string> {
  const isCounted = items.some((item) => counted.includes(item))
  const marked = isCounted ? await countMarked(session.platform, folder) : none
  return statusLine(session, folder, items, marked)
}

/** The responses for folders of one mailbox; what is counted is counted for all of them at once. */
export async function statusOfFolders(
  session: Session,
  folders: readonly Folder[],
  items: readonly StatusItem[],
): Promise<(folder: Folder) => string> {
  const isCounted = items.some((item) => counted.includes(item))
  const marked = isCounted ? await countMarkedOf(session.platform, folders) : null
  return (folder) => statusLine(session, folder, items, marked?.get(folder.id) ?? none)
}

function statusLine(
  session: Session,
  folder: Folder,
  items: readonly StatusItem[],
  marked: MarkedCounts,
): string {
  const values: Record<StatusItem, number | string> = {
    MESSAGES: folder.message_count,
    RECENT: marked.recent,
    UIDNEXT: folder.uidnext,
    UIDVALIDITY: folder.uidvalidity,
    UNSEEN: folder.unseen_count,
    DELETED: marked.deleted,
    SIZE: folder.size_bytes,
    HIGHESTMODSEQ: folder.highest_modseq,
    MAILBOXID: `(${mailboxId(folder.id)})`,
    APPENDLIMIT: session.platform.config.messageBytesMax,
    'DELETED-STORAGE': marked.deletedBytes,
  }
  const pairs = items.map((item) => `${item} ${values[item]}`).join(' ')
  return `* STATUS ${encodeMailbox(folder.path, nameEncodingOf(session))} (${pairs})\r\n`
}
