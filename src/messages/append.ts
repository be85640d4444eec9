/** APPEND: the owner puts messages into a folder (RFC 9051 §6.3.12, RFC 3502). */
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { StagedBody } from './bodies.ts'
import { requireKeywords, uniqueKeywords } from './flags.ts'
import type { MailboxOwner } from './owner.ts'
import { type Need, requireRoom } from './quotas.ts'
import { type NewMessage, type StoredMessage, storeMessages } from './store.ts'

export type AppendedMessage = {
  body: StagedBody
  flags: number
  keywords: readonly string[]
  internalDate: Date
}

/**
 * Stores messages in one folder, all or none, and writes one event for them.
 * @param replaced what the caller removes in the same transaction: it makes room.
 * @returns what they became, in their order, with rising UIDs.
 * @throws Refusal folder_not_found, keyword_limit_reached, quota_exceeded.
 */
export async function appendMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  messages: readonly AppendedMessage[],
  replaced: Need = { bytes: 0, messages: 0 },
): Promise<StoredMessage[]> {
  const places = placesOf(owner, folderId, messages)
  const { bytes } = needOf(messages)
  const need = { bytes: bytes - replaced.bytes, messages: messages.length - replaced.messages }
  await requireRoom(platform, tx, owner, need)
  const appended: StoredMessage[] = []
  await storeMessages(platform, tx, places, (stored) => {
    for (const message of stored) {
      if (message === null) throw new Refusal('folder_not_found')
      appended.push(message)
    }
    return [appendedEvent(owner, folderId, appended)]
  })
  return appended
}

/** @throws Refusal keyword_limit_reached. */
export function placesOf(
  owner: MailboxOwner,
  folderId: string,
  messages: readonly AppendedMessage[],
): NewMessage[] {
  return messages.map((message) => {
    const keywords = uniqueKeywords(message.keywords)
    requireKeywords(keywords)
    return { ...message, keywords, mailboxId: owner.mailboxId, folderId }
  })
}

/** What messages take of a quota. */
export function needOf(messages: readonly AppendedMessage[]): Need {
  return { bytes: messages.reduce((sum, { body }) => sum + body.sizeBytes, 0), messages: messages.length }
}

export function appendedEvent(
  owner: MailboxOwner,
  folderId: string,
  appended: readonly StoredMessage[],
): NewEvent {
  return {
    type: 'message.appended',
    ...owner,
    data: {
      folder_id: folderId,
      highest_modseq: appended.at(-1)?.modseq ?? 0,
      message_ids: appended.map((message) => message.id),
    },
  }
}
