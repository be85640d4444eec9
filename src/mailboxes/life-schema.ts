/** The schema of what a mailbox may be given beside its address: settings, details, a period, a picture. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const mailboxLifeMigrations: Migrations = {
  '0033_mailbox_life': sqlMigration(
    `create table mailbox_settings (
      workspace_id uuid primary key references workspaces on delete cascade,
      totp_codes_shown boolean not null,
      rename_alias_days integer check (rename_alias_days between 0 and 36500),
      restore_days integer not null check (restore_days between 1 and 365)
    )`,
    // Of an alias: what it is for, whether mail for it is taken, and when one that a rename left goes.
    `alter table addresses add column description text, add column enabled boolean not null default true,
      add column expires_at timestamptz`,
    'create index addresses_expires_at on addresses (expires_at) where expires_at is not null',
    // Who leads to an address follows it when it is renamed.
    `create index addresses_targets on addresses using gin (targets) where targets <> '{}'`,
    'create index mailbox_forwards_target on mailbox_forwards (target)',
  ),
  '0034_mailbox_details': sqlMigration(
    `alter table mailboxes add column notes text, add column signature_text text, add column signature_html text,
      add column custom_fields jsonb not null default '{}', add column recovery_email text, add column recovery_phone text`,
    `create index mailboxes_custom_fields on mailboxes using gin (custom_fields jsonb_path_ops) where custom_fields <> '{}'`,
    // When a period ends, the next begins as what next_period says, or the mailbox goes. Before the first there is no end.
    `alter table mailboxes add column period text not null default 'monthly' check (period in ('monthly', 'yearly')),
      add column next_period text check (next_period in ('monthly', 'yearly')), add column period_anchor_at timestamptz,
      add column period_ends_at timestamptz, add column cancel_at_period_end boolean not null default false`,
    `create index mailboxes_period_ends_at on mailboxes (period_ends_at)
      where period_ends_at is not null and state not in ('deleted', 'deletion_scheduled')`,
    `create index mailboxes_without_period on mailboxes (id)
      where period_ends_at is null and state in ('active', 'suspended')`,
    // The list shows whether there is a picture without a look into the table of pictures.
    'alter table mailboxes add column picture_sha256 bytea, add column picture_updated_at timestamptz',
    `create table mailbox_pictures (
      mailbox_id uuid primary key,
      workspace_id uuid not null,
      jpeg bytea not null,
      updated_at timestamptz not null
    )`,
  ),
}
