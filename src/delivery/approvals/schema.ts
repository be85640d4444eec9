/** The schema of approvals. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const approvalsMigrations: Migrations = {
  '0044_approvals': sqlMigration(
    `create table approvals (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid not null,
      mailbox_id uuid not null,
      state text not null check (state in ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
      source text not null check (source in ('api', 'submission')),
      requested_by text not null,
      held_by text not null check (held_by in ('approve', 'approve_new_recipients')),
      new_recipients text[] not null,
      mail_from text not null,
      envelope jsonb not null,
      subject text,
      message_id text,
      size_bytes bigint not null,
      body_id uuid not null,
      skip_bytes integer not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      decided_at timestamptz,
      decided_by text,
      reason text,
      changes jsonb,
      sent_body_id uuid,
      sent_message_id uuid,
      check ((state = 'pending') = (decided_at is null))
    )`,
    'create index approvals_workspace on approvals (workspace_id, id)',
    'create index approvals_mailbox on approvals (mailbox_id, id)',
    `create index approvals_pending on approvals (mailbox_id) where state = 'pending'`,
    `create index approvals_due on approvals (expires_at) where state = 'pending'`,
    'create index approvals_decided on approvals (decided_at) where decided_at is not null',
  ),
}
