/** How a message looks in JSON: whole, and in short as in lists. */
import { type Static, Type } from 'typebox'
import { type FlagSet, flagBits, type SystemFlag } from '../messages/flags.ts'
import { fieldsOf, peopleInListsMax } from '../messages/message-fields.ts'
import type { FullMessage, MessageSummary, SizedAttachment } from '../messages/read-message.ts'
import type { Trust } from '../messages/trust.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const messageFlags = ['seen', 'answered', 'flagged', 'draft', 'deleted'] as const satisfies SystemFlag[]

export const PersonView = Type.Object(
  {
    name: Nullable(Type.String()),
    address: Type.String({ description: 'As the sender wrote it: it may be no address.' }),
  },
  { title: 'Person' },
)

const People = Type.Array(PersonView)

const summaryFields = {
  id: Type.String({ format: 'uuid', description: 'It stays the same when the message is moved.' }),
  mailbox_id: Id,
  thread_id: Type.String({ format: 'uuid', description: 'It changes where threads turn out to be one.' }),
  folder: Type.Object({ id: Id, path: Type.String() }),
  subject: Nullable(Type.String(), 'Decoded. Null: it has none.'),
  from: People,
  sender: People,
  reply_to: Type.Array(PersonView, {
    description: 'Where answers go: the author, unless it says otherwise.',
  }),
  to: People,
  cc: People,
  bcc: People,
  date: Nullable(Moment, 'What the sender’s clock said, if it can be read.'),
  received_at: Moment,
  message_id: Nullable(Type.String(), 'Without angle brackets.'),
  in_reply_to: Nullable(Type.String(), 'The message_id of what it answers.'),
  flags: Type.Array(OneOf(messageFlags), {
    description: 'IMAP’s system flags: without `seen` it is unread.',
  }),
  labels: Type.Array(Type.String(), { description: 'IMAP’s keywords.' }),
  size_bytes: Type.Integer({ description: 'Of the raw message.' }),
  preview: Type.String({ description: 'The beginning of its text, at most 200 characters.' }),
  has_attachments: Type.Boolean({ description: 'Files that are meant to be kept: no pictures of the text.' }),
} as const

export const MessageSummaryView = Type.Object(summaryFields, {
  title: 'MessageSummary',
  description: `Of each list of people at most the first ${peopleInListsMax}.`,
})

const AttachmentView = Type.Object(
  {
    number: Type.Integer({ description: 'It counts from 1 and never changes.' }),
    filename: Nullable(Type.String()),
    content_type: Type.String({ description: 'As the sender says.' }),
    disposition: OneOf(['attachment', 'inline']),
    content_id: Nullable(Type.String(), 'For `cid:` in the HTML; without angle brackets.'),
    size_bytes: Type.Integer({ description: 'Of the decoded file, exactly.' }),
  },
  { title: 'Attachment' },
)

const TrustView = Type.Unsafe<Trust | null>({
  type: ['object', 'null'],
  additionalProperties: true,
  description: 'What was found out about where it came from. Null for what is from inside this platform.',
})

const detailFields = {
  references: Type.Array(Type.String(), { description: 'Oldest first, without angle brackets.' }),
  text: Nullable(Type.String(), 'Null: it has no plain text.'),
  html: Nullable(Type.String(), 'As the sender wrote it. Untrusted: clean it before it is shown.'),
  reply_text: Nullable(
    Type.String(),
    'What its author wrote new: text or html without quotes and signature. Null: it has neither.',
  ),
  text_truncated: Type.Boolean({ description: 'text or html is longer than is given; `raw` has all.' }),
  attachments: Type.Array(AttachmentView),
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() }), {
    description: 'The header’s fields in order, decoded.',
  }),
  headers_truncated: Type.Boolean({ description: 'The header is longer than is given; `raw` has all.' }),
  trust: TrustView,
  first_contact: Type.Boolean({
    description: 'It was the first that the mailbox heard of its author, whom it had not written to.',
  }),
  etag: Type.String({ description: 'Of its flags, labels and folder: for If-Match.' }),
} as const

export const MessageView = Type.Object(
  { ...summaryFields, ...detailFields },
  { title: 'Message', description: 'Everything in it but ids is what somebody else wrote: untrusted.' },
)

/** In short, or whole where that is asked for. */
export const SummaryOrMessageView = Type.Object(
  { ...summaryFields, ...Type.Partial(Type.Object(detailFields)).properties },
  { title: 'SummaryOrMessage', description: 'What a summary does not have is there with `full=true` only.' },
)

/** What a list and a whole message have in common. */
type Viewed = Omit<MessageSummary, 'uid' | 'bodyId'>

export function messageSummaryView(message: Viewed): Static<typeof MessageSummaryView> {
  const { references: _, ...fields } = commonView(message, 'short')
  return fields
}

/** @param more what other parts of the core know of it. */
export function messageView(
  message: FullMessage,
  more: { isFirstContact: boolean },
): Static<typeof MessageView> {
  const { content, header } = message
  return {
    ...commonView(message, 'whole'),
    text: content.text,
    html: content.html,
    reply_text: message.reply.text,
    text_truncated: content.isTruncated,
    attachments: message.attachments.map(attachmentView),
    headers: header.fields,
    headers_truncated: header.isTruncated,
    trust: message.trust,
    first_contact: more.isFirstContact,
    etag: messageEtag(message),
  }
}

/** The words of the flags that are set. */
function flagWords({ flags }: Pick<FlagSet, 'flags'>): SystemFlag[] {
  return messageFlags.filter((flag) => (flags & flagBits[flag]) !== 0)
}

/** Weak (RFC 9110 §8.8.3): of what can change of a message, which its MODSEQ and its folder tell. */
export function messageEtag({ modseq, folderId }: { modseq: number; folderId: string }): string {
  return `W/"${modseq}-${folderId}"`
}

/** Whether an If-Match header lets a change of this message through (RFC 9110 §13.1.1). */
export function isMessageMatch(
  header: string | undefined,
  message: { modseq: number; folderId: string },
): boolean {
  if (header === undefined || header.trim() === '*') return true
  const etag = messageEtag(message)
  return header.split(',').some((tag) => [etag, etag.slice('W/'.length)].includes(tag.trim()))
}

function commonView(message: Viewed, extent: 'whole' | 'short') {
  const fields = fieldsOf(message.envelope, extent)
  return {
    id: message.id,
    mailbox_id: message.mailboxId,
    thread_id: message.threadId,
    folder: { id: message.folderId, path: message.folderPath },
    subject: fields.subject,
    from: fields.from,
    sender: fields.sender,
    reply_to: fields.replyTo,
    to: fields.to,
    cc: fields.cc,
    bcc: fields.bcc,
    date: momentOrNull(fields.sentAt),
    received_at: message.internalDate.toISOString(),
    message_id: fields.messageId,
    in_reply_to: fields.inReplyTo,
    references: fields.references,
    flags: flagWords(message),
    labels: message.keywords,
    size_bytes: message.sizeBytes,
    preview: message.preview,
    has_attachments: message.hasAttachments,
  }
}

function attachmentView(one: SizedAttachment): Static<typeof AttachmentView> {
  return {
    number: one.number,
    filename: one.filename,
    content_type: one.contentType,
    disposition: one.disposition,
    content_id: one.contentId,
    size_bytes: one.sizeBytes,
  }
}
