/** A message from its parts: what a program gives becomes RFC 5322 bytes, by nodemailer's builder. */
import MailComposer from 'nodemailer/lib/mail-composer'
import { newId } from '../../platform/ids.ts'

export type Person = { address: string; name: string | null }

export type NewAttachment = {
  filename: string
  contentType: string | null
  content: Buffer
  /** Set for a picture that the HTML shows: `cid:` and this. */
  contentId: string | null
  /** Default: what its type and `contentId` suggest. */
  disposition?: 'attachment' | 'inline'
}

export type NewMessageParts = {
  to: readonly Person[]
  cc: readonly Person[]
  bcc: readonly Person[]
  replyTo: readonly Person[]
  subject: string
  text: string | null
  html: string | null
  /** More fields; `customFieldProblem` says which may be given. */
  headers: Readonly<Record<string, string>>
  attachments: readonly NewAttachment[]
}

/** Of the value of a field that a caller adds. */
export const fieldBytesMax = 8000

// RFC 5322 §3.6: what the platform writes itself, and what would say something about the way that is not so.
const ownFields =
  /^(from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|received|return-path|delivered-to|authentication-results|received-spf|dkim-signature|arc-.*|resent-.*|x-mailwright-.*)$/i

/** @returns what is wrong with a field that a caller wants to add, or null. */
export function customFieldProblem(name: string, value: string): string | null {
  if (!/^[!-9;-~]{1,76}$/.test(name)) return 'is no field name (RFC 5322 §3.6.8)'
  if (ownFields.test(name)) return 'is written by the platform'
  if (/[\r\n\0]/.test(value)) return 'has a line end in its value'
  return Buffer.byteLength(value) > fieldBytesMax ? `is longer than ${fieldBytesMax} bytes` : null
}

export type Composed = { raw: Buffer; messageId: string }

/**
 * @param from the mailbox that sends.
 * @param options.keepBcc for a draft, which its author alone reads.
 * @param options.messageId without angle brackets, of a message that is the same but for its parts. Default: a new one.
 */
export async function composeMessage(
  from: Person,
  at: Date,
  parts: NewMessageParts,
  { keepBcc = false, messageId: given }: { keepBcc?: boolean; messageId?: string } = {},
): Promise<Composed> {
  const domain = from.address.slice(from.address.lastIndexOf('@') + 1)
  const messageId = given ?? `${newId()}@${domain}`
  const composer = new MailComposer({
    from: toAddress(from),
    to: parts.to.map(toAddress),
    cc: parts.cc.map(toAddress),
    ...(keepBcc ? { bcc: parts.bcc.map(toAddress) } : {}),
    replyTo: parts.replyTo.map(toAddress),
    subject: parts.subject,
    ...(parts.text === null ? {} : { text: parts.text }),
    ...(parts.html === null ? {} : { html: parts.html }),
    date: at,
    messageId: `<${messageId}>`,
    headers: { ...parts.headers },
    attachments: parts.attachments.map(({ filename, contentType, content, contentId, disposition }) => ({
      filename,
      content,
      ...(disposition === undefined ? {} : { contentDisposition: disposition }),
      ...(contentType === null ? {} : { contentType }),
      ...(contentId === null ? {} : { cid: contentId }),
    })),
    // A caller gives contents, never places to read them from.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const message = composer.compile()
  message.keepBcc = keepBcc
  return { raw: await message.build(), messageId }
}

/** As nodemailer takes it. */
export function toAddress({ address, name }: Person): { address: string; name: string } {
  return { address, name: name ?? '' }
}
