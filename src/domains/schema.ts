/** The schema of domains. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const domainsMigrations: Migrations = {
  '0003_domains': sqlMigration(
    `create table domains (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      name text not null,
      state text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      state_changed_at timestamptz not null
    )`,
    // A name serves one workspace at a time; a deleted row keeps its history and frees the name.
    `create unique index domains_name on domains (name) where state <> 'deleted'`,
    'create index domains_workspace on domains (workspace_id, id)',
  ),
}
