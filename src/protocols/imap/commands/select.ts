/**
 * SELECT and EXAMINE, RFC 9051 §6.3.2 and §6.3.3, with RECENT and UNSEEN of RFC 3501, HIGHESTMODSEQ and QRESYNC of
 * RFC 7162, and MAILBOXID of RFC 8474.
 */
import {
  type FolderIndex,
  firstUnseenUid,
  readFolderIndex,
  rememberedIndex,
} from '../../../messages/folder-index.ts'
import { findFolder } from '../../../messages/folders.ts'
import { currentFolder } from '../../../messages/known-folders.ts'
import { knownLightFolder } from '../../../messages/light-folders.ts'
import { claimRecent } from '../../../messages/view.ts'
import { mailboxId } from '../fetch/object-ids.ts'
import { encodeKnownFlags, knownKeywords } from '../flags-response.ts'
import { qresyncFault, resynchronize } from '../qresync.ts'
import { bad, no, ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, enter, isSelected, nameEncodingOf } from '../session.ts'
import { attributeOf } from '../special-uses.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeMailbox } from '../syntax/encode.ts'
import { countRecent, type FolderView, sequenceOf } from '../view.ts'
import { listLine } from './list.ts'
import { leaveFolder } from './unselect.ts'

const noSuchMailbox = no('NONEXISTENT', 'There is no such mailbox')

type SelectCommand = CommandOf<'SELECT' | 'EXAMINE'>

export async function select(session: AuthenticatedSession, command: SelectCommand): Promise<Reply> {
  const { platform, transport } = session
  const { owner } = session.state
  const fault = command.qresync === null ? null : qresyncFault(session, command.qresync)
  if (fault !== null) return bad(fault) // before anything is closed (RFC 7162 §3.2.5)
  if (isSelected(session)) {
    leaveFolder(session)
    await transport.output.write('* OK [CLOSED] The mailbox before is closed\r\n')
  }
  const index = await indexOf(session, command.mailbox)
  if (index === null) return noSuchMailbox
  const readOnly = command.name === 'EXAMINE'
  const view = createView(index, readOnly, await recentFrom(session, index, readOnly))
  await transport.output.write(await describe(session, index, view, command.mailbox))
  if (command.qresync?.uidValidity === index.folder.uidvalidity) {
    await resynchronize(session, view, command.qresync)
  }
  // From now on the session hears of changes. What happened since the index was read may have to be read.
  view.stale = knownLightFolder(platform, view.folderId)?.modseq !== view.modseq
  view.mustRead = view.stale
  enter(session, { name: 'selected', owner, view })
  return ok(`${command.name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE')
}

async function indexOf({ platform, state }: AuthenticatedSession, path: string): Promise<FolderIndex | null> {
  const { mailboxId } = state.owner
  const folder = await currentFolder(platform, mailboxId, path)
  if (folder === null) return null
  return rememberedIndex(platform, folder) ?? (await readFolderIndex(platform, mailboxId, folder.id))
}

/** After the index was read: what comes between is claimed too, and then told as new. */
async function recentFrom(
  { platform, enabled }: AuthenticatedSession,
  { folder }: FolderIndex,
  readOnly: boolean,
): Promise<number> {
  if (enabled.has('IMAP4rev2') || folder.first_recent_uid >= folder.uidnext) return Number.POSITIVE_INFINITY
  if (readOnly) {
    const row = await findFolder(platform, folder.mailbox_id, folder.path) // no event tells what others claimed
    return row?.first_recent_uid ?? Number.POSITIVE_INFINITY
  }
  return (await claimRecent(platform, folder.mailbox_id, folder.id)) ?? Number.POSITIVE_INFINITY
}

function createView({ folder, uids, keywords }: FolderIndex, readOnly: boolean, recent: number): FolderView {
  return {
    mailboxId: folder.mailbox_id,
    folderId: folder.id,
    readOnly,
    uids,
    uidnext: folder.uidnext,
    modseq: folder.highest_modseq,
    recentFrom: recent,
    claimed: null,
    mustRead: true,
    stale: true,
    gone: new Set(),
    goneFrom: Number.POSITIVE_INFINITY,
    ownModseqs: new Set(),
    keywords: knownKeywords(keywords),
    saved: [],
    followers: new Map(),
  }
}

async function describe(
  session: AuthenticatedSession,
  index: FolderIndex,
  view: FolderView,
  asked: string,
): Promise<string> {
  const { folder, uids } = index
  const permanent = view.readOnly ? '()' : encodeKnownFlags(view, { any: true })
  const ofVersion = session.enabled.has('IMAP4rev2')
    ? [selectedLine(session, index, asked)]
    : [`* ${countRecent(view)} RECENT`, ...(await unseenLines(session, index, view))]
  return [
    `* FLAGS ${encodeKnownFlags(view, { any: false })}`,
    `* OK [PERMANENTFLAGS ${permanent}] ${view.readOnly ? 'Read-only' : 'Any keyword may be used'}`,
    `* ${uids.length} EXISTS`,
    ...ofVersion,
    `* OK [UIDVALIDITY ${folder.uidvalidity}] UIDs are valid`,
    `* OK [UIDNEXT ${folder.uidnext}] The next UID`,
    `* OK [HIGHESTMODSEQ ${folder.highest_modseq}] The highest MODSEQ`,
    `* OK [MAILBOXID (${mailboxId(folder.id)})] Ok`,
    '',
  ].join('\r\n')
}

/** The LIST response of IMAP4rev2, with the client's own spelling where ours is another (RFC 9051 §6.3.9.7). */
function selectedLine(session: AuthenticatedSession, { folder }: FolderIndex, asked: string): string {
  const use = attributeOf(folder.special_use)
  const line = listLine(session, 'LIST', { path: folder.path, attributes: use === null ? [] : [use] })
  const isOtherName = asked.toUpperCase() !== folder.path.toUpperCase()
  return isOtherName ? `${line} ("OLDNAME" (${encodeMailbox(asked, nameEncodingOf(session))}))` : line
}

/** RFC 3501 §7.1; IMAP4rev2 has it no more. */
async function unseenLines(
  { platform }: AuthenticatedSession,
  { folder }: FolderIndex,
  view: FolderView,
): Promise<string[]> {
  const uid = await firstUnseenUid(platform, folder)
  const unseen = uid === null ? null : sequenceOf(view, uid)
  return unseen === null ? [] : [`* OK [UNSEEN ${unseen}] The first unseen message`]
}
