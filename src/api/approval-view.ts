/** How messages that wait for an approval, and what became of them, look in the API. */
import { type Static, Type } from 'typebox'
import type { Approval, ApprovalDetail } from '../delivery/approvals/find.ts'
import type { HeldContent } from '../delivery/approvals/held-message.ts'
import { approvalStates } from '../delivery/approvals/tables.ts'
import type { Person } from '../delivery/submission/compose.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const Change = Type.Object(
  {
    field: OneOf(['to', 'cc', 'bcc', 'subject', 'text', 'html']),
    before: Nullable(Type.String()),
    after: Nullable(Type.String()),
    diff: Nullable(Type.String(), 'Of a text: its lines in unified form, cut where they are very many.'),
  },
  { title: 'ApprovalChange' },
)

const approvalFields = {
  id: Id,
  mailbox_id: Id,
  state: OneOf(approvalStates, '`cancelled`: its mailbox was suspended or deleted.'),
  source: OneOf(['api', 'submission'], 'By which way it came: the API, or a mail program.'),
  requested_by: Type.String({
    description: '`user:ID`, `api_key:ID`, `app_password:ID`; `mailbox:ID` for a mail program.',
  }),
  held_by: OneOf(['approve', 'approve_new_recipients'], 'The sending mode that holds it.'),
  new_recipients: Type.Array(Type.String(), {
    description: 'Those that the mailbox had neither written to nor heard from.',
  }),
  recipients: Type.Array(Type.String()),
  subject: Nullable(Type.String()),
  message_id: Nullable(Type.String(), 'Message-ID without angle brackets.'),
  size_bytes: Type.Integer(),
  created_at: Moment,
  expires_at: Moment,
  decided_at: Nullable(Moment),
  decided_by: Nullable(Type.String(), 'Null for what ended by itself.'),
  reason: Nullable(Type.String(), 'Of a rejection or an end, in words.'),
  changes: Type.Array(Change, { description: 'What was changed before it went.' }),
  sent_message_id: Nullable(
    Type.String({ format: 'uuid' }),
    'The copy in Sent; null for what a mail program sent, which saves its own.',
  ),
}

export const ApprovalView = Type.Object(approvalFields, { title: 'Approval' })

const PersonView = Type.Object({ address: Type.String(), name: Nullable(Type.String()) })

const contentFields = {
  from: Type.Array(PersonView),
  to: Type.Array(PersonView),
  cc: Type.Array(PersonView),
  bcc: Type.Array(PersonView, { description: 'Recipients that no field names.' }),
  subject: Type.String(),
  text: Nullable(Type.String()),
  html: Nullable(Type.String(), 'As it was sent: nothing in it is made safe.'),
  is_truncated: Type.Boolean({ description: 'Whether a text is longer than what is shown.' }),
  attachments: Type.Array(
    Type.Object({
      number: Type.Integer(),
      filename: Nullable(Type.String()),
      content_type: Type.String(),
      disposition: OneOf(['attachment', 'inline']),
      size_bytes: Type.Integer({ description: 'As it is encoded in the message.' }),
    }),
  ),
}

const ContentView = Type.Object(contentFields, { title: 'HeldMessage' })

export const ApprovalDetailView = Type.Object(
  {
    ...approvalFields,
    message: Type.Object(contentFields, {
      description: 'As it would go; once it has gone, as it went.',
    }),
    original: Nullable(ContentView, 'As it was sent, where an approver has changed it.'),
  },
  { title: 'ApprovalDetail' },
)

export function approvalView(row: Approval): Static<typeof ApprovalView> {
  return {
    id: row.id,
    mailbox_id: row.mailbox_id,
    state: row.state,
    source: row.source,
    requested_by: row.requested_by,
    held_by: row.held_by,
    new_recipients: row.new_recipients,
    recipients: row.envelope.recipients.map(({ address }) => address),
    subject: row.subject,
    message_id: row.message_id,
    size_bytes: row.size_bytes,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    decided_at: momentOrNull(row.decided_at),
    decided_by: row.decided_by,
    reason: row.reason,
    changes: row.changes ?? [],
    sent_message_id: row.sent_message_id,
  }
}

export function approvalDetailView({
  approval,
  message,
  original,
}: ApprovalDetail): Static<typeof ApprovalDetailView> {
  return {
    ...approvalView(approval),
    message: contentView(message),
    original: original && contentView(original),
  }
}

function contentView(content: HeldContent): Static<typeof ContentView> {
  const people = (list: readonly Person[]) => list.map(({ address, name }) => ({ address, name }))
  return {
    from: people(content.from),
    to: people(content.to),
    cc: people(content.cc),
    bcc: people(content.bcc),
    subject: content.subject,
    text: content.text,
    html: content.html,
    is_truncated: content.isTruncated,
    attachments: content.attachments.map(({ number, filename, contentType, disposition, encodedBytes }) => ({
      number,
      filename,
      content_type: contentType,
      disposition,
      size_bytes: encodedBytes,
    })),
  }
}
