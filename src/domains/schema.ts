/** The schema of domains. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const domainsMigrations: Migrations = {
  '0003_domains': sqlMigration(
    `create table domains (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      name text not null,
      state text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      state_changed_at timestamptz not null
    )`,
    // A name serves one workspace at a time; a deleted row keeps its history and frees the name.
    `create unique index domains_name on domains (name) where state <> 'deleted'`,
    'create index domains_workspace on domains (workspace_id, id)',
  ),
  '0021_dkim_keys': sqlMigration(
    'alter table domains add column ownership_token text',
    `update domains set ownership_token = replace(gen_random_uuid()::text, '-', '')`,
    'alter table domains alter column ownership_token set not null',
    `create table dkim_keys (
      id uuid primary key,
      domain_id uuid not null references domains,
      algorithm text not null check (algorithm in ('rsa-sha256', 'ed25519-sha256')),
      selector text not null,
      public_key text not null,
      sealed_private_key bytea not null,
      key_id text not null,
      state text not null check (state in ('pending', 'active', 'retired')),
      created_at timestamptz not null,
      activated_at timestamptz,
      retired_at timestamptz,
      unique (domain_id, selector)
    )`,
    // Verifiers find one key of a kind; two that sign would only make mail longer.
    `create unique index dkim_keys_active on dkim_keys (domain_id, algorithm) where state = 'active'`,
    'create index dkim_keys_key_id on dkim_keys (key_id)',
  ),
  '0026_domain_dns': sqlMigration(
    `alter table domains
      add column dns_mode text not null default 'manual' check (dns_mode in ('served', 'driven', 'manual')),
      add column zone_serial bigint not null default 1,
      add column dmarc_policy text not null default 'none' check (dmarc_policy in ('none', 'quarantine', 'reject')),
      add column dmarc_report_address text,
      add column mta_sts_mode text not null default 'none' check (mta_sts_mode in ('none', 'testing', 'enforce')),
      add column bimi_logo_url text,
      add column redirect_url text,
      add column redirect_status smallint not null default 301 check (redirect_status in (301, 302)),
      add column redirect_keeps_path boolean not null default true,
      add column state_before_deletion text,
      add column delete_after timestamptz`,
    `create table zone_records (
      id uuid primary key,
      workspace_id uuid not null,
      domain_id uuid not null references domains,
      name text not null,
      type text not null,
      ttl integer not null check (ttl between 0 and 2147483647),
      value text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    // A set has no value twice (RFC 2181 §5). A long text does not fit into an index.
    'create unique index zone_records_value on zone_records (domain_id, name, type, md5(value))',
  ),
}
