/**
 * APPEND, RFC 9051 §6.3.12, with MULTIAPPEND (RFC 3502) and CATENATE (RFC 4469). How the messages come is in ../append/.
 */
import { commitAppend } from '../../../messages/append-lane.ts'
import { folderNamed } from '../../../messages/known-folders.ts'
import type { StoredMessage } from '../../../messages/store.ts'
import { appendUid, type Prepare, storeUrls } from '../append/run.ts'
import { ok, type Reply } from '../reply.ts'
import { type AuthenticatedSession, isSelected } from '../session.ts'
import type { CommandOf, UploadCommand } from '../syntax/commands.ts'
import { tellsRecent } from '../updates.ts'
import type { FolderView } from '../view.ts'
import { noSuchTarget } from './copy.ts'

/** Without a literal; with one it goes to receiveUpload. */
export async function append(session: AuthenticatedSession, command: CommandOf<'APPEND'>): Promise<Reply> {
  return await storeUrls(session, command, () => prepareAppend(session, command))
}

export async function prepareAppend(
  session: AuthenticatedSession,
  { mailbox }: Pick<UploadCommand, 'mailbox'>,
): ReturnType<Prepare> {
  const { platform } = session
  const { owner } = session.state
  const folder = await folderNamed(platform, owner.mailboxId, mailbox)
  if (folder === null) return { refusal: noSuchTarget }
  return {
    async place(messages) {
      const view =
        isSelected(session) && session.state.view.folderId === folder.id ? session.state.view : null
      const claimsRecent = isSelected(session) && view !== null && tellsRecent(session)
      const stored = await commitAppend(platform, { owner, folderId: folder.id, messages, claimsRecent })
      if (view !== null) noteClaimed(view, stored)
      return ok('APPEND completed', appendUid(stored))
    },
  }
}

/** They are \Recent here (RFC 3501 §2.3.2), and no other session is told so. */
function noteClaimed(view: FolderView, stored: readonly StoredMessage[]): void {
  const [first] = stored
  const last = stored.at(-1)
  if (first?.isClaimed !== true || last === undefined) return
  view.recentFrom = Math.min(view.recentFrom, first.uid)
  view.claimed = { first: first.uid, last: last.uid }
}
