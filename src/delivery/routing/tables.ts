/** The tables of what a mailbox does with what it gets. */

export type SieveScriptsTable = {
  mailbox_id: string
  name: string
  script: string
  /** At most one of a mailbox. */
  is_active: boolean
  created_at: Date
  updated_at: Date
}

export type AutorepliesTable = {
  mailbox_id: string
  enabled: boolean
  /** Null: made of the message's own. */
  subject: string | null
  text: string
  /** Null: at once. */
  starts_at: Date | null
  /** Null: until it is turned off. */
  ends_at: Date | null
  /** A sender is answered once in so many days. */
  days: number
  updated_at: Date
}

/** Who was answered, so that nobody is answered again soon. */
export type AutoreplySentTable = {
  mailbox_id: string
  /** Of the answer: one of another handle is another answer (RFC 5230 §4.2). */
  handle: string
  sender: string
  forget_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    sieve_scripts: SieveScriptsTable
    autoreplies: AutorepliesTable
    autoreply_sent: AutoreplySentTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'filter.updated': { mailbox_id: string; name: string; is_active: boolean }
    'filter.deleted': { mailbox_id: string; name: string }
    /** A filter stopped early on a message, which went to the INBOX. */
    'filter.failed': { mailbox_id: string; name: string; line: number; column: number; detail: string }
    'autoreply.updated': { mailbox_id: string; enabled: boolean }
    'autoreply.sent': { mailbox_id: string; to: string }
  }
}
