/** A message as the payloads of webhooks have it, and whom of the organization it names. */
import type { AddressIdentity } from '../../mailboxes/identities-of-addresses.ts'
import { hasAttachments } from '../../messages/content/read-content.ts'
import type { ManyMessage } from '../../messages/many-messages.ts'
import { fieldsOf } from '../../messages/message-fields.ts'
import type { MailEventType } from './webhook-events.ts'

/** Characters of a text that go along; a longer one is cut. */
export const bodyCharsMax = 64 * 1024

/** Different addresses that are looked up for one event. */
export const addressesMax = 50

const statuses: Readonly<Record<MailEventType, string>> = {
  'message.received': 'received',
  'message.sent': 'sent',
  'message.forwarded': 'sent',
  'message.delivered': 'delivered',
  'message.bounced': 'bounced',
  'message.failed': 'failed',
}

/**
 * @param told `snippet`: the beginning of its text, empty where it has none; `text`: of a message that was received, null
 *   where there is none; `sentTo`: for whom one that was sent left the platform.
 */
export function messageView(
  message: ManyMessage,
  type: MailEventType,
  told: { snippet: string; text: string | null; sentTo: readonly string[] },
) {
  const { snippet, text, sentTo } = told
  const { envelope, structure, id, mailboxId, threadId, address, internalDate } = message
  const isReceived = type === 'message.received'
  const { from, to, cc, bcc, subject, messageId } = fieldsOf(envelope)
  const addressesOf = (people: readonly { address: string }[]): string[] => people.map((one) => one.address)
  const orNull = (people: readonly { address: string }[]): string[] | null =>
    people.length === 0 ? null : addressesOf(people)
  return {
    id,
    mailbox_id: mailboxId,
    thread_id: threadId,
    message_id: messageId === null ? null : `<${messageId}>`,
    from_address: from[0]?.address ?? '',
    to_addresses: addressesOf(to),
    cc_addresses: orNull(cc),
    bcc_addresses: isReceived ? null : orNull([...bcc, ...unnamed(sentTo, [...to, ...cc, ...bcc])]),
    subject,
    snippet: snippet === '' ? null : snippet,
    email_address: address,
    ...(isReceived ? bodyFields(text) : noBody),
    sender_access: 'direct',
    direction: isReceived ? 'inbound' : 'outbound',
    status: statuses[type],
    has_attachments: hasAttachments(structure),
    created_at: internalDate.toISOString(),
  }
}

export type WebhookMessage = ReturnType<typeof messageView>

/** Those whom the header does not name. */
function unnamed(sentTo: readonly string[], named: readonly { address: string }[]): { address: string }[] {
  const known = new Set(named.map(({ address }) => address.toLowerCase()))
  return sentTo.filter((address) => !known.has(address.toLowerCase())).map((address) => ({ address }))
}

const noBody = {
  body: null,
  body_state: null,
  body_truncated: null,
  body_total_chars: null,
  body_included_chars: null,
}

function bodyFields(text: string | null) {
  if (text === null) return { ...noBody, body_state: 'unavailable' }
  const body = text.slice(0, bodyCharsMax).toWellFormed()
  const isCut = text.length > bodyCharsMax
  return {
    body,
    body_state: isCut ? 'truncated' : 'complete',
    body_truncated: isCut,
    body_total_chars: text.length,
    body_included_chars: body.length,
  }
}

type Bucket = 'from' | 'to' | 'cc' | 'bcc'

type Named = { bucket: Bucket; address: string }

/** Everybody that a message names, in the order of the buckets. */
export function namedIn(message: WebhookMessage): Named[] {
  const of = (bucket: Bucket, addresses: readonly string[] | null): Named[] =>
    (addresses ?? []).map((address) => ({ bucket, address }))
  return [
    ...of('from', [message.from_address]),
    ...of('to', message.to_addresses),
    ...of('cc', message.cc_addresses),
    ...of('bcc', message.bcc_addresses),
  ]
}

/** Whether they are few enough to be looked up. */
export function areLookedUp(named: readonly Named[]): boolean {
  return new Set(named.map(({ address }) => address.toLowerCase())).size <= addressesMax
}

export function identityView({ bucket, address }: Named, identity: AddressIdentity) {
  const { id, handle, displayName } = identity
  return { bucket, address, id, agent_handle: handle, display_name: displayName }
}
