/** Messages that wait for their time, and the events that tell of them. */
import type { ColumnType } from 'kysely'
import type { Person } from '../submission/compose.ts'
import type { Answer } from '../submission/mark-answered.ts'

/** As the message names them, blind copies included: who they are here is found out when it is sent. */
export type ScheduledEnvelope = {
  to: readonly Person[]
  cc: readonly Person[]
  bcc: readonly Person[]
  /** What it answers or passes on; left out: nothing. */
  answers?: Answer
}

/** The row goes when the message is sent or taken back: whoever removes it has won. */
export type ScheduledMessagesTable = {
  mailbox_id: string
  id: string
  organization_id: string
  workspace_id: string
  /** The copy in Sent, which may be gone. */
  message_id: string
  /** Held under `id`: the copy's, or where that is gone its own. */
  body_id: string
  /** Message-ID without angle brackets. */
  header_message_id: string
  envelope: ColumnType<ScheduledEnvelope, string, never>
  subject: string
  send_at: Date
  /** `send_at`, or when it is tried again. */
  next_attempt_at: Date
  /** Why it could not be sent the last time; null when it was not tried. */
  last_problem: string | null
  /** Somebody other than its sender let it go: the sending mode may refuse it still, and does not hold it again. */
  is_approved: boolean
  created_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    scheduled_messages: ScheduledMessagesTable
  }
}

type ScheduledEvent = { scheduled_message_id: string; message_id: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'message.scheduled': ScheduledEvent & { send_at: string }
    'message.rescheduled': ScheduledEvent & { send_at: string }
    'message.schedule_sent': ScheduledEvent
    /** Taken back: `message_id` is the draft that it became again. */
    'message.schedule_cancelled': ScheduledEvent
    /** It could not be sent: `message_id` is the draft that it became again. */
    'message.schedule_failed': ScheduledEvent & { reason: string }
  }
}
