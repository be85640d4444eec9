/**
 * REPLACE and UID REPLACE, RFC 8508: an APPEND and the UID EXPUNGE of one message of the selected folder, as one. The
 * message is known by its UID from the beginning, so that no number shifts while the new one arrives.
 */
import { folderNamed } from '../../../messages/known-folders.ts'
import { replaceMessage } from '../../../messages/replace.ts'
import { transaction } from '../../../platform/database.ts'
import { appendUid, type Prepare, storeUrls } from '../append/run.ts'
import { bad, no, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf, ReplaceCommand } from '../syntax/commands.ts'
import { sequenceOf } from '../view.ts'
import { noSuchTarget } from './copy.ts'

/** Without a literal; with one it goes to receiveUpload. */
export async function replace(session: SelectedSession, command: CommandOf<'REPLACE'>): Promise<Reply> {
  return await storeUrls(session, command, () => prepareReplace(session, command))
}

export async function prepareReplace(session: SelectedSession, command: ReplaceCommand): ReturnType<Prepare> {
  const { platform, transport } = session
  const { owner, view } = session.state
  if (view.readOnly) return { refusal: readOnlyFolder }
  const uid = uidToReplace(session, command)
  if (typeof uid !== 'number') return { refusal: uid }
  const folder = await folderNamed(platform, owner.mailboxId, command.mailbox)
  if (folder === null) return { refusal: noSuchTarget }
  return {
    async place([message]) {
      if (message === undefined) throw new Error('REPLACE without a message')
      const replacement = { fromFolderId: view.folderId, uid, toFolderId: folder.id, message }
      const stored = await transaction(platform.db, (tx) => replaceMessage(platform, tx, owner, replacement))
      if (stored === null) return no('EXPUNGEISSUED', 'The message is not there any more')
      // RFC 8508 §4.3: before the EXPUNGE, so that the client knows what takes the message's place.
      await transport.output.write(`* OK [${appendUid([stored])}] Replacement message ready\r\n`)
      return ok('REPLACE completed')
    },
  }
}

/** The UID of the message that the client means, or the answer when it knows of no such message. */
function uidToReplace({ state }: SelectedSession, { uid, message }: ReplaceCommand): number | Reply {
  const { uids } = state.view
  if (!uid) return uids.at(message === '*' ? -1 : message - 1) ?? bad('No such message')
  const wanted = message === '*' ? uids.at(-1) : message
  return wanted !== undefined && sequenceOf(state.view, wanted) !== null
    ? wanted
    : no('NONEXISTENT', 'There is no such message')
}
