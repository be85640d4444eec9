/** The schema of webhooks: subscriptions, their secrets, and the log of deliveries, which is the queue as well. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const webhooksMigrations: Migrations = {
  '0043_webhooks': sqlMigration(
    `create table webhooks (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      url text not null,
      description text,
      event_types text[] not null,
      scope text not null check (scope in ('workspace', 'mailboxes', 'identities')),
      mailbox_ids uuid[] not null,
      identity_ids uuid[] not null,
      header_names text[] not null,
      state text not null check (state in ('enabled', 'disabled', 'paused')),
      paused_reason text check (paused_reason in ('gone', 'failing')),
      paused_at timestamptz,
      consecutive_failures integer not null default 0,
      failing_since timestamptz,
      blocked_until timestamptz,
      last_error text,
      start_xid xid8 not null,
      start_id uuid not null,
      version integer not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create index webhooks_workspace on webhooks (workspace_id, id)',
    // Where the log must be read from at the least.
    `create index webhooks_start on webhooks (start_xid, start_id) where state <> 'disabled'`,
    `create table webhook_secrets (
      id uuid primary key,
      webhook_id uuid not null references webhooks on delete cascade,
      kind text not null check (kind in ('signing', 'headers')),
      sealed_private_key bytea not null,
      key_id text not null,
      created_at timestamptz not null,
      expires_at timestamptz
    )`,
    'create index webhook_secrets_webhook on webhook_secrets (webhook_id)',
    // One row: how far the event log was read. Who reads on holds it.
    `create table webhook_cursor (id smallint primary key check (id = 1), xid xid8 not null, event_id uuid not null)`,
    `insert into webhook_cursor values (1, '0', '00000000-0000-0000-0000-000000000000')`,
    // What deliveries of one event share: the event log keeps it for days only, and what is sent again must be the same.
    `create table webhook_events (
      id uuid primary key,
      mailbox_id uuid,
      payload text not null,
      created_at timestamptz not null
    )`,
    'create index webhook_events_mailbox on webhook_events (mailbox_id) where mailbox_id is not null',
    'create index webhook_events_created_at on webhook_events using brin (created_at)',
    // No reference to the webhook: millions of rows of one that is deleted are removed by a job.
    `create table webhook_deliveries (
      id uuid primary key,
      webhook_id uuid not null,
      event_id uuid not null,
      event_type text not null,
      state text not null check (state in ('queued', 'delivered', 'failed')),
      attempts integer not null default 0,
      next_attempt_at timestamptz not null,
      claim uuid,
      expires_at timestamptz not null,
      last_status integer,
      last_error text,
      created_at timestamptz not null,
      finished_at timestamptz,
      unique (webhook_id, event_id)
    )`,
    // The claim goes from webhook to webhook and takes the oldest of each; see claim.ts.
    `create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_attempt_at, id)
      where state = 'queued'`,
    'create index webhook_deliveries_webhook on webhook_deliveries (webhook_id, id)',
    `create index webhook_deliveries_failed on webhook_deliveries (webhook_id, id) where state = 'failed'`,
    'create index webhook_deliveries_created_at on webhook_deliveries using brin (created_at)',
    `create table webhook_attempts (
      delivery_id uuid not null references webhook_deliveries on delete cascade,
      id uuid not null,
      at timestamptz not null,
      duration_ms integer not null,
      url text not null,
      request_headers jsonb not null,
      status integer,
      response_headers jsonb,
      response_body text,
      error text,
      primary key (delivery_id, id)
    )`,
  ),
  '0057_webhook_formats': sqlMigration(
    `alter table webhooks add column format text not null default 'mailwright', add column settings jsonb,
      add column deleted_at timestamptz`,
    // Who has one of them in another format, by its mailbox.
    `create index webhooks_mailboxes on webhooks using gin (mailbox_ids) where format <> 'mailwright'`,
    'alter table webhook_deliveries add column content_id uuid',
    `alter table webhook_attempts add column webhook_id uuid, add column is_replay boolean not null default false`,
    // The log of those in other formats is one of attempts, and an attempt is known by its id.
    'create index webhook_attempts_webhook on webhook_attempts (webhook_id, id) where webhook_id is not null',
    'create unique index webhook_attempts_logged on webhook_attempts (id) where webhook_id is not null',
    `create table webhook_signing_keys (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      identity_id uuid references identities on delete cascade,
      sealed_private_key bytea not null,
      key_id text not null,
      created_at timestamptz not null
    )`,
    'create unique index webhook_signing_keys_owner on webhook_signing_keys (workspace_id, identity_id) nulls not distinct',
  ),
}
