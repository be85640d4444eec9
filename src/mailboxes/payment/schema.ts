/** The schema of what mailboxes pay: whether their period is paid, and when that is looked at. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const mailboxPaymentMigrations: Migrations = {
  '0050_mailbox_payment': sqlMigration(
    `alter table mailboxes add column in_slot boolean not null default false,
      add column unpaid_since timestamptz, add column payment_attempts integer not null default 0,
      add column next_payment_at timestamptz, add column noticed_days integer,
      add column payment_suspension text check (payment_suspension in ('resume', 'stay')),
      add column deletion_announced_for timestamptz,
      add constraint mailboxes_unpaid check (unpaid_since is not null
        or next_payment_at is null and payment_suspension is null and deletion_announced_for is null)`,
    // What is unpaid has its own time, so that who looks for ends of periods does not pass over it again and again.
    'drop index mailboxes_period_ends_at',
    `create index mailboxes_period_ends_at on mailboxes (period_ends_at)
      where period_ends_at is not null and next_payment_at is null and state not in ('deleted', 'deletion_scheduled')`,
    `create index mailboxes_next_payment_at on mailboxes (next_payment_at)
      where next_payment_at is not null and state not in ('deleted', 'deletion_scheduled')`,
    `create index mailboxes_unpaid on mailboxes (workspace_id, unpaid_since, id)
      where unpaid_since is not null and state not in ('deleted', 'deletion_scheduled')`,
    `create index mailboxes_in_slot on mailboxes (workspace_id, id)
      where in_slot and state not in ('deleted', 'deletion_scheduled', 'failed')`,
    `create index mailboxes_waiting_payment on mailboxes (state_changed_at) where state = 'waiting_payment'`,
  ),
}
