/** What a draft has besides its message, and the events that tell of drafts. */
import type { ColumnType, Generated } from 'kysely'

/** How a draft passes another message on, and what its author wrote above that. */
export type DraftForward = {
  mode: 'inline' | 'attachment'
  noteText: string | null
  noteHtml: string | null
}

/**
 * A draft is a message in the folder for drafts, where mail programs see and edit it, and its id is that of its first
 * message. The row says which message it is now, once that is another; a draft that the API has not changed needs none.
 */
export type DraftsTable = {
  mailbox_id: string
  id: string
  message_id: string
  send_at: Date | null
  /** The message that it answers or passes on, for its flags. */
  answers_message_id: string | null
  answers_kind: 'reply' | 'forward' | null
  /** Counts the edits that programs make, from 1; a draft without a row has the first. */
  version: Generated<number>
  /** Whether opening it is counted, once it is sent. */
  track_opens: Generated<boolean>
  forward: ColumnType<DraftForward | null, string | null, string | null>
  created_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    drafts: DraftsTable
  }
}

type DraftEvent = { draft_id: string; message_id: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'draft.created': DraftEvent
    'draft.updated': DraftEvent
    'draft.deleted': DraftEvent
    /** `message_id` is the copy in Sent. */
    'draft.sent': DraftEvent
  }
}
