/** The schema of the audit log: who changed what, kept longer than the event log. */
import { type Migrations, sqlMigration } from './migrations.ts'

export const auditMigrations: Migrations = {
  '0041_audit_log': sqlMigration(
    'alter table events add column actor text',
    `create table audit_log (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid,
      mailbox_id uuid,
      actor text not null,
      action text not null,
      data jsonb not null,
      undone_by uuid,
      created_at timestamptz not null
    )`,
    'create index audit_log_workspace on audit_log (workspace_id, id)',
    'create index audit_log_organization on audit_log (organization_id, id)',
    'create index audit_log_mailbox on audit_log (mailbox_id, id) where mailbox_id is not null',
    'create index audit_log_created_at on audit_log (created_at)',
  ),
}
