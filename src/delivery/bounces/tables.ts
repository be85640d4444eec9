/** The tables of bounces, and the events that tell of them. */

export const suppressionReasons = ['bounce', 'complaint', 'unsubscribe', 'manual'] as const

export type SuppressionReason = (typeof suppressionReasons)[number]

/** Addresses that a workspace does not write to. */
export type SuppressionsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** In the canonical form of mailboxes/address.ts. */
  address: string
  reason: SuppressionReason
  /** For people: the reply that bounced, or what whoever added it wrote. */
  detail: string | null
  created_at: Date
  /** Null: until someone removes it. */
  expires_at: Date | null
}

declare module '../../platform/database.ts' {
  interface Tables {
    suppressions: SuppressionsTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'suppression.added': {
      suppression_id: string
      address: string
      reason: SuppressionReason
      expires_at: string | null
    }
    'suppression.removed': { suppression_id: string; address: string; reason: SuppressionReason }
    /** A recipient asked by one click not to be written to any more. */
    'message.unsubscribed': { address: string }
    /** A message of the null sender could not be delivered: nobody can be told (RFC 5321 §6.1). */
    'message.bounce_undeliverable': {
      outbound_message_id: string
      outbound_recipient_id: string
      rcpt_to: string
    }
  }
}
