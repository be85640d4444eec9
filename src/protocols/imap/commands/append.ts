/**
 * APPEND, RFC 9051 §6.3.12, with MULTIAPPEND (RFC 3502) and CATENATE (RFC 4469). How the messages come is in ../append/.
 */
import { appendMessages } from '../../../messages/append.ts'
import { folderNamed } from '../../../messages/known-folders.ts'
import { transaction } from '../../../platform/database.ts'
import { appendUid, type Prepare, storeUrls } from '../append/run.ts'
import { ok, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { CommandOf, UploadCommand } from '../syntax/commands.ts'
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
      const stored = await transaction(platform.db, (tx) =>
        appendMessages(platform, tx, owner, folder.id, messages),
      )
      return ok('APPEND completed', appendUid(stored))
    },
  }
}
