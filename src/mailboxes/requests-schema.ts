/** The schema of limits, and of mailboxes that are asked for and fulfilled later. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const mailboxRequestsMigrations: Migrations = {
  '0037_mailbox_requests': sqlMigration(
    `create table mailbox_limits (
      id uuid primary key,
      organization_id uuid not null references organizations on delete cascade,
      workspace_id uuid references workspaces on delete cascade,
      domain_id uuid references domains on delete cascade,
      service text check (service in ('local', 'google', 'microsoft')),
      per text not null check (per in ('domain', 'workspace')),
      mailboxes_max integer not null check (mailboxes_max >= 0),
      created_at timestamptz not null,
      updated_at timestamptz not null,
      unique nulls not distinct (organization_id, workspace_id, domain_id, service, per)
    )`,
    `create table mailbox_requests (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      domain_id uuid not null references domains,
      service text not null check (service in ('local', 'google', 'microsoft')),
      address text not null,
      display_name text,
      first_name text,
      last_name text,
      tags text[] not null,
      state text not null check (state in ('pending', 'in_progress', 'completed', 'failed')),
      note text,
      mailbox_id uuid,
      batch_id uuid,
      version integer not null default 1,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create index mailbox_requests_workspace on mailbox_requests (workspace_id, id)',
    `create index mailbox_requests_domain on mailbox_requests (domain_id) where state in ('pending', 'in_progress')`,
    `create unique index mailbox_requests_address on mailbox_requests (address) where state in ('pending', 'in_progress')`,
  ),
}
