/** The schema of delivery. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const deliveryMigrations: Migrations = {
  '0006_delivery': sqlMigration(
    `create table outbound_messages (
      id uuid primary key,
      organization_id uuid not null,
      workspace_id uuid not null,
      mailbox_id uuid not null,
      body_id uuid not null,
      mail_from text not null,
      smtputf8 boolean not null,
      created_at timestamptz not null
    )`,
    'create index outbound_messages_mailbox on outbound_messages (mailbox_id, id)',
    `create table outbound_recipients (
      id uuid primary key,
      outbound_message_id uuid not null references outbound_messages,
      rcpt_to text not null,
      domain text not null,
      state text not null check (state in ('queued')),
      created_at timestamptz not null
    )`,
    'create index outbound_recipients_message on outbound_recipients (outbound_message_id)',
  ),
  '0016_delivery_policies': sqlMigration(
    `create table delivery_policies (
      scope_id uuid primary key,
      scope text not null check (scope in ('workspace', 'domain', 'mailbox')),
      workspace_id uuid not null,
      settings jsonb not null,
      updated_at timestamptz not null
    )`,
  ),
  '0018_contacts': sqlMigration(
    `create table contacts (
      mailbox_id uuid not null,
      address text not null,
      name text,
      origin text not null check (origin in ('received', 'sent')),
      first_message_id uuid,
      first_seen_at timestamptz not null,
      primary key (mailbox_id, address)
    )`,
  ),
}
