/** The schema of app passwords, second factors and the guard against guessing. */
import { loginGuardStatements } from '../accounts/login-guard-schema.ts'
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const mailboxCredentialsMigrations: Migrations = {
  '0035_app_passwords': sqlMigration(
    // Of an app password; the primary one has none of these. scopes null: all.
    `alter table mailbox_passwords add column id uuid, add column scopes text[], add column networks cidr[],
      add column expires_at timestamptz, add column is_expiry_told boolean not null default false,
      add column last_used_at timestamptz, add column last_used_from inet`,
    'create unique index mailbox_passwords_id on mailbox_passwords (id) where id is not null',
    `create index mailbox_passwords_expires_at on mailbox_passwords (expires_at)
      where expires_at is not null and not is_expiry_told`,
    ...loginGuardStatements,
  ),
  '0036_mailbox_totp': sqlMigration(
    `create table mailbox_totp (
      mailbox_id uuid primary key,
      workspace_id uuid not null,
      sealed_private_key bytea not null,
      key_id text not null,
      enabled_at timestamptz,
      last_step bigint,
      failures integer not null default 0,
      paused_until timestamptz,
      created_at timestamptz not null
    )`,
    'create index mailbox_totp_key_id on mailbox_totp (key_id)',
    `create table mailbox_recovery_codes (
      mailbox_id uuid not null,
      digest bytea not null,
      used_at timestamptz,
      primary key (mailbox_id, digest)
    )`,
  ),
  '0064_app_passwords_changed': sqlMigration(
    'alter table mailbox_totp add column app_passwords_changed_at timestamptz',
  ),
}
