/** How messages look here: in short as in lists, and whole. */
import { type Static, Type } from 'typebox'
import type { Opens } from '../../delivery/open-tracking/open-tracking.ts'
import type { SentStatus } from '../../delivery/outbound/message-status.ts'
import type { ReplyRecipients } from '../../delivery/submission/reply-recipients.ts'
import type { Direction } from '../../messages/direction.ts'
import { flagBits } from '../../messages/flags.ts'
import { fieldsOf, type PersonField } from '../../messages/message-fields.ts'
import type { FullMessage, MessageSummary, SizedAttachment } from '../../messages/read-message.ts'
import { Moment, momentOrNull, orNull, Uuid } from './schemas.ts'

const Addresses = Type.Array(Type.String())
const AddressesOrNull = orNull(Addresses)

const statuses = ['queued', 'sent', 'delivered', 'bounced', 'failed', 'received', 'deleted'] as const

const summaryFields = {
  id: Uuid,
  mailbox_id: Uuid,
  thread_id: orNull(Uuid),
  message_id: Type.String({ description: 'Message-ID with its angle brackets; empty where it has none.' }),
  from_address: Type.String(),
  from_display_name: orNull(Type.String()),
  to_addresses: Addresses,
  cc_addresses: AddressesOrNull,
  subject: orNull(Type.String()),
  snippet: orNull(Type.String({ description: 'The beginning of its text, at most 200 characters.' })),
  direction: Type.Enum(['inbound', 'outbound']),
  status: Type.Enum([...statuses]),
  is_read: Type.Boolean(),
  is_starred: Type.Boolean(),
  has_attachments: Type.Boolean(),
  reply_to: orNull(Type.String()),
  sending_domain_warning: orNull(Type.String()),
  first_opened_at: orNull(Moment),
  open_count: Type.Integer(),
  import_job_id: orNull(Uuid),
  created_at: Moment,
} as const

export const MessageView = Type.Object(summaryFields, { title: 'Message' })

export const AttachmentMetadataView = Type.Object({
  filename: Type.String({ description: 'By which it is fetched: no two of a message have the same.' }),
  content_type: Type.String(),
  size: Type.Integer(),
  content_id: orNull(Type.String()),
  is_inline: Type.Boolean(),
})

export const MessageDetailView = Type.Object(
  {
    ...summaryFields,
    body_text: orNull(Type.String()),
    body_html: orNull(Type.String()),
    bcc_addresses: AddressesOrNull,
    in_reply_to: orNull(Type.String()),
    references: AddressesOrNull,
    attachment_metadata: orNull(Type.Array(AttachmentMetadataView)),
    ses_message_id: orNull(Type.String()),
    reply_all_recipients: orNull(Type.Object({ to: Addresses, cc: Addresses })),
    updated_at: Moment,
  },
  { title: 'MessageDetail' },
)

/** What is known of a message besides what is in it. */
export type MessageFacts = {
  direction: Direction
  /** It lies in the trash. */
  isDeleted: boolean
  /** Of one that was sent. */
  sent: SentStatus | null
  opens: Opens | null
  /** The import that brought it. */
  importId: string | null
}

type Viewed = Omit<MessageSummary, 'uid' | 'bodyId' | 'modseq' | 'keywords' | 'sizeBytes' | 'folderPath'>

export function messageView(message: Viewed, facts: MessageFacts): Static<typeof MessageView> {
  const fields = fieldsOf(message.envelope, 'short')
  const [author] = fields.from
  const replyTo = fields.replyTo[0]?.address ?? null
  return {
    id: message.id,
    mailbox_id: message.mailboxId,
    thread_id: message.threadId,
    message_id: fields.messageId === null ? '' : `<${fields.messageId}>`,
    from_address: author?.address ?? '',
    from_display_name: author?.name ?? null,
    to_addresses: addressesOf(fields.to),
    cc_addresses: orNone(addressesOf(fields.cc)),
    subject: fields.subject,
    snippet: message.preview,
    direction: facts.direction,
    status: statusOf(facts),
    is_read: (message.flags & flagBits.seen) !== 0,
    is_starred: (message.flags & flagBits.flagged) !== 0,
    has_attachments: message.hasAttachments,
    reply_to: replyTo === author?.address ? null : replyTo,
    sending_domain_warning: null,
    first_opened_at: momentOrNull(facts.opens?.firstOpenedAt ?? null),
    open_count: facts.opens?.count ?? 0,
    import_job_id: facts.importId,
    created_at: message.internalDate.toISOString(),
  }
}

function statusOf({ direction, isDeleted, sent }: MessageFacts): (typeof statuses)[number] {
  if (isDeleted) return 'deleted'
  return direction === 'inbound' ? 'received' : (sent ?? 'delivered')
}

/** @param bcc of one that was sent: those that the header does not name. */
export function messageDetailView(
  message: FullMessage,
  facts: MessageFacts,
  { replyAll, bcc }: { replyAll: ReplyRecipients; bcc: readonly string[] },
): Static<typeof MessageDetailView> {
  const fields = fieldsOf(message.envelope)
  const written = addressesOf(fields.bcc)
  return {
    ...messageView(message, facts),
    to_addresses: addressesOf(fields.to),
    cc_addresses: orNone(addressesOf(fields.cc)),
    body_text: message.content.text,
    body_html: message.content.html,
    bcc_addresses: orNone([...new Set([...written, ...bcc])]),
    in_reply_to: fields.inReplyTo === null ? null : `<${fields.inReplyTo}>`,
    references: orNone(fields.references.map((id) => `<${id}>`)),
    attachment_metadata: orNone(attachmentMetadata(message.attachments)),
    ses_message_id: null,
    reply_all_recipients: {
      to: replyAll.to.map(({ address }) => address),
      cc: replyAll.cc.map(({ address }) => address),
    },
    updated_at: message.internalDate.toISOString(),
  }
}

function attachmentMetadata(
  attachments: readonly SizedAttachment[],
): Static<typeof AttachmentMetadataView>[] {
  const names = filenamesOf(attachments)
  return attachments.map((one, index) => ({
    filename: names[index] ?? '',
    content_type: one.contentType,
    size: one.sizeBytes,
    content_id: one.contentId,
    is_inline: one.disposition === 'inline',
  }))
}

/** A name for each: those without one get one, and those of the same name a number. */
export function filenamesOf(attachments: readonly { filename: string | null; number: number }[]): string[] {
  const taken = new Set<string>()
  return attachments.map(({ filename, number }) => {
    const wanted = filename ?? `attachment-${number}`
    let name = wanted
    for (let count = 2; taken.has(name); count++) name = numbered(wanted, count)
    taken.add(name)
    return name
  })
}

function numbered(name: string, count: number): string {
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? `${name} (${count})` : `${name.slice(0, dot)} (${count})${name.slice(dot)}`
}

function addressesOf(people: readonly PersonField[]): string[] {
  return people.map(({ address }) => address)
}

function orNone<T>(list: readonly T[]): T[] | null {
  return list.length === 0 ? null : [...list]
}
