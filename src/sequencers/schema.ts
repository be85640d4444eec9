/** The schema of sequencers. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const sequencersMigrations: Migrations = {
  '0059_sequencers': sqlMigration(
    `create table sequencers (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      platform text not null,
      name text not null,
      settings jsonb not null,
      sealed_private_key bytea,
      key_id text,
      state text not null check (state in ('working', 'failing')),
      error_kind text,
      last_error text,
      checked_at timestamptz not null,
      retry_at timestamptz,
      next_call_at timestamptz,
      observed_at timestamptz,
      failures integer not null default 0,
      told_digest bytea,
      delete_when_empty boolean not null default false,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check ((sealed_private_key is null) = (key_id is null))
    )`,
    'create index sequencers_workspace on sequencers (workspace_id, id)',
    'create index sequencers_key_id on sequencers (key_id) where key_id is not null',
    `create table sequencer_mailboxes (
      sequencer_id uuid not null references sequencers on delete cascade,
      mailbox_id uuid not null,
      workspace_id uuid not null references workspaces on delete cascade,
      state text not null
        check (state in
          ('queued', 'confirming', 'connected', 'disconnected', 'failed', 'missing', 'inactive', 'removing')),
      wanted boolean not null default true,
      address text not null,
      pushed_digest bytea,
      pushed_key_id text,
      remote_id text,
      remote_status text,
      pending_ref text,
      uncertain boolean not null default false,
      attempts integer not null default 0,
      next_attempt_at timestamptz,
      error_kind text,
      last_error text,
      pushed_at timestamptz,
      observed_at timestamptz,
      compared_at timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (sequencer_id, mailbox_id)
    )`,
    'create index sequencer_mailboxes_mailbox on sequencer_mailboxes (mailbox_id)',
    'create index sequencer_mailboxes_address on sequencer_mailboxes (sequencer_id, address)',
    `create index sequencer_mailboxes_work on sequencer_mailboxes (sequencer_id, next_attempt_at)
      where state in ('queued', 'confirming', 'removing')`,
    `create table exports (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      sequencer_id uuid references sequencers on delete set null,
      platform text not null,
      method text not null check (method in ('api', 'file')),
      state text not null check (state in ('running', 'completed', 'failed')),
      total integer not null,
      created_at timestamptz not null,
      completed_at timestamptz
    )`,
    'create index exports_workspace on exports (workspace_id, id)',
    "create index exports_running on exports (sequencer_id) where state = 'running'",
    `create table export_items (
      export_id uuid not null references exports on delete cascade,
      mailbox_id uuid not null,
      position integer not null,
      address text not null,
      state text not null check (state in ('waiting', 'done', 'skipped', 'failed')),
      error_kind text,
      error text,
      updated_at timestamptz not null,
      primary key (export_id, mailbox_id)
    )`,
    'create index export_items_position on export_items (export_id, position)',
    "create index export_items_waiting on export_items (export_id, mailbox_id) where state = 'waiting'",
  ),
}
