/** How mail looks in the unified inbox. What is in it others wrote: it is told as it is, and rendered nowhere. */
import { type Static, Type } from 'typebox'
import { flagBits } from '../../messages/flags.ts'
import { fieldsOf, type PersonField } from '../../messages/message-fields.ts'
import type { FullMessage, MessageSummary } from '../../messages/read-message.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import { Moment } from './schemas.ts'

const PersonView = Type.Object({ name: Nullable(Type.String()), email: Type.String() })
const People = Type.Array(PersonView)

const emailFields = {
  id: Type.String(),
  messageId: Type.String({ description: 'The same, as the other calls take it.' }),
  internetMessageId: Nullable(Type.String(), 'Message-ID without angle brackets.'),
  threadId: Type.String({
    description: 'As the other calls take it. It changes where threads turn out to be one.',
  }),
  account: Type.String({ description: 'The address of its mailbox.' }),
  folder: Type.String(),
  from: Nullable(PersonView),
  to: People,
  cc: People,
  bcc: People,
  replyTo: People,
  subject: Type.String(),
  snippet: Type.String({ description: 'The beginning of its text, at most 200 characters.' }),
  date: Moment,
  timestamp: Type.Integer({ description: 'When it was received, in milliseconds.' }),
  isRead: Type.Boolean(),
  isStarred: Type.Boolean(),
  isWarmUp: Type.Literal(false),
  labels: Type.Array(Type.String()),
  hasAttachments: Type.Boolean(),
} as const

export const EmailView = Type.Object(emailFields, { title: 'Email' })

export const WholeEmailView = Type.Object(
  {
    ...emailFields,
    text: Nullable(Type.String()),
    html: Nullable(Type.String(), 'As its author wrote it: clean it before it is shown.'),
    isTruncated: Type.Boolean(),
    attachments: Type.Array(
      Type.Object({
        attachmentId: Type.String(),
        filename: Type.String(),
        contentType: Type.String(),
        size: Type.Integer(),
        isInline: Type.Boolean(),
      }),
    ),
  },
  { title: 'WholeEmail' },
)

type Viewed = Omit<MessageSummary, 'uid' | 'modseq' | 'bodyId' | 'sizeBytes'>

/** @param account the address of its mailbox. */
export function emailView(message: Viewed, account: string): Static<typeof EmailView> {
  const fields = fieldsOf(message.envelope, 'short')
  const [author = null] = fields.from
  return {
    id: message.id,
    messageId: message.id,
    internetMessageId: fields.messageId,
    threadId: threadRef(message),
    account,
    folder: message.folderPath,
    from: author && personView(author),
    to: fields.to.map(personView),
    cc: fields.cc.map(personView),
    bcc: fields.bcc.map(personView),
    replyTo: fields.replyTo.map(personView),
    subject: fields.subject ?? '',
    snippet: message.preview,
    date: message.internalDate.toISOString(),
    timestamp: message.internalDate.getTime(),
    isRead: (message.flags & flagBits.seen) !== 0,
    isStarred: (message.flags & flagBits.flagged) !== 0,
    isWarmUp: false,
    labels: message.keywords,
    hasAttachments: message.hasAttachments,
  }
}

export function wholeEmailView(message: FullMessage, account: string): Static<typeof WholeEmailView> {
  return {
    ...emailView(message, account),
    text: message.content.text,
    html: message.content.html,
    isTruncated: message.content.isTruncated,
    attachments: message.attachments.map(({ number, filename, contentType, sizeBytes, disposition }) => ({
      attachmentId: String(number),
      filename: filename ?? `attachment-${number}`,
      contentType,
      size: sizeBytes,
      isInline: disposition === 'inline',
    })),
  }
}

function personView({ name, address }: PersonField): Static<typeof PersonView> {
  return { name, email: address }
}

/** A thread is its mailbox's, which the calls for one do not name. */
function threadRef({ mailboxId, threadId }: { mailboxId: string; threadId: string }): string {
  return `${mailboxId}_${threadId}`
}

/** @returns null for what is no such reference. */
export function parseThreadRef(text: string): { mailboxId: string; threadId: string } | null {
  const [mailboxId = '', threadId = '', ...more] = text.split('_')
  return isId(mailboxId) && isId(threadId) && more.length === 0 ? { mailboxId, threadId } : null
}

/** Where the next page begins: at a moment, behind so many messages of it. */
export type EmailCursor = { ms: number; skip: number }

const skipRange = 1000
/** Larger numbers are cursors of ours; smaller ones are moments: clients begin at one of their own. */
const momentsEnd = 1e14

/** Those before a moment, or those from a place within a moment on. @param cursor an integer from 0 on. */
export function readCursor(cursor: number): EmailCursor {
  return cursor < momentsEnd
    ? { ms: cursor - 1, skip: 0 }
    : { ms: Math.floor(cursor / skipRange), skip: cursor % skipRange }
}

/**
 * @param page the messages of a page, newest first, with more behind it.
 * @param before where it began.
 */
export function cursorAfter(
  page: readonly { internalDate: Date }[],
  before: EmailCursor | null,
): number | null {
  const ms = page.at(-1)?.internalDate.getTime()
  if (ms === undefined) return null
  const here = page.filter(({ internalDate }) => internalDate.getTime() === ms).length
  const skip = here + (before?.ms === ms ? before.skip : 0)
  // Of more than a thousand in the same millisecond the rest are left out, rather than shown for ever.
  return skip < skipRange ? ms * skipRange + skip : (ms - 1) * skipRange
}
