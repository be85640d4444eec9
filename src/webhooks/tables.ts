/** The tables of webhooks. */
import type { ColumnType, Generated } from 'kysely'

export type WebhookState = 'enabled' | 'disabled' | 'paused'

/** gone: the endpoint answered 410. failing: nothing was taken for too long. */
export type PausedReason = 'gone' | 'failing'

export type WebhooksTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** `mailwright`, or one of other formats: formats.ts. */
  format: Generated<string>
  /** What another format keeps with it. */
  settings: ColumnType<unknown, string | null | undefined, string | null>
  url: string
  description: string | null
  /** Exact types, families such as `message.*`, or `*`; of another format its own types. */
  event_types: string[]
  /** What it hears of. */
  scope: 'workspace' | 'mailboxes' | 'identities'
  /** The mailboxes that it hears of, those of its identities too; empty for the whole workspace. */
  mailbox_ids: string[]
  identity_ids: string[]
  /** The names of the owner's own headers; their values are sealed in webhook_secrets. */
  header_names: string[]
  /** disabled by its owner, who gets nothing; paused by the platform, which keeps what is not sent as failed. */
  state: WebhookState
  paused_reason: PausedReason | null
  paused_at: Date | null
  /** Since the last success. */
  consecutive_failures: Generated<number>
  failing_since: Date | null
  /** Until then it is left alone. */
  blocked_until: Date | null
  last_error: string | null
  /** The place in the event log behind which it hears of events. */
  start_xid: string
  start_id: string
  version: Generated<number>
  created_at: Date
  updated_at: Date
  /** Of another format: it is gone, and what was sent is still in the log. */
  deleted_at: Date | null
}

/** A key that signs what all webhooks of an identity's mailbox send, in formats that have such keys. */
export type WebhookSigningKeysTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** Null: the workspace's own. */
  identity_id: string | null
  sealed_private_key: Buffer
  key_id: string
  /** Of the key, not of the row: it is made anew when it is rotated. */
  created_at: Date
}

export type WebhookSecretsTable = {
  id: string
  webhook_id: string
  /** headers: the owner's own headers as a JSON object. */
  kind: 'signing' | 'headers'
  /** Sealed; the column has the name that a change of the master key looks for. */
  sealed_private_key: Buffer
  key_id: string
  created_at: Date
  /** Of the secret before the present one: until then it signs, too. */
  expires_at: Date | null
}

export type WebhookCursorTable = { id: 1; xid: string; event_id: string }

export type WebhookEventsTable = {
  /** The event's or, where only one delivery has this payload, that delivery's. */
  id: string
  mailbox_id: string | null
  /** The body as it is sent, byte for byte. */
  payload: string
  created_at: Date
}

export type DeliveryState = 'queued' | 'delivered' | 'failed'

export type WebhookDeliveriesTable = {
  /** The header webhook-id, in every attempt. */
  id: string
  webhook_id: string
  event_id: string
  /** In the words of the webhook's format. */
  event_type: string
  /** Where its payload is, if not under the event's id. */
  content_id: string | null
  state: DeliveryState
  /** Made since it was queued the last time. */
  attempts: Generated<number>
  /** When it is due; while a node has it in hand, when that node's time is over. */
  next_attempt_at: Date
  /** Of the claim that has it in hand. */
  claim: string | null
  /** After that it is not tried again. */
  expires_at: Date
  last_status: number | null
  last_error: string | null
  created_at: Date
  finished_at: Date | null
}

export type WebhookAttemptsTable = {
  delivery_id: string
  id: string
  at: Date
  duration_ms: number
  url: string
  /** Without the signature and the values of the owner's own headers. */
  request_headers: ColumnType<Record<string, string>, string, never>
  /** Null: there was no answer. */
  status: number | null
  response_headers: ColumnType<Record<string, string> | null, string | null, never>
  response_body: string | null
  error: string | null
  /** Of a webhook in another format: its log is one of attempts. */
  webhook_id: string | null
  /** Somebody asked for it. */
  is_replay: Generated<boolean>
}

declare module '../platform/database.ts' {
  interface Tables {
    webhooks: WebhooksTable
    webhook_secrets: WebhookSecretsTable
    webhook_signing_keys: WebhookSigningKeysTable
    webhook_cursor: WebhookCursorTable
    webhook_events: WebhookEventsTable
    webhook_deliveries: WebhookDeliveriesTable
    webhook_attempts: WebhookAttemptsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'webhook.created': { webhook_id: string; url: string }
    'webhook.updated': { webhook_id: string; url: string; state: WebhookState }
    'webhook.deleted': { webhook_id: string; url: string }
    'webhook.secret_rotated': { webhook_id: string; url: string }
    'webhook.paused': { webhook_id: string; url: string; reason: PausedReason; error: string | null }
    /** A replay that was asked for has put its deliveries into the queue. */
    'webhook.replayed': { webhook_id: string; url: string; deliveries: number }
    /** `identity_id` null: the workspace's. */
    'webhook.signing_key_created': { identity_id: string | null }
    'webhook.signing_key_rotated': { identity_id: string | null }
  }
}

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'webhooks.settle': { webhook_id: string }
    'webhooks.forget': { webhook_id: string }
    'webhooks.replay': {
      webhook_id: string
      from: string
      until: string
      state: 'failed' | 'all'
      types: string[]
    }
    'webhooks.clean_up': Record<string, never>
  }
}
