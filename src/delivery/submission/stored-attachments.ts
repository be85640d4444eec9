/** Attachments of stored messages that go out again: the same bytes, without a way over the caller. */
import { readBodyBytes } from '../../messages/bodies.ts'
import { type Attachment, attachmentsOf } from '../../messages/content/read-content.ts'
import { getMessage, type MessageDetails } from '../../messages/find-message.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { createTransferDecoder } from '../../messages/mime/transfer-decoder.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { NewAttachment } from './compose.ts'

/** An attachment of a message of the same mailbox; without a number, the message itself as message/rfc822. */
export type StoredAttachment = { messageId: string; number: number | null }

export type AttachmentSource = NewAttachment | StoredAttachment

/**
 * Reads the stored ones among them, after the bytes of all were added up.
 * @throws Refusal message_not_found, attachment_not_found, payload_too_large.
 */
export async function resolveAttachments(
  platform: Platform,
  mailboxId: string,
  sources: readonly AttachmentSource[],
): Promise<NewAttachment[]> {
  const messages = new Map<string, MessageDetails>()
  for (const source of sources) {
    if ('content' in source || messages.has(source.messageId)) continue
    messages.set(source.messageId, await getMessage(platform.db, mailboxId, source.messageId))
  }
  const found = sources.map((source) => {
    if ('content' in source) return { given: source, bytes: Math.ceil((source.content.length * 4) / 3) }
    const message = messages.get(source.messageId)
    if (message === undefined) throw new Refusal('message_not_found')
    if (source.number === null) return { message, bytes: message.sizeBytes }
    const attachment = attachmentsOf(message.structure).find(({ number }) => number === source.number)
    if (attachment === undefined) throw new Refusal('attachment_not_found')
    return { message, attachment, bytes: attachment.encodedBytes }
  })
  requireFitting(
    platform,
    found.map(({ bytes }) => bytes),
  )
  const resolved: NewAttachment[] = []
  for (const one of found) {
    if ('given' in one) resolved.push(one.given)
    else if ('attachment' in one) resolved.push(await readAttachment(platform, one.message, one.attachment))
    else resolved.push(await attachedMessage(platform, one.message))
  }
  return resolved
}

/** @param bytes as they are encoded, so that nothing is read that could not be sent. @throws Refusal payload_too_large. */
export function requireFitting(platform: Platform, bytes: readonly number[]): void {
  const sum = bytes.reduce((total, one) => total + one, 0)
  if (sum > platform.config.messageBytesMax) throw new Refusal('payload_too_large')
}

/** The caller has made sure that it fits. */
export async function readAttachment(
  platform: Platform,
  { bodyId }: Pick<MessageDetails, 'bodyId'>,
  attachment: Attachment,
): Promise<NewAttachment> {
  const { bodyStart: start, end } = attachment.part
  return attachmentFrom(await readBodyBytes(platform.db, bodyId, { start, end }), attachment)
}

/** @param encoded the content of its part, as it is in the message. */
export function attachmentFrom(
  encoded: Buffer,
  { part, filename, contentType, contentId, disposition, number }: Attachment,
): NewAttachment {
  const decoder = createTransferDecoder(part.encoding)
  const charset = part.type === 'text' ? part.params?.find(([name]) => name === 'charset')?.[1] : undefined
  const isNamed = charset !== undefined && /^[\w.:-]{1,40}$/.test(charset)
  return {
    filename: filename ?? `attachment-${number}`,
    contentType: `${safeType(contentType)}${isNamed ? `; charset=${charset}` : ''}`,
    content: decoder === null ? encoded : Buffer.concat([decoder.write(encoded), decoder.end()]),
    contentId: contentId !== null && /^[!-;=?-~]{1,200}$/.test(contentId) ? contentId : null,
    disposition,
  }
}

/** Byte for byte (RFC 2046 §5.2.1), so that its signatures hold. */
async function attachedMessage(
  platform: Platform,
  { bodyId, envelope }: MessageDetails,
): Promise<NewAttachment> {
  const subject = decodeHeaderText(envelope.subject ?? '')
    .toWellFormed()
    .replace(/[\p{Cc}/\\]+/gu, ' ')
    .trim()
    .slice(0, 200)
    .toWellFormed()
  return {
    filename: `${subject === '' ? 'message' : subject}.eml`,
    contentType: 'message/rfc822',
    content: await readBodyBytes(platform.db, bodyId),
    contentId: null,
    disposition: 'attachment',
  }
}

/** Hostile types must not become parameters or fields of ours. */
function safeType(contentType: string): string {
  return /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}$/.test(contentType)
    ? contentType
    : 'application/octet-stream'
}
