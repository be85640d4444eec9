/** The schema of accounts. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const accountsMigrations: Migrations = {
  '0002_accounts': sqlMigration(
    `create table organizations (id uuid primary key, name text not null, created_at timestamptz not null)`,
    `create table workspaces (
      id uuid primary key,
      organization_id uuid not null references organizations,
      name text not null,
      is_default boolean not null default false,
      created_at timestamptz not null,
      deleted_at timestamptz
    )`,
    'create index workspaces_organization on workspaces (organization_id, id)',
    'create unique index workspaces_one_default on workspaces (organization_id) where is_default',
    `create table users (
      id uuid primary key,
      email text not null unique check (email = lower(email)),
      name text,
      password_hash text not null,
      created_at timestamptz not null
    )`,
    `create table members (
      organization_id uuid not null references organizations,
      user_id uuid not null references users,
      role text not null check (role in ('owner', 'member')),
      created_at timestamptz not null,
      primary key (organization_id, user_id)
    )`,
    // mailbox_id has no foreign key: the mailboxes stand on a floor above. Its purge revokes the key.
    `create table api_keys (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid references workspaces,
      mailbox_id uuid,
      name text not null,
      token_sha256 bytea not null unique,
      token_prefix text not null,
      access text not null check (access in ('read', 'write')),
      expires_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz,
      created_at timestamptz not null,
      check (mailbox_id is null or workspace_id is not null)
    )`,
    'create index api_keys_organization on api_keys (organization_id, id)',
    `create table sessions (
      id uuid primary key,
      user_id uuid not null references users,
      organization_id uuid not null references organizations,
      token_sha256 bytea not null unique,
      expires_at timestamptz not null,
      created_at timestamptz not null
    )`,
    'create index sessions_expires_at on sessions (expires_at)',
  ),
}
