/** The schema of certificates. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const certificatesMigrations: Migrations = {
  '0022_certificates': sqlMigration(
    `create table acme_accounts (
      id uuid primary key,
      directory_url text not null unique,
      account_url text not null,
      sealed_private_key bytea not null,
      key_id text not null,
      created_at timestamptz not null
    )`,
    `create table certificates (
      id uuid primary key,
      host_name text not null unique,
      domain_id uuid references domains,
      state text not null check (state in ('pending', 'issued', 'failed')),
      chain_pem text,
      sealed_private_key bytea,
      key_id text,
      not_after timestamptz,
      attempts integer not null default 0,
      last_error text,
      next_attempt_at timestamptz not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check ((chain_pem is null) = (sealed_private_key is null))
    )`,
    'create index certificates_next_attempt_at on certificates (next_attempt_at)',
    'create index certificates_domain on certificates (domain_id)',
    `create table acme_challenges (
      token text primary key,
      key_authorization text not null,
      expires_at timestamptz not null
    )`,
    // When the host names of a domain were last looked up; null is not yet.
    'alter table domains add column host_names_checked_at timestamptz',
    `create index domains_host_names_checked_at on domains (host_names_checked_at nulls first) where state = 'active'`,
  ),
}
