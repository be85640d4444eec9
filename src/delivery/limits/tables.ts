/** The tables of sending limits: how much was sent, to whom before, and whose sending is paused. */

export type SendingScope = 'mailbox' | 'domain' | 'workspace'

/** Recipients that submissions were queued for, in an hour or a day of UTC. */
export type SendingCountersTable = {
  /** The id of the mailbox, the domain or the workspace. */
  scope_id: string
  span: 'hour' | 'day'
  window_start: Date
  recipients: number
  /** Of those, addresses that the mailbox had not written to before. */
  new_recipients: number
}

/** What is known of a sender beside its counts; a scope without a row has never sent and is not paused. */
export type SendingStatesTable = {
  scope_id: string
  scope: SendingScope
  organization_id: string
  workspace_id: string
  /** Of a mailbox: when its ramp-up began. */
  first_sent_at: Date | null
  paused_at: Date | null
  pause_reason: string | null
  /** `user:ID`, `api_key:ID`, or `platform` for an automatic pause. */
  paused_by: string | null
  /** What happened before that counts for no automatic pause. */
  resumed_at: Date | null
}

/** Whom a mailbox has written to. Of the address only a hash is kept. */
export type SentRecipientsTable = {
  mailbox_id: string
  /** The first eight bytes of its SHA-256. */
  address_hash: string
  /** Within a month. */
  last_sent_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    sending_counters: SendingCountersTable
    sending_states: SendingStatesTable
    sent_recipients: SentRecipientsTable
  }
}

type SendingEvent = { scope: SendingScope; scope_id: string; by: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'sending.paused': SendingEvent & { reason: string }
    'sending.resumed': SendingEvent
  }
}
