/** The tables of approvals: messages that wait until somebody else lets them go. */
import type { ColumnType } from 'kysely'
import type { Answer } from '../submission/mark-answered.ts'

/** `cancelled`: its mailbox was suspended or deleted. Only `pending` can change. */
export const approvalStates = ['pending', 'approved', 'rejected', 'expired', 'cancelled'] as const
export type ApprovalState = (typeof approvalStates)[number]

/** By which way it came: the API, or a mail program. */
export type ApprovalSource = 'api' | 'submission'

export type HeldRecipient = {
  /** As it was asked for, in canonical form. */
  address: string
  /** RFC 3461 §4.1, §4.2. */
  notify: string | null
  orcpt: string | null
}

/** What the message has beside its bytes. */
export type HeldEnvelope = {
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  /** ISO 8601; null is at once. */
  notBefore: string | null
  recipients: HeldRecipient[]
  /** What it answers or passes on; left out: nothing. */
  answers?: Answer
  /** Those that it was sent to, where an approver has changed them. */
  recipientsBefore?: string[]
}

/** What an approver changed. Of a text only the difference is kept. */
export type ApprovalChange = {
  field: 'to' | 'cc' | 'bcc' | 'subject' | 'text' | 'html'
  /** Null for a text that has a `diff`, and where there was nothing. */
  before: string | null
  after: string | null
  /** In unified form, at most `diffCharsMax` long. */
  diff: string | null
}

export type ApprovalsTable = {
  id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  state: ApprovalState
  source: ApprovalSource
  /** `user:ID`, `api_key:ID`, `app_password:ID`; `mailbox:ID` for a mail program that logged in. */
  requested_by: string
  /** Why it waits: the mailbox's sending mode. */
  held_by: 'approve' | 'approve_new_recipients'
  /** Those that the mailbox had not written to or heard from. */
  new_recipients: string[]
  mail_from: string
  envelope: ColumnType<HeldEnvelope, string, string>
  subject: string | null
  /** Without angle brackets. */
  message_id: string | null
  size_bytes: number
  /** The message as it was sent; held under the approval's id. */
  body_id: string
  /** Leading bytes that are not sent (RFC 5321 §4.4). */
  skip_bytes: number
  created_at: Date
  expires_at: Date
  decided_at: Date | null
  /** As `requested_by`; null for what ended by itself. */
  decided_by: string | null
  /** In words, of a rejection or an end. */
  reason: string | null
  /** Null unless it was changed before it went. */
  changes: ColumnType<ApprovalChange[] | null, string | null, string | null>
  /** What went, where it was changed; held under the approval's id as well. */
  sent_body_id: string | null
  /** The copy in Sent; null for what a mail program sent, which saves its own. */
  sent_message_id: string | null
}

declare module '../../platform/database.ts' {
  interface Tables {
    approvals: ApprovalsTable
  }
}

type ApprovalEvent = { approval_id: string; mailbox_id: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'approval.requested': ApprovalEvent & {
      requested_by: string
      held_by: 'approve' | 'approve_new_recipients'
      recipients: number
      expires_at: string
    }
    'approval.approved': ApprovalEvent & { by: string; changed: string[]; sent_message_id: string | null }
    'approval.rejected': ApprovalEvent & { by: string; reason: string | null }
    'approval.expired': ApprovalEvent
    'approval.cancelled': ApprovalEvent & { reason: string }
    /** An automatic answer that the sending mode kept from going. */
    'autoreply.withheld': { mailbox_id: string; to: string; sending_mode: string }
  }
}
