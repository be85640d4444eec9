/** A draft's message read back into the parts that it is made of, whoever wrote it, and made of parts again. */

import type { Mailbox } from '../../mailboxes/tables.ts'
import { readBodyBytes, type StagedBody } from '../../messages/bodies.ts'
import { attachmentsOf, readContent } from '../../messages/content/read-content.ts'
import type { MessageDetails } from '../../messages/find-message.ts'
import type { EnvelopeAddress } from '../../messages/mime/addresses.ts'
import { parseAddressList } from '../../messages/mime/addresses.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  composeMessage,
  customFieldProblem,
  type NewAttachment,
  type NewMessageParts,
  type Person,
} from '../submission/compose.ts'
import { peopleOf } from '../submission/original.ts'
import { isProtected } from '../submission/protected-parts.ts'
import { readAttachment, requireFitting, resolveAttachments } from '../submission/stored-attachments.ts'
import { requireSettable, stageRaw, submissionLimits } from '../submission/submit.ts'
import type { WrittenMessage } from '../submission/written.ts'

const headerBytesMax = 256 * 1024

/** Everything but the attachments. */
export type DraftText = Omit<NewMessageParts, 'attachments'>

/** The same to be written again. @throws Refusal draft_not_editable for what would not be the same then. */
export async function editableText(db: Db, message: MessageDetails): Promise<DraftText> {
  const { text, isEditable } = await readDraftText(db, message)
  if (!isEditable) throw new Refusal('draft_not_editable')
  return text
}

/** @returns also whether nothing would be lost if the message was made of this again. */
export async function readDraftText(
  db: Db,
  { envelope, structure, bodyId }: MessageDetails,
): Promise<{ text: DraftText; isEditable: boolean }> {
  const content = await readContent(db, bodyId, structure)
  const end = Math.min(structure.bodyStart, headerBytesMax)
  const fields = parseHeaderFields(await readBodyBytes(db, bodyId, { start: 0, end }))
  const replyTo = fields.find(({ name }) => name.toLowerCase() === 'reply-to')?.value ?? ''
  const others = fields.flatMap(({ name, value }): [string, string][] => {
    const text = decodeHeaderText(value)
      .toWellFormed()
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
    return text === '' || customFieldProblem(name, text) !== null ? [] : [[name, text]]
  })
  const text = {
    to: draftPeople(envelope.to),
    cc: draftPeople(envelope.cc),
    bcc: draftPeople(envelope.bcc),
    replyTo: peopleOf(parseAddressList(replyTo)),
    subject: decodeHeaderText(envelope.subject ?? ''),
    // A text ends with the line end that its encoding asks for.
    text: content.text === null ? null : content.text.replace(/\r\n/g, '\n').replace(/\n$/, ''),
    html: content.html?.replace(/\r\n/g, '\n').replace(/\n$/, '') ?? null,
    headers: Object.fromEntries(others.slice(0, submissionLimits.headersMax)),
  }
  return { text, isEditable: !content.isTruncated && !isProtected(structure) }
}

/** Whoever is named there; somebody half-written is kept as it stands, until it is sent. */
function draftPeople(list: readonly EnvelopeAddress[]): Person[] {
  return list.flatMap((entry) => {
    const people = peopleOf([entry])
    if (people.length > 0 || entry.host === null) return people
    const words = `${entry.name ?? ''} ${entry.mailbox ?? ''}${entry.host === '' ? '' : `@${entry.host}`}`
    const address = words
      .replace(/[\p{Cc}<>]+/gu, ' ')
      .trim()
      .toWellFormed()
    return address === '' ? [] : [{ address, name: null }]
  })
}

/**
 * @param kept the numbers of those that stay; null is all.
 * @throws Refusal attachment_not_found, payload_too_large.
 */
export async function readDraftAttachments(
  platform: Platform,
  message: MessageDetails,
  kept: readonly number[] | null = null,
): Promise<NewAttachment[]> {
  const all = attachmentsOf(message.structure)
  const wanted = (kept ?? all.map(({ number }) => number)).map((number) => {
    const attachment = all.find((one) => one.number === number)
    if (attachment === undefined) throw new Refusal('attachment_not_found')
    return attachment
  })
  requireFitting(
    platform,
    wanted.map(({ encodedBytes }) => encodedBytes),
  )
  const read: NewAttachment[] = []
  for (const attachment of wanted) read.push(await readAttachment(platform, message, attachment))
  return read
}

/**
 * The parts of a draft after an edit: what was not said stays.
 * @param texts what its texts are then.
 * @throws Refusal draft_not_editable, message_not_found, attachment_not_found, payload_too_large.
 */
export async function editedParts(
  platform: Platform,
  message: MessageDetails,
  written: WrittenMessage,
  texts: (before: Texts) => Texts,
): Promise<NewMessageParts> {
  const before = await editableText(platform.db, message)
  return {
    to: written.to ?? before.to,
    cc: written.cc ?? before.cc,
    bcc: written.bcc ?? before.bcc,
    replyTo: written.replyTo ?? before.replyTo,
    subject: written.subject ?? before.subject,
    ...texts({ text: before.text, html: before.html }),
    headers: written.headers ?? before.headers,
    attachments:
      written.attachments === null
        ? await readDraftAttachments(platform, message)
        : await resolveAttachments(platform, message.mailboxId, written.attachments),
  }
}

type Texts = Pick<NewMessageParts, 'text' | 'html'>

/** The draft's message, with its blind copies. @throws Refusal invalid_request, payload_too_large. */
export async function stageDraft(
  platform: Platform,
  { address, display_name: name }: Pick<Mailbox, 'address' | 'display_name'>,
  parts: NewMessageParts,
): Promise<StagedBody> {
  requireDraftable(parts)
  const { raw } = await composeMessage({ address, name }, platform.clock.now(), parts, { keepBcc: true })
  if (raw.length > platform.config.messageBytesMax) throw new Refusal('payload_too_large')
  return await stageRaw(platform, raw)
}

function requireDraftable({ to, cc, bcc, headers, attachments }: NewMessageParts): void {
  const { recipientsMax, attachmentsMax } = submissionLimits
  if (to.length + cc.length + bcc.length > recipientsMax) {
    throw new Refusal('invalid_request', `A message may have ${recipientsMax} recipients.`)
  }
  if (attachments.length > attachmentsMax) {
    throw new Refusal('invalid_request', `A message may have ${attachmentsMax} attachments.`)
  }
  requireSettable(headers)
}
