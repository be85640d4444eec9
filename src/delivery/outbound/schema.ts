/** The schema of the outbound queue. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const outboundMigrations: Migrations = {
  '0015_outbound_queue': sqlMigration(
    `alter table outbound_messages
      add column kind text not null default 'submission' check (kind in ('submission', 'forward', 'notification')),
      add column skip_bytes integer not null default 0,
      add column size_bytes bigint not null default 0,
      add column signing_domain text,
      add column ret text check (ret in ('full', 'hdrs')),
      add column envid text,
      add column require_tls boolean not null default false,
      add column message_id text,
      add column arc jsonb`,
    // Bounces are matched by it (RFC 3464, and the header of the message that comes back).
    'create index outbound_messages_message_id on outbound_messages (message_id) where message_id is not null',
    `alter table outbound_recipients
      drop constraint outbound_recipients_state_check,
      add constraint outbound_recipients_state_check
        check (state in ('queued', 'sending', 'held', 'delivered', 'bounced', 'cancelled')),
      add column organization_id uuid,
      add column workspace_id uuid,
      add column mailbox_id uuid,
      add column attempts integer not null default 0,
      add column next_attempt_at timestamptz,
      add column expires_at timestamptz,
      add column node_id uuid,
      add column held_reason text,
      add column notify text,
      add column orcpt text,
      add column delay_notified boolean not null default false,
      add column last_reply text,
      add column last_class text,
      add column finished_at timestamptz`,
    `update outbound_recipients set organization_id = m.organization_id, workspace_id = m.workspace_id,
        mailbox_id = m.mailbox_id, next_attempt_at = m.created_at, expires_at = m.created_at + interval '5 days'
      from outbound_messages m where m.id = outbound_message_id`,
    `alter table outbound_recipients
      alter column organization_id set not null,
      alter column workspace_id set not null,
      alter column mailbox_id set not null,
      alter column next_attempt_at set not null,
      alter column expires_at set not null`,
    // The claim goes from domain to domain and takes the oldest of each; see claim.ts.
    `create index outbound_recipients_due on outbound_recipients (domain, next_attempt_at, id)
      where state = 'queued'`,
    // What is due next, and whether anything is: one look.
    `create index outbound_recipients_next on outbound_recipients (next_attempt_at) where state = 'queued'`,
    `create index outbound_recipients_held on outbound_recipients (id) where state = 'held'`,
    `create index outbound_recipients_sending on outbound_recipients (node_id) where state = 'sending'`,
    'create index outbound_recipients_workspace on outbound_recipients (workspace_id, id)',
    'create index outbound_recipients_mailbox on outbound_recipients (mailbox_id, id)',
    `create index outbound_recipients_finished on outbound_recipients (finished_at)
      where finished_at is not null`,
    `create table outbound_steps (
      outbound_recipient_id uuid not null references outbound_recipients on delete cascade,
      id uuid not null,
      step text not null check (step in ('attempted', 'delivered', 'deferred', 'bounced', 'held', 'released',
        'retried', 'cancelled', 'reported', 'complained')),
      at timestamptz not null,
      detail jsonb not null,
      primary key (outbound_recipient_id, id)
    )`,
    `create table delivery_nodes (node_id uuid primary key, seen_at timestamptz not null)`,
    `create table relays (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid,
      domain_id uuid references domains on delete cascade,
      recipient_domain text,
      host text not null,
      port integer not null check (port between 1 and 65535),
      security text not null check (security in ('none', 'starttls', 'tls')),
      username text,
      sealed_password bytea,
      priority integer not null,
      created_at timestamptz not null
    )`,
    'create index relays_workspace on relays (workspace_id, priority, id)',
    `create table destination_rules (
      domain text primary key,
      connections_max integer check (connections_max > 0),
      messages_per_connection_max integer check (messages_per_connection_max > 0),
      recipients_per_message_max integer check (recipients_per_message_max > 0),
      messages_per_minute_max integer check (messages_per_minute_max > 0),
      updated_at timestamptz not null
    )`,
    `create table mta_sts_policies (domain text primary key, policy jsonb not null, expires_at timestamptz not null)`,
  ),
}
