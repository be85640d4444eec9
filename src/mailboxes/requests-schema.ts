/** The schema of limits, of mailboxes that are asked for and fulfilled later, and of what a batch keeps. */
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
      set_by text not null check (set_by in ('operator', 'organization')),
      mailboxes_max integer not null check (mailboxes_max >= 0),
      created_at timestamptz not null,
      updated_at timestamptz not null,
      unique nulls not distinct (organization_id, workspace_id, domain_id, service, per, set_by)
    )`,
    'create index mailbox_limits_domain on mailbox_limits (domain_id) where domain_id is not null',
    `create table mailbox_requests (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      domain_id uuid not null references domains,
      mailbox_id uuid not null,
      batch_id uuid not null,
      service text not null check (service in ('local', 'google', 'microsoft')),
      address text not null,
      state text not null check (state in ('pending', 'in_progress', 'completed', 'failed')),
      note text,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      state_changed_at timestamptz not null
    )`,
    'create index mailbox_requests_workspace on mailbox_requests (workspace_id, id)',
    'create index mailbox_requests_domain on mailbox_requests (domain_id, id)',
    'create index mailbox_requests_batch on mailbox_requests (batch_id, id)',
    'create unique index mailbox_requests_mailbox on mailbox_requests (mailbox_id)',
    // What became of a batch is counted, not kept; what was not made has no other row that tells why.
    `alter table mailbox_batches drop column created, drop column pending, drop column failed,
      add column mailbox_ids uuid[] not null default '{}', add column failures jsonb not null default '[]',
      add column completed_at timestamptz`,
    'create index mailbox_batches_workspace on mailbox_batches (workspace_id, id)',
    'create index mailboxes_batch on mailboxes (batch_id, state) where batch_id is not null',
    // Of batches before this one only what was made is known.
    `update mailbox_batches set completed_at = created_at, mailbox_ids = array(
      select id from mailboxes where batch_id = mailbox_batches.id order by id)`,
  ),
}
