/** The schema of mailboxes that are made later. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const scheduledMailboxesMigrations: Migrations = {
  '0068_scheduled_mailboxes': sqlMigration(
    `create table scheduled_mailboxes (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      domain_id uuid not null references domains,
      address text not null,
      product text not null check (product in ('google', 'microsoft', 'azure', 'smtp', 'smtp_dedicated')),
      first_name text,
      last_name text,
      due_at timestamptz not null,
      attempt_at timestamptz not null,
      failure_code text,
      failure_detail text,
      failed_at timestamptz,
      created_by text not null,
      created_at timestamptz not null,
      check ((failure_code is null) = (failed_at is null))
    )`,
    'create index scheduled_mailboxes_workspace on scheduled_mailboxes (workspace_id, id)',
    'create index scheduled_mailboxes_domain on scheduled_mailboxes (domain_id)',
    'create unique index scheduled_mailboxes_address on scheduled_mailboxes (workspace_id, address)',
    'create index scheduled_mailboxes_due on scheduled_mailboxes (attempt_at, id) where failed_at is null',
    'create index scheduled_mailboxes_failed on scheduled_mailboxes (failed_at) where failed_at is not null',
  ),
}
