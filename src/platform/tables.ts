/** The platform's own tables. */
import type { ColumnType, Generated } from 'kysely'

export type EventsTable = {
  /** The transaction that wrote the event: the first half of the log's order (decision 0009). */
  xid: Generated<string>
  id: string
  node_id: string
  type: string
  organization_id: string
  workspace_id: string | null
  mailbox_id: string | null
  data: ColumnType<unknown, string, never>
  created_at: Date
}

export type IdempotencyKeysTable = {
  scope_id: string
  key: string
  fingerprint: Buffer
  status: number | null
  sealed_reply: Buffer | null
  created_at: Date
  kept_until: Date
}

/** The master keys that this database's secrets were sealed under. The keys themselves are never here. */
export type VaultKeysTable = { id: string; first_used_at: Date }

declare module './database.ts' {
  interface Tables {
    vault_keys: VaultKeysTable
    events: EventsTable
    idempotency_keys: IdempotencyKeysTable
  }
}
