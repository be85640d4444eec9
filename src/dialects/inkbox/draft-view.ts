/** How drafts look here. */
import { type Static, Type } from 'typebox'
import { readDraftText } from '../../delivery/drafts/draft-parts.ts'
import type { Draft, DraftInfo, DraftSummary } from '../../delivery/drafts/find-drafts.ts'
import { peopleOf } from '../../delivery/submission/original.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { countPartBytes } from '../../messages/content/attachment-bytes.ts'
import { attachmentsOf, requireBody } from '../../messages/content/read-content.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { parseMessageIds } from '../../messages/mime/message-ids.ts'
import { makePreview } from '../../messages/previews.ts'
import type { Db } from '../../platform/database.ts'
import { timeOfId } from '../../platform/ids.ts'
import { filenamesOf } from './message-view.ts'
import { Moment, orNull, Uuid } from './schemas.ts'

const Addresses = Type.Array(Type.String())

const summaryFields = {
  id: Uuid,
  mailbox_id: Uuid,
  from_address: Type.String(),
  to_addresses: Addresses,
  cc_addresses: Addresses,
  bcc_addresses: Addresses,
  subject: orNull(Type.String()),
  snippet: orNull(Type.String()),
  has_attachments: Type.Boolean(),
  attachment_count: Type.Integer(),
  generation: Type.Integer({ description: 'Rises with each change; every change names the present one.' }),
  send_state: Type.Enum(['draft', 'sending', 'uncertain']),
  track_opens: Type.Boolean(),
  created_at: Moment,
  updated_at: Moment,
} as const

export const DraftSummaryView = Type.Object(summaryFields, { title: 'DraftSummary' })

const DraftAttachmentView = Type.Object({
  part_index: Type.Integer(),
  filename: Type.String(),
  content_type: Type.String(),
  size: Type.Integer(),
  content_id: orNull(Type.String()),
  is_inline: Type.Boolean(),
})

export const DraftDetailView = Type.Object(
  {
    ...summaryFields,
    body_text: orNull(Type.String()),
    body_html: orNull(Type.String()),
    reply_to: orNull(Type.String()),
    thread_id: orNull(Uuid),
    message_id: orNull(Type.String()),
    in_reply_to: orNull(Type.String()),
    references: Type.Array(Type.String()),
    forward_source_message_id: orNull(Uuid),
    forward_note_text: orNull(Type.String()),
    forward_note_html: orNull(Type.String()),
    attachment_metadata: Type.Array(DraftAttachmentView),
  },
  { title: 'DraftDetail' },
)

function commonView({ id: mailboxId, address }: Mailbox, draft: DraftInfo) {
  return {
    id: draft.id,
    mailbox_id: mailboxId,
    from_address: address,
    generation: draft.version,
    send_state: 'draft' as const, // a send is one transaction: nobody sees it run, and its outcome is never open
    track_opens: draft.trackOpens,
    created_at: timeOfId(draft.id).toISOString(),
  }
}

/** @param preview the beginning of its text. */
export function draftSummaryView(
  mailbox: Mailbox,
  draft: DraftSummary,
  preview: string,
): Static<typeof DraftSummaryView> {
  const { envelope } = draft
  const subject = decodeHeaderText(envelope.subject ?? '')
  return {
    ...commonView(mailbox, draft),
    to_addresses: peopleOf(envelope.to).map(({ address }) => address),
    cc_addresses: peopleOf(envelope.cc).map(({ address }) => address),
    bcc_addresses: peopleOf(envelope.bcc).map(({ address }) => address),
    subject: orNone(subject),
    snippet: orNone(preview),
    has_attachments: draft.attachmentCount > 0,
    attachment_count: draft.attachmentCount,
    updated_at: draft.updatedAt.toISOString(),
  }
}

/** @param db the transaction, inside one. */
export async function draftDetailView(
  db: Db,
  mailbox: Mailbox,
  draft: Draft,
): Promise<Static<typeof DraftDetailView>> {
  const { message, answers, forward } = draft
  const { text: parts } = await readDraftText(db, message)
  const body = await requireBody(db, message.bodyId)
  const attachments = attachmentsOf(message.structure)
  const names = filenamesOf(attachments)
  const metadata: Static<typeof DraftAttachmentView>[] = []
  for (const [index, one] of attachments.entries()) {
    metadata.push({
      part_index: index,
      filename: names[index] ?? '',
      content_type: one.contentType,
      size: await countPartBytes(body, message.bodyId, one.part),
      content_id: one.contentId,
      is_inline: one.disposition === 'inline',
    })
  }
  const header = (name: string): string =>
    Object.entries(parts.headers).find(([given]) => given.toLowerCase() === name)?.[1] ?? ''
  return {
    ...commonView(mailbox, draft),
    to_addresses: parts.to.map(({ address }) => address),
    cc_addresses: parts.cc.map(({ address }) => address),
    bcc_addresses: parts.bcc.map(({ address }) => address),
    subject: orNone(parts.subject),
    snippet: orNone(await makePreview(body, message.structure)),
    has_attachments: attachments.length > 0,
    attachment_count: attachments.length,
    updated_at: message.internalDate.toISOString(),
    body_text: parts.text,
    body_html: parts.html,
    reply_to: parts.replyTo[0]?.address ?? null,
    thread_id: answers?.kind === 'reply' ? message.threadId : null,
    message_id: null,
    in_reply_to: parseMessageIds(header('in-reply-to'))[0] ?? null,
    references: parseMessageIds(header('references')),
    forward_source_message_id: answers?.kind === 'forward' ? answers.messageId : null,
    forward_note_text: forward?.noteText ?? null,
    forward_note_html: forward?.noteHtml ?? null,
    attachment_metadata: metadata,
  }
}

function orNone(text: string): string | null {
  return text === '' ? null : text
}
