/** What a draft has besides its message, and the events that tell of drafts. */

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
