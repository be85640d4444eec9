/** Messages with everything that is shown of them, read as sets. */
import type { Static } from 'typebox'
import { opensOf } from '../../delivery/open-tracking/open-tracking.ts'
import { queuedRecipientsOf, statusesOfSent } from '../../delivery/outbound/message-status.ts'
import { peopleIn } from '../../delivery/submission/original.ts'
import { recipientsOfReply } from '../../delivery/submission/reply-recipients.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { type Direction, directionsOfPlaced } from '../../messages/direction.ts'
import { getMessage } from '../../messages/find-message.ts'
import { importIdsOf } from '../../messages/imports/opened-messages.ts'
import { fieldsOf, type StoredEnvelope } from '../../messages/message-fields.ts'
import { type MessageSummary, readWhole } from '../../messages/read-message.ts'
import type { SpecialUse } from '../../messages/tables.ts'
import { type Db, onOneConnection } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  type MessageDetailView,
  type MessageFacts,
  type MessageView,
  messageDetailView,
  messageView,
} from './message-view.ts'

type Known = {
  id: string
  folderPath: string
  specialUse: SpecialUse | null
  envelope: StoredEnvelope
}

/** @param db of one connection. @returns by message id. */
async function factsOf(
  db: Db,
  mailboxId: string,
  messages: readonly Known[],
  directions: ReadonlyMap<string, Direction>,
): Promise<Map<string, MessageFacts>> {
  const sent = messages.filter(({ id }) => directions.get(id) === 'outbound')
  const sentIds = sent.map(({ id }) => id)
  const [statuses, opens, imports] = await Promise.all([
    statusesOfSent(
      db,
      mailboxId,
      sent.map(({ id, envelope }) => ({ id, messageId: fieldsOf(envelope, 'short').messageId })),
    ),
    opensOf(db, mailboxId, sentIds),
    importIdsOf(
      db,
      mailboxId,
      messages.map(({ id }) => id),
    ),
  ])
  return new Map(
    messages.map(({ id, specialUse }) => [
      id,
      {
        direction: directions.get(id) ?? 'inbound',
        isDeleted: specialUse === 'trash',
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
  const byMailbox = [...Map.groupBy(messages, (message) => message.mailboxId)]
  await onOneConnection(db, (one) =>
    Promise.all(
      byMailbox.map(async ([mailboxId, own]) => {
        const directions = await directionsOfPlaced(one, mailboxId, own)
        for (const [id, known] of await factsOf(one, mailboxId, own, directions)) facts.set(id, known)
      }),
    ),
  )
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
  if (message.specialUse === 'drafts') throw new Refusal('message_not_found')
  return message
}

/** @param db the transaction, inside one. @throws Refusal message_not_found. */
export async function messageDetail(
  platform: Platform,
  mailbox: Mailbox,
  id: string,
  db: Db = platform.db,
): Promise<Static<typeof MessageDetailView>> {
  return await onOneConnection(db, async (one) => {
    const message = await requireMessage(one, mailbox.id, id)
    const directions = await directionsOfPlaced(one, mailbox.id, [message])
    const people = { ...peopleIn(message.envelope), listPost: null }
    const [whole, facts, replyAll, bcc] = await Promise.all([
      readWhole(platform, message, one),
      factsOf(one, mailbox.id, [message], directions),
      recipientsOfReply(platform, mailbox, people, { all: true, list: false }, one),
      directions.get(message.id) === 'outbound' ? blindRecipients(one, message) : [],
    ])
    return messageDetailView(whole, facts.get(message.id) ?? nothing, { replyAll, bcc })
  })
}

/** Whom a message left the platform for and does not name. */
async function blindRecipients(
  db: Db,
  { mailboxId, envelope }: { mailboxId: string; envelope: StoredEnvelope },
): Promise<string[]> {
  const { messageId, to, cc } = fieldsOf(envelope)
  if (messageId === null) return []
  const named = new Set([...to, ...cc].map(({ address }) => address.toLowerCase()))
  const queued = await queuedRecipientsOf(db, mailboxId, messageId)
  return queued.filter((address) => !named.has(address.toLowerCase()))
}
