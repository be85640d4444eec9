/** The schema of mailboxes. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const mailboxesMigrations: Migrations = {
  '0004_mailboxes': sqlMigration(
    'create extension if not exists pg_trgm',
    `create table mailboxes (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid not null references workspaces,
      domain_id uuid not null references domains,
      address text not null,
      state text not null,
      service text not null check (service in ('local', 'google', 'microsoft')),
      display_name text,
      first_name text,
      last_name text,
      tags text[] not null,
      search_text text not null,
      batch_id uuid,
      version integer not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      state_changed_at timestamptz not null,
      state_before_deletion text,
      purge_at timestamptz
    )`,
    `create index mailboxes_workspace on mailboxes (workspace_id, id) where state <> 'deleted'`,
    `create index mailboxes_domain on mailboxes (domain_id, id) where state <> 'deleted'`,
    'create index mailboxes_state on mailboxes (workspace_id, state, id)',
    'create index mailboxes_tags on mailboxes using gin (tags)',
    'create index mailboxes_search on mailboxes using gin (search_text gin_trgm_ops)',
    'create index mailboxes_purge_at on mailboxes (purge_at) where purge_at is not null',
    `create table addresses (
      address text primary key,
      kind text not null check (kind in ('mailbox', 'alias', 'forward', 'catch_all')),
      workspace_id uuid not null,
      domain_id uuid not null,
      mailbox_id uuid,
      created_at timestamptz not null
    )`,
    'create index addresses_mailbox on addresses (mailbox_id)',
    `create table mailbox_passwords (
      mailbox_id uuid not null,
      name text not null,
      scheme text not null check (scheme in ('hmac-sha256')),
      verifier bytea not null,
      key_id text not null,
      sealed_password bytea not null,
      created_at timestamptz not null,
      primary key (mailbox_id, name)
    )`,
    `create table mailbox_batches (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid not null,
      requested integer not null,
      created integer not null,
      pending integer not null,
      failed integer not null,
      created_at timestamptz not null
    )`,
  ),
  '0011_scram_verifiers': sqlMigration(
    'alter table mailbox_passwords add column sealed_scram_verifier bytea',
  ),
}
