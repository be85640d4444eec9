/** The tables of delivery: mail that is to leave the platform. */

export type OutboundMessagesTable = {
  id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  body_id: string
  /** The reverse path; empty for the null sender of a report. */
  mail_from: string
  /** Whether the next server must know SMTPUTF8 (RFC 6531 §3.2). */
  smtputf8: boolean
  created_at: Date
}

export type OutboundRecipientsTable = {
  id: string
  outbound_message_id: string
  rcpt_to: string
  domain: string
  /** The sender that takes them from here is issue 4's. */
  state: 'queued'
  created_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    outbound_messages: OutboundMessagesTable
    outbound_recipients: OutboundRecipientsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'message.queued': { outbound_message_id: string; recipients: number }
  }
}
