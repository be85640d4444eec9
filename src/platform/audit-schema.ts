/** The audit log: who changed what. Rows are copies of events that somebody asked for, kept longer than the event log. */
import type { ColumnType } from 'kysely'
import { type Migrations, sqlMigration } from './migrations.ts'

export type AuditLogTable = {
  /** The event's. */
  id: string
  organization_id: string
  workspace_id: string | null
  mailbox_id: string | null
  /** As a Scope has it. */
  actor: string
  /** The event's type. */
  action: string
  data: ColumnType<unknown, string, never>
  /** What was there, where undoing it needs more than `data`; goes with the mailbox. */
  before: ColumnType<unknown, string | null, null>
  created_at: Date
}

declare module './database.ts' {
  interface Tables {
    audit_log: AuditLogTable
  }
}

export const auditMigrations: Migrations = {
  '0041_audit_log': sqlMigration(
    `create table audit_log (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid,
      mailbox_id uuid,
      actor text not null,
      action text not null,
      data jsonb not null,
      before jsonb,
      created_at timestamptz not null
    )`,
    'create index audit_log_workspace on audit_log (workspace_id, id)',
    'create index audit_log_organization on audit_log (organization_id, id) where workspace_id is null',
    'create index audit_log_mailbox on audit_log (mailbox_id, id) where mailbox_id is not null',
    // Rows rise with their time, so that a block range index is enough for the end of their days.
    'create index audit_log_created_at on audit_log using brin (created_at)',
  ),
}
