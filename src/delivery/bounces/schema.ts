/** The schema of bounces: what senders were told, and whom workspaces do not write to any more. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const bouncesMigrations: Migrations = {
  '0023_bounces': sqlMigration(
    `alter table outbound_recipients
      add column notified_outcome text check (notified_outcome in ('failed', 'relayed', 'undeliverable'))`,
    // Reports name a message by this too; see match-report.ts.
    'create index outbound_messages_envid on outbound_messages (workspace_id, envid) where envid is not null',
    `create table suppressions (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid not null,
      address text not null,
      reason text not null check (reason in ('bounce', 'complaint', 'unsubscribe', 'manual')),
      detail text,
      created_at timestamptz not null,
      expires_at timestamptz,
      unique (workspace_id, address)
    )`,
    'create index suppressions_workspace on suppressions (workspace_id, id)',
    'create index suppressions_expiry on suppressions (expires_at) where expires_at is not null',
  ),
}
