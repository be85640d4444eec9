/** Contacts: whom a mailbox has heard from or written to, and which message was a stranger's first. */
import { type RawBuilder, sql } from 'kysely'
import { parseAddress } from '../mailboxes/address.ts'
import type { StagedBody } from '../messages/bodies.ts'
import { decodeHeaderText } from '../messages/mime/encoded-words.ts'
import type { EnvelopeAddress } from '../messages/mime/structure.ts'
import type { StoredMessage } from '../messages/store.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { storableText } from './storable-text.ts'

/** A row stays with its first message; `sent` outdoes `received`: who was written to is no stranger. */
export type ContactsTable = {
  mailbox_id: string
  address: string
  name: string | null
  origin: 'received' | 'sent'
  /** Null where the mailbox wrote first. */
  first_message_id: string | null
  first_seen_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    contacts: ContactsTable
  }
}

/** What of a delivery makes contacts. */
export type ContactSource = {
  body: Pick<StagedBody, 'parsed'>
  /** In the order of the messages. */
  placements: readonly { isSentCopy?: true }[]
  sentBy?: { mailboxId: string; recipients: readonly string[] }
}

const nameCharsMax = 200

type Contact = Omit<ContactsTable, 'first_seen_at'>

/**
 * Writes the contacts of deliveries, as one statement; null when there are none.
 * @param stored for each delivery the messages that it became.
 */
export function contactsStatement(
  deliveries: readonly ContactSource[],
  stored: readonly (readonly StoredMessage[])[],
  now: Date,
): RawBuilder<unknown> | null {
  const contacts = deliveries.flatMap((delivery, at) => [
    ...receivedContacts(delivery, stored[at] ?? []),
    ...sentContacts(delivery),
  ])
  if (contacts.length === 0) return null
  // In one order, so that two nodes that write the same rows wait for each other and do not deadlock.
  return sql`/* prepared write_contacts */
    insert into contacts as known (mailbox_id, address, name, origin, first_message_id, first_seen_at)
    select distinct on (mailbox_id, address) mailbox_id, address, nullif(name, ''), origin, first_message_id,
      ${now}::timestamptz
    from unnest(${uuidArray(contacts.map((one) => one.mailbox_id))}, ${contacts.map((one) => one.address)}::text[],
      ${contacts.map((one) => one.name ?? '')}::text[], ${contacts.map((one) => one.origin)}::text[],
      ${uuidArray(contacts.map((one) => one.first_message_id))})
      as new (mailbox_id, address, name, origin, first_message_id)
    order by mailbox_id, address, origin desc, first_message_id
    on conflict (mailbox_id, address) do update set origin = 'sent'
      where known.origin = 'received' and excluded.origin = 'sent'`
}

function receivedContacts(
  { body, placements, sentBy }: ContactSource,
  messages: readonly StoredMessage[],
): Contact[] {
  const author = authorOf(body.parsed.envelope.from)
  if (author === null) return []
  return messages
    .filter(({ mailboxId }, at) => mailboxId !== sentBy?.mailboxId && !placements[at]?.isSentCopy)
    .map(({ id, mailboxId }) => ({
      mailbox_id: mailboxId,
      ...author,
      origin: 'received',
      first_message_id: id,
    }))
}

function sentContacts({ sentBy }: ContactSource): Contact[] {
  if (sentBy === undefined) return []
  return sentBy.recipients.map((address) => ({
    mailbox_id: sentBy.mailboxId,
    address,
    name: null,
    origin: 'sent',
    first_message_id: null,
  }))
}

function authorOf(from: readonly EnvelopeAddress[]): { address: string; name: string | null } | null {
  const author = from.find(({ mailbox, host }) => mailbox && host)
  if (author === undefined) return null
  const parsed = parseAddress(`${author.mailbox}@${author.host}`)
  const decoded = author.name === null ? '' : decodeHeaderText(author.name)
  const name = storableText(decoded.slice(0, nameCharsMax))
  return parsed.ok ? { address: parsed.value.address, name: name || null } : null
}

/** Whether a message was the first that the mailbox heard of its author, who had not been written to before either. */
export async function isFirstContact(
  platform: Platform,
  mailboxId: string,
  messageId: string,
): Promise<boolean> {
  const row = await platform.db
    .selectFrom('messages')
    .innerJoin('bodies', 'bodies.id', 'messages.body_id')
    .select('bodies.envelope')
    .where('messages.mailbox_id', '=', mailboxId)
    .where('messages.id', '=', messageId)
    .executeTakeFirst()
  const author = row ? authorOf(row.envelope.from) : null
  if (author === null) return false
  const contact = await platform.db
    .selectFrom('contacts')
    .select('first_message_id')
    .where('mailbox_id', '=', mailboxId)
    .where('address', '=', author.address)
    .executeTakeFirst()
  return contact?.first_message_id === messageId
}
