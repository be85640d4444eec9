/** Messages with everything that is shown of them, read as sets. */
import type { Static } from 'typebox'
import { opensOf } from '../../delivery/open-tracking/open-tracking.ts'
import { queuedRecipientsOf, statusesOfSent } from '../../delivery/outbound/message-status.ts'
import { peopleIn } from '../../delivery/submission/original.ts'
import { recipientsOfReply } from '../../delivery/submission/reply-recipients.ts'
import { subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { directionsOf } from '../../messages/direction.ts'
import { getMessage } from '../../messages/find-message.ts'
import { listFoldersIn } from '../../messages/folders.ts'
import { importIdsOf } from '../../messages/imports/opened-messages.ts'
import { fieldsOf, type StoredEnvelope } from '../../messages/message-fields.ts'
import { type MessageSummary, readMessage } from '../../messages/read-message.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  type MessageDetailView,
  type MessageFacts,
  type MessageView,
  messageDetailView,
  messageView,
} from './message-view.ts'

type Known = { id: string; folderId: string; envelope: StoredEnvelope }

type Facts = MessageFacts & { isDraft: boolean }

/** @returns by message id. */
async function factsOf(db: Db, mailboxId: string, messages: readonly Known[]): Promise<Map<string, Facts>> {
  const ids = messages.map(({ id }) => id)
  const directions = await directionsOf(db, mailboxId, ids)
  const sent = messages.filter(({ id }) => directions.get(id) === 'outbound')
  const statuses = await statusesOfSent(
    db,
    mailboxId,
    sent.map(({ id, envelope }) => ({ id, messageId: fieldsOf(envelope, 'short').messageId })),
  )
  const opens = await opensOf(
    db,
    mailboxId,
    sent.map(({ id }) => id),
  )
  const imports = await importIdsOf(db, mailboxId, ids)
  const folders = await listFoldersIn(db, mailboxId)
  const uses = new Map(folders.map((folder) => [folder.id, folder.special_use]))
  return new Map(
    messages.map(({ id, folderId }) => [
      id,
      {
        direction: directions.get(id) ?? 'inbound',
        isDeleted: uses.get(folderId) === 'trash',
        isDraft: uses.get(folderId) === 'drafts',
        sent: statuses.get(id) ?? null,
        opens: opens.get(id) ?? null,
        importId: imports.get(id) ?? null,
      },
    ]),
  )
}

const nothing: MessageFacts = {
  direction: 'inbound',
  isDeleted: false,
  sent: null,
  opens: null,
  importId: null,
}

/** In the order of the messages, which are of any mailboxes. */
export async function messageViews(
  db: Db,
  messages: readonly MessageSummary[],
): Promise<Static<typeof MessageView>[]> {
  const facts = new Map<string, MessageFacts>()
  for (const [mailboxId, own] of Map.groupBy(messages, (message) => message.mailboxId)) {
    for (const [id, known] of await factsOf(db, mailboxId, own)) facts.set(id, known)
  }
  return messages.map((message) => messageView(message, facts.get(message.id) ?? nothing))
}

/**
 * A message of the mailbox that is none of its drafts.
 * @throws Refusal message_not_found.
 */
export async function requireMessage(
  db: Db,
  mailboxId: string,
  id: string,
): Promise<Awaited<ReturnType<typeof getMessage>>> {
  const message = await getMessage(db, mailboxId, id)
  const folders = await listFoldersIn(db, mailboxId)
  if (folders.find((one) => one.id === message.folderId)?.special_use === 'drafts') {
    throw new Refusal('message_not_found')
  }
  return message
}

/** @param db the transaction, inside one. @throws Refusal message_not_found. */
export async function messageDetail(
  platform: Platform,
  mailbox: Mailbox,
  id: string,
  db: Db = platform.db,
): Promise<Static<typeof MessageDetailView>> {
  const { mailboxId } = subject(mailbox)
  const message = await readMessage(platform, mailboxId, id, db)
  const facts = (await factsOf(db, mailboxId, [message])).get(message.id)
  if (facts === undefined || facts.isDraft) throw new Refusal('message_not_found')
  const people = { ...peopleIn(message.envelope), listPost: null }
  const replyAll = await recipientsOfReply(platform, mailbox, people, { all: true, list: false })
  return messageDetailView(message, facts, { replyAll, bcc: await blindRecipients(db, message, facts) })
}

/** Whom a message left the platform for and does not name. */
async function blindRecipients(
  db: Db,
  { mailboxId, envelope }: { mailboxId: string; envelope: StoredEnvelope },
  { direction }: MessageFacts,
): Promise<string[]> {
  const { messageId, to, cc } = fieldsOf(envelope)
  if (direction === 'inbound' || messageId === null) return []
  const named = new Set([...to, ...cc].map(({ address }) => address.toLowerCase()))
  const queued = await queuedRecipientsOf(db, mailboxId, messageId)
  return queued.filter((address) => !named.has(address.toLowerCase()))
}
