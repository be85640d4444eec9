/** The schema of routing: where addresses lead, and what a mailbox does with what it gets. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const routingMigrations: Migrations = {
  '0020_routing': sqlMigration(
    // An address leads to a mailbox or to other addresses; the look-up of RCPT TO reads both from one row.
    `alter table addresses
      add column targets text[] not null default '{}',
      add constraint addresses_lead_somewhere check ((mailbox_id is null) = (cardinality(targets) > 0))`,
    `create index addresses_domain on addresses (domain_id, address) where kind <> 'mailbox'`,
    `create table domain_aliases (
      domain_id uuid primary key references domains,
      of_domain_id uuid not null references domains,
      workspace_id uuid not null,
      created_at timestamptz not null,
      check (domain_id <> of_domain_id)
    )`,
    'create index domain_aliases_of on domain_aliases (of_domain_id)',
    `create table mailbox_forwards (
      mailbox_id uuid not null references mailboxes,
      target text not null,
      keep_copy boolean not null,
      created_at timestamptz not null,
      primary key (mailbox_id, target)
    )`,
    `create table sieve_scripts (
      mailbox_id uuid not null references mailboxes,
      name text not null,
      script text not null,
      is_active boolean not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (mailbox_id, name)
    )`,
    'create unique index sieve_scripts_active on sieve_scripts (mailbox_id) where is_active',
    `create table autoreplies (
      mailbox_id uuid primary key references mailboxes,
      enabled boolean not null,
      subject text,
      text text not null,
      starts_at timestamptz,
      ends_at timestamptz,
      days integer not null check (days between 1 and 365),
      updated_at timestamptz not null
    )`,
    `create table autoreply_sent (
      mailbox_id uuid not null,
      handle text not null,
      sender text not null,
      forget_at timestamptz not null,
      primary key (mailbox_id, handle, sender)
    )`,
    'create index autoreply_sent_forget on autoreply_sent (forget_at)',
  ),
}
