/** The platform's own schema. */
import { type Migrations, sqlMigration } from './migrations.ts'

export const platformMigrations: Migrations = {
  '0001_platform': sqlMigration(
    `create table events (
      xid xid8 not null default pg_current_xact_id(),
      id uuid not null,
      node_id uuid not null,
      type text not null,
      organization_id uuid not null,
      workspace_id uuid,
      mailbox_id uuid,
      data jsonb not null,
      created_at timestamptz not null,
      primary key (xid, id)
    )`,
    // Retention deletes by time; ids and rows rise together with it, so a block range index is enough.
    'create index events_created_at on events using brin (created_at)',
    `create table idempotency_keys (
      scope_id uuid not null,
      key text not null,
      fingerprint bytea not null,
      status smallint,
      sealed_reply bytea,
      created_at timestamptz not null,
      primary key (scope_id, key)
    )`,
    'create table vault_keys (id text primary key, first_used_at timestamptz not null)',
    'create index idempotency_keys_created_at on idempotency_keys (created_at)',
  ),
  '0042_events_of_workspaces': sqlMigration(
    // The log of one workspace in its order, without a look at the others' events (event-log.ts).
    'create index events_workspace on events (workspace_id, xid, id) where workspace_id is not null',
    'create index events_organization on events (organization_id, xid, id) where workspace_id is null',
  ),
}
