/** SELECT and EXAMINE, RFC 9051 §6.3.2 and §6.3.3, with RECENT and UNSEEN of RFC 3501. */
import { firstUnseenUid } from '../../../messages/counts.ts'
import { findFolder } from '../../../messages/folders.ts'
import { claimRecent, type FolderIndex, readFolderIndex } from '../../../messages/view.ts'
import type { Platform } from '../../../platform/platform.ts'
import { no, notSupported, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, enter, isSelected } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeFlags } from '../syntax/encode.ts'
import { systemFlags } from '../syntax/flags.ts'
import { countRecent, type FolderView, sequenceOf } from '../view.ts'
import { leaveFolder } from './unselect.ts'

/** Keywords that clients look for before they use them (RFC 5788); any other may be used as well. */
const commonKeywords = ['$Forwarded', '$MDNSent', '$Junk', '$NotJunk', '$Phishing']

const noSuchMailbox = no('NONEXISTENT', 'There is no such mailbox')

export async function select(
  session: AuthenticatedSession,
  command: CommandOf<'SELECT' | 'EXAMINE'>,
): Promise<Reply> {
  if (command.condStore || command.qresync !== null) return notSupported // RFC 7162 is not offered yet
  const { platform, transport } = session
  const { owner } = session.state
  const readOnly = command.name === 'EXAMINE'
  if (isSelected(session)) {
    leaveFolder(session)
    await transport.output.write('* OK [CLOSED] The mailbox before is closed\r\n')
  }
  const folder = await findFolder(platform, owner.mailboxId, command.mailbox)
  if (folder === null) return noSuchMailbox
  const claimed = readOnly ? folder.first_recent_uid : await claimRecent(platform, owner.mailboxId, folder.id)
  const index = await readFolderIndex(platform, owner.mailboxId, folder.id)
  if (index === null) return noSuchMailbox
  const view = createView(index, readOnly, claimed ?? Number.POSITIVE_INFINITY)
  await transport.output.write(await describe(platform, index, view))
  enter(session, { name: 'selected', owner, view })
  return ok(`${command.name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE')
}

function createView({ folder, uids }: FolderIndex, readOnly: boolean, recentFrom: number): FolderView {
  return {
    mailboxId: folder.mailbox_id,
    folderId: folder.id,
    readOnly,
    uids,
    uidnext: folder.uidnext,
    modseq: folder.highest_modseq,
    recentFrom,
    stale: true, // of what happened since the index was read, this session has not heard
    gone: new Set(),
    ownModseqs: new Set(),
  }
}

async function describe(
  platform: Platform,
  { folder, uids }: FolderIndex,
  view: FolderView,
): Promise<string> {
  const unseenUid =
    folder.unseen_count > 0 ? await firstUnseenUid(platform, folder.mailbox_id, folder.id) : null
  const unseen = unseenUid === null ? null : sequenceOf(view, unseenUid)
  const permanent = view.readOnly ? '()' : encodeFlags([...systemFlags, ...commonKeywords, '\\*'])
  return [
    `* FLAGS ${encodeFlags([...systemFlags, ...commonKeywords])}`,
    `* OK [PERMANENTFLAGS ${permanent}] ${view.readOnly ? 'Read-only' : 'Any keyword may be used'}`,
    `* ${uids.length} EXISTS`,
    `* ${countRecent(view)} RECENT`,
    ...(unseen === null ? [] : [`* OK [UNSEEN ${unseen}] The first unseen message`]),
    `* OK [UIDVALIDITY ${folder.uidvalidity}] UIDs are valid`,
    `* OK [UIDNEXT ${folder.uidnext}] The next UID`,
    '',
  ].join('\r\n')
}
