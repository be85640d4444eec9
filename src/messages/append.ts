/** APPEND: the owner puts messages into a folder (RFC 9051 §6.3.12, RFC 3502). */
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { StagedBody } from './bodies.ts'
import { requireKeywords, uniqueKeywords } from './flags.ts'
import type { MailboxOwner } from './owner.ts'
import { type StoredMessage, storeMessages } from './store.ts'

export type AppendedMessage = {
  body: StagedBody
  flags: number
  keywords: readonly string[]
  internalDate: Date
}

/**
 * Stores messages in one folder, all or none, and writes one event for them.
 * @returns what they became, in their order, with rising UIDs.
 * @throws Refusal folder_not_found, keyword_limit_reached.
 */
export async function appendMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  messages: readonly AppendedMessage[],
): Promise<StoredMessage[]> {
  const places = messages.map((message) => {
    const keywords = uniqueKeywords(message.keywords)
    requireKeywords(keywords)
    return { ...message, keywords, mailboxId: owner.mailboxId, folderId }
  })
  const appended: StoredMessage[] = []
  await storeMessages(platform, tx, places, (stored) => {
    for (const message of stored) {
      if (message === null) throw new Refusal('folder_not_found')
      appended.push(message)
    }
    const { organizationId, workspaceId, mailboxId } = owner
    return [
      {
        type: 'message.appended',
        organizationId,
        workspaceId,
        mailboxId,
        data: {
          folder_id: folderId,
          highest_modseq: appended.at(-1)?.modseq ?? 0,
          message_ids: appended.map((message) => message.id),
        },
      },
    ]
  })
  return appended
}
