/** The tables of the outbound queue: what is to leave the platform, how far it has come, and by which way it goes. */
import type { ColumnType, Generated } from 'kysely'

/**
 * 'submission': a person or program of ours sends it; it is signed with DKIM for the author's domain.
 * 'forward': it came from elsewhere and goes on; it is sealed with ARC, its sender rewritten (SRS).
 * 'notification': the platform says it by itself (a DSN, an autoreply, a report), with the null reverse path.
 */
export type OutboundKind = 'submission' | 'forward' | 'notification'

export type OutboundMessagesTable = {
  id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  body_id: string
  kind: Generated<OutboundKind>
  /** The reverse path; empty for the null sender of a report. */
  mail_from: string
  /** Whether the next server must know SMTPUTF8 (RFC 6531 §3.2). */
  smtputf8: boolean
  /** Leading bytes of the body that are not sent: the Return-Path that final delivery put there (RFC 5321 §4.4). */
  skip_bytes: Generated<number>
  /** Bytes of the body without those. */
  size_bytes: Generated<number>
  /** Whose DKIM or ARC key signs; null is not signed. */
  signing_domain: string | null
  /** RFC 3461 §4.3 and §4.4, as the sender gave them. */
  ret: 'full' | 'hdrs' | null
  envid: string | null
  /** RFC 8689: only over TLS to a server that is who it should be. */
  require_tls: Generated<boolean>
  /** Message-ID without its angle brackets. */
  message_id: string | null
  /** For a forward: what ARC records of the authentication on arrival (RFC 8617 §4.1.1). */
  arc: ColumnType<ArcRecord | null, string | null, never>
  created_at: Date
}

/** What ARC-Authentication-Results says, and the state of the chain that came. */
export type ArcRecord = { authResults: string; cv: 'none' | 'pass' | 'fail' }

/**
 * A recipient's way: queued -> sending -> delivered | bounced, or back to queued with a later next_attempt_at.
 * held: someone must release it first. cancelled: taken back before it left. delivered, bounced and cancelled are final.
 */
export type OutboundState = 'queued' | 'sending' | 'held' | 'delivered' | 'bounced' | 'cancelled'

export type OutboundRecipientsTable = {
  id: string
  outbound_message_id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  rcpt_to: string
  /** Of rcpt_to, in A-labels: the queue is fair between these. */
  domain: string
  state: OutboundState
  attempts: Generated<number>
  /** Not before then: a retry, a scheduled sending. */
  next_attempt_at: Date
  /** Then it bounces. */
  expires_at: Date
  /** The node that is sending it, while it is `sending`. */
  node_id: string | null
  /** Why it is held, in words for people; null when it is not. */
  held_reason: string | null
  /** RFC 3461 §4.1: 'never', or a comma list of 'success', 'failure' and 'delay'; null when it was not said. */
  notify: string | null
  /** RFC 3461 §4.2, as it was given. */
  orcpt: string | null
  /** Whether the sender was told that it takes long. */
  delay_notified: Generated<boolean>
  /** What the sender was told of the end; bounces/notify.ts has the rules. */
  notified_outcome: 'failed' | 'relayed' | 'undeliverable' | null
  /** What the other server said last, word for word, or why it could not be asked. */
  last_reply: string | null
  /** The class of that reply; bounces/classify.ts has the table. */
  last_class: string | null
  finished_at: Date | null
  created_at: Date
}

export type OutboundStep =
  | 'attempted'
  | 'delivered'
  | 'deferred'
  | 'bounced'
  | 'held'
  | 'released'
  | 'retried'
  | 'cancelled'
  | 'reported'
  | 'complained'

/** The timeline of a recipient: one row for what happened, with what was seen. */
export type OutboundStepsTable = {
  outbound_recipient_id: string
  id: string
  step: OutboundStep
  at: Date
  detail: ColumnType<StepDetail, string, never>
}

export type StepDetail = {
  /** The host that was spoken to, and its address. */
  host?: string
  address?: string
  /** `TLSv1.3`, with the cipher. */
  tls?: { version: string; cipher: string }
  /** What TLS was asked of that host: nothing, MTA-STS (RFC 8461), DANE (RFC 7672), REQUIRETLS (RFC 8689). */
  policy?: 'opportunistic' | 'mta-sts' | 'dane' | 'require-tls' | 'relay'
  /** The relay, when one was used. */
  relay_id?: string
  /** Word for word. */
  reply?: string
  class?: string
  /** For `deferred`: when it is tried again. */
  until?: string
  /** For `held`, `released`, `retried`, `cancelled`: who and why. */
  reason?: string
  by?: string
  milliseconds?: number
  /** Whether the server took the sender's wishes for notifications (RFC 3461); it was relayed where it did not. */
  dsn?: 'passed' | 'not_offered'
}

/** Nodes that send: what a node that is gone was sending is queued again. */
export type DeliveryNodesTable = { node_id: string; seen_at: Date }

/**
 * Where mail goes in place of its recipient's MX. The most particular holds: workspace, domain (the sender's) and
 * recipient domain may be named, or null for all. Several of one kind are tried by priority, the lowest first.
 */
export type RelaysTable = {
  id: string
  organization_id: string
  workspace_id: string | null
  domain_id: string | null
  recipient_domain: string | null
  host: string
  port: number
  security: 'none' | 'starttls' | 'tls'
  username: string | null
  sealed_password: Buffer | null
  priority: number
  created_at: Date
}

/** How a destination wants to be treated; `*` is every domain without a row. Null is the program's default. */
export type DestinationRulesTable = {
  domain: string
  connections_max: number | null
  messages_per_connection_max: number | null
  recipients_per_message_max: number | null
  messages_per_minute_max: number | null
  updated_at: Date
}

/** MTA-STS policies that were fetched, for all nodes (RFC 8461 §3.3). */
export type MtaStsPoliciesTable = {
  domain: string
  policy: ColumnType<unknown, string, string>
  expires_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    outbound_messages: OutboundMessagesTable
    outbound_recipients: OutboundRecipientsTable
    outbound_steps: OutboundStepsTable
    delivery_nodes: DeliveryNodesTable
    relays: RelaysTable
    destination_rules: DestinationRulesTable
    mta_sts_policies: MtaStsPoliciesTable
  }
}

/** What every event of a recipient's way names. */
type RecipientEvent = { outbound_message_id: string; outbound_recipient_id: string; rcpt_to: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'message.queued': { outbound_message_id: string; recipients: number }
    /**
     * A recipient has it. Of one here: `message_id` is the sender's copy, `outbound_message_id` is what leaves for the
     * others, and nobody replied.
     */
    'message.delivered': {
      message_id: string | null
      outbound_message_id: string | null
      /** Null of a recipient here. */
      outbound_recipient_id: string | null
      rcpt_to: string
      reply: string | null
    }
    'message.deferred': RecipientEvent & { reply: string; class: string; until: string; attempts: number }
    'message.bounced': RecipientEvent & { reply: string; class: string }
    'message.held': RecipientEvent & { reason: string }
    'message.released': RecipientEvent
    'message.retried': RecipientEvent
    'message.cancelled': RecipientEvent
    'message.complained': RecipientEvent
    'relay.created': { relay_id: string }
    'relay.updated': { relay_id: string }
    'relay.deleted': { relay_id: string }
    'destination_rule.updated': { domain: string }
  }
}
