/** The schema of sending limits. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const limitsMigrations: Migrations = {
  '0024_sending_limits': sqlMigration(
    // The rows of the present hour are updated all the time: with room in the page that touches no index.
    `create table sending_counters (
      scope_id uuid not null,
      span text not null check (span in ('hour', 'day')),
      window_start timestamptz not null,
      recipients bigint not null,
      new_recipients bigint not null,
      primary key (scope_id, span, window_start)
    ) with (fillfactor = 50)`,
    'create index sending_counters_old on sending_counters (window_start)',
    `create table sending_states (
      scope_id uuid primary key,
      scope text not null check (scope in ('mailbox', 'domain', 'workspace')),
      organization_id uuid not null,
      workspace_id uuid not null,
      first_sent_at timestamptz,
      paused_at timestamptz,
      pause_reason text,
      paused_by text,
      resumed_at timestamptz,
      check ((paused_at is null) = (pause_reason is null) and (paused_at is null) = (paused_by is null))
    )`,
    'create index sending_states_paused on sending_states (scope_id) where paused_at is not null',
    `create table sent_recipients (
      mailbox_id uuid not null,
      address_hash bigint not null,
      last_sent_at timestamptz not null,
      primary key (mailbox_id, address_hash)
    )`,
    'create index sent_recipients_old on sent_recipients using brin (last_sent_at)',
    // For the rates that pause sending. Both have only what bounced.
    `create index outbound_recipients_bounced on outbound_recipients (workspace_id, finished_at)
      where state = 'bounced'`,
    `create index outbound_recipients_bounced_at on outbound_recipients (finished_at) where state = 'bounced'`,
    `create index outbound_steps_complained on outbound_steps (at) where step = 'complained'`,
  ),
}
