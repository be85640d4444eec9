/** The schema of identities: the handles of agents. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const identitiesMigrations: Migrations = {
  '0039_identities': sqlMigration(
    `create table identities (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      handle text not null,
      description text,
      owner text not null,
      mailbox_id uuid not null,
      version integer not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create unique index identities_handle on identities (handle)',
    'create unique index identities_mailbox on identities (mailbox_id)',
    'create index identities_workspace on identities (workspace_id, id)',
  ),
  '0054_identities_without_mailboxes': sqlMigration(
    `alter table identities alter column mailbox_id drop not null, add column display_name text,
      add column mailbox_is_implicit boolean not null default false`,
  ),
}
