/**
 * Editing what waits: of the message only the fields that are edited are written anew, and its body only where a text is.
 * Everything else stays byte for byte.
 */
import MailComposer from 'nodemailer/lib/mail-composer'
import { type HeaderField, parseHeaderFields } from '../../messages/mime/header-fields.ts'
import { Refusal } from '../../platform/errors.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { storableText } from '../storable-text.ts'
import { type Person, toAddress } from '../submission/compose.ts'
import { isProtected } from '../submission/protected-parts.ts'
import { attachmentFrom } from '../submission/stored-attachments.ts'
import type { HeldContent } from './held-message.ts'
import type { ApprovalChange, HeldRecipient } from './tables.ts'
import { unifiedDiff } from './text-diff.ts'

/** What an approver wants otherwise; what is not given stays. */
export type Edit = {
  to?: Person[]
  cc?: Person[]
  bcc?: Person[]
  subject?: string
  /** With one of text and HTML alone the message has that one: the other would still say what was. */
  text?: string | null
  html?: string | null
}

export type Edited = {
  /** The whole message, without the bytes that are not sent. */
  raw: Buffer
  recipients: HeldRecipient[]
  changes: ApprovalChange[]
}

/**
 * @param raw the message as it is held, with its leading `skipBytes`.
 * @throws Refusal invalid_request when a text of a signed or encrypted message is to be changed, or nobody is left.
 */
export async function editMessage(
  raw: Buffer,
  skipBytes: number,
  held: HeldContent,
  recipients: readonly HeldRecipient[],
  edit: Edit,
): Promise<Edited> {
  const changes = changesOf(held, edit)
  const changed = new Set(changes.map(({ field }) => field))
  const isRewritten = changed.has('text') || changed.has('html')
  if (isRewritten && isProtected(held.structure)) {
    throw new Refusal('invalid_request', 'The text of a signed or encrypted message cannot be changed.')
  }
  if (isRewritten && held.isTruncated && (edit.text === undefined || edit.html === undefined)) {
    throw new Refusal('invalid_request', 'The message is too long to be changed in part: give text and html.')
  }
  const final = recipientsAfter(held, recipients, edit)
  if (final.length === 0) throw new Refusal('invalid_request', 'The message would have no recipient.')
  const message = raw.subarray(skipBytes)
  const composed = await compose(raw, held, edit, isRewritten)
  const isReplaced = ({ name }: HeaderField): boolean => {
    const field = name.toLowerCase()
    if (field === 'to' || field === 'cc' || field === 'subject') return changed.has(field)
    // Such a link names whom it was made for.
    if (field.startsWith('list-unsubscribe'))
      return changed.has('to') || changed.has('cc') || changed.has('bcc')
    return isRewritten && (field === 'mime-version' || field.startsWith('content-'))
  }
  return { raw: merge(message, composed, isReplaced, isRewritten), recipients: final, changes }
}

/** The old fields but for those that are replaced, then the new ones of these, then the body. */
function merge(
  message: Buffer,
  composed: Buffer,
  isReplaced: (field: HeaderField) => boolean,
  isRewritten: boolean,
): Buffer {
  const [old, fresh] = [spooledBytes(message).header, spooledBytes(composed).header]
  const kept = parseHeaderFields(old).filter((field) => !isReplaced(field))
  const added = parseHeaderFields(fresh).filter(isReplaced)
  const end = (header: Buffer, whole: Buffer): Buffer => whole.subarray(header.length)
  return Buffer.concat([
    ...kept.map(({ start, end: stop }) => old.subarray(start, stop)),
    ...added.map(({ start, end: stop }) => fresh.subarray(start, stop)),
    Buffer.from('\r\n'),
    isRewritten ? end(fresh, composed) : end(old, message),
  ])
}

async function compose(raw: Buffer, held: HeldContent, edit: Edit, isRewritten: boolean): Promise<Buffer> {
  const { text, html } = textsAfter(held, edit)
  const attachments = isRewritten ? held.attachments : []
  const composer = new MailComposer({
    to: (edit.to ?? held.to).map(toAddress),
    cc: (edit.cc ?? held.cc).map(toAddress),
    subject: edit.subject ?? held.subject,
    ...(text === null ? {} : { text }),
    ...(html === null ? {} : { html }),
    attachments: attachments.map((attachment) => {
      const { bodyStart, end } = attachment.part
      const { content, contentType, contentId } = attachmentFrom(raw.subarray(bodyStart, end), attachment)
      return {
        filename: attachment.filename ?? false,
        contentType: contentType ?? undefined,
        contentDisposition: attachment.disposition,
        content,
        ...(contentId === null ? {} : { cid: contentId }),
      }
    }),
    newline: '\r\n',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return await composer.compile().build()
}

function textsAfter(held: HeldContent, { text, html }: Edit): { text: string | null; html: string | null } {
  if (text === undefined && html === undefined) return { text: held.text, html: held.html }
  const after = { text: text ?? null, html: html ?? null }
  return after.text === null && after.html === null ? { text: '', html: null } : after
}

function recipientsAfter(
  held: HeldContent,
  recipients: readonly HeldRecipient[],
  { to, cc, bcc }: Edit,
): HeldRecipient[] {
  const known = new Map(recipients.map((one) => [one.address, one]))
  // A field may name people whom the sender did not ask to deliver to.
  const kept = (people: readonly Person[]): Person[] => people.filter(({ address }) => known.has(address))
  const all = [...(to ?? kept(held.to)), ...(cc ?? kept(held.cc)), ...(bcc ?? held.bcc)]
  return [...new Set(all.map(({ address }) => address))].map(
    (address) => known.get(address) ?? { address, notify: null, orcpt: null },
  )
}

function changesOf(held: HeldContent, edit: Edit): ApprovalChange[] {
  const changes: ApprovalChange[] = []
  for (const field of ['to', 'cc', 'bcc'] as const) {
    const wanted = edit[field]
    if (wanted === undefined) continue
    const [before, after] = [shown(held[field]), shown(wanted)]
    if (before !== after) changes.push({ field, before, after, diff: null })
  }
  if (edit.subject !== undefined && edit.subject !== held.subject)
    changes.push({ field: 'subject', before: storableText(held.subject), after: edit.subject, diff: null })
  const after = textsAfter(held, edit)
  for (const field of ['text', 'html'] as const) {
    const [old, now] = [held[field], after[field]]
    // A message ends its last line; a text that was given without is not another for it.
    if (normal(old) === normal(now)) continue
    const diff = storableText(unifiedDiff(normal(old), normal(now)))
    changes.push({ field, before: null, after: null, diff })
  }
  return changes
}

function normal(text: string | null): string {
  return (text ?? '').replace(/\r\n/g, '\n').replace(/\n+$/, '')
}

function shown(people: readonly Person[]): string {
  return people.map(({ address, name }) => (name === null ? address : `${name} <${address}>`)).join(', ')
}
