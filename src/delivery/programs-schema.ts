/** The schema of what programs want of mail: drafts with versions, opens, signatures that are added, and keys that are kept longer. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const programsMigrations: Migrations = {
  '0058_mail_by_programs': sqlMigration(
    'alter table idempotency_keys add column kept_until timestamptz',
    `update idempotency_keys set kept_until = created_at + interval '72 hours'`,
    'alter table idempotency_keys alter column kept_until set not null',
    'drop index idempotency_keys_created_at',
    'create index idempotency_keys_kept_until on idempotency_keys (kept_until)',
    `alter table drafts
      add column version integer not null default 1,
      add column track_opens boolean not null default false,
      add column forward jsonb`,
    `create table open_trackings (
      id uuid primary key,
      mailbox_id uuid not null,
      message_id uuid not null,
      created_at timestamptz not null,
      first_opened_at timestamptz,
      open_count integer not null default 0,
      unique (mailbox_id, message_id)
    )`,
    'alter table mailboxes add column signature_enabled boolean not null default false',
  ),
}
