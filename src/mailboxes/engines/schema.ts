/** The schema of connections to services elsewhere, and of what is there. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const enginesMigrations: Migrations = {
  '0038_service_connections': sqlMigration(
    `create table service_connections (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      service text not null check (service in ('google', 'microsoft')),
      name text not null,
      settings jsonb not null,
      sealed_private_key bytea not null,
      key_id text not null,
      is_default boolean not null default false,
      state text not null check (state in ('working', 'failing')),
      last_error text,
      checked_at timestamptz not null,
      retry_at timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create index service_connections_workspace on service_connections (workspace_id, id)',
    'create index service_connections_key_id on service_connections (key_id)',
    `create unique index service_connections_default on service_connections (workspace_id, service) where is_default`,
    `create table mailbox_remotes (
      mailbox_id uuid primary key,
      workspace_id uuid not null,
      connection_id uuid not null references service_connections,
      mark text not null,
      remote_id text,
      state text not null,
      changed text[] not null default '{}',
      observed jsonb,
      observed_at timestamptz,
      usage_bytes bigint,
      error_kind text,
      last_error text,
      request_id text,
      attempts integer not null default 0,
      next_attempt_at timestamptz,
      restorable_until timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create index mailbox_remotes_connection on mailbox_remotes (connection_id, mailbox_id)',
    'create index mailbox_remotes_next_attempt_at on mailbox_remotes (next_attempt_at) where next_attempt_at is not null',
  ),
}
