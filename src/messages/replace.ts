/** REPLACE: a message takes the place of another (RFC 8508). It is new in everything: nothing is inherited (§3.4). */
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { type AppendedMessage, appendMessages } from './append.ts'
import { expungeMessages } from './changes.ts'
import { lockFolders } from './copies.ts'
import type { MailboxOwner } from './owner.ts'
import type { StoredMessage } from './store.ts'

export type Replacement = {
  /** Where the replaced message is. */
  fromFolderId: string
  uid: number
  toFolderId: string
  message: AppendedMessage
}

/**
 * Stores the message and expunges the replaced one, both or neither.
 * @returns null when there is no message to replace; nothing is changed then.
 * @throws Refusal as appendMessages.
 */
export async function replaceMessage(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { fromFolderId, uid, toFolderId, message }: Replacement,
): Promise<StoredMessage | null> {
  await lockFolders(tx, owner.mailboxId, [fromFolderId, toFolderId])
  const replaced = await tx
    .selectFrom('messages')
    .select('size_bytes')
    .where('mailbox_id', '=', owner.mailboxId)
    .where('folder_id', '=', fromFolderId)
    .where('uid', '=', uid)
    .executeTakeFirst()
  if (replaced === undefined) return null
  const room = { bytes: replaced.size_bytes, messages: 1 }
  const [stored] = await appendMessages(platform, tx, owner, toFolderId, [message], room)
  await expungeMessages(platform, tx, owner, fromFolderId, [uid])
  return stored ?? null
}
