/** The schema of DNS hosts. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const dnsHostsMigrations: Migrations = {
  '0027_dns_hosts': sqlMigration(
    `create table dns_hosts (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      kind text not null,
      name text not null,
      settings jsonb not null,
      sealed_private_key bytea not null,
      key_id text not null,
      state text not null check (state in ('working', 'failing')),
      last_error text,
      checked_at timestamptz not null,
      retry_at timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    'create index dns_hosts_workspace on dns_hosts (workspace_id, id)',
    'create index dns_hosts_key_id on dns_hosts (key_id)',
    'alter table domains add column dns_host_id uuid references dns_hosts',
    'create index domains_dns_host on domains (dns_host_id) where dns_host_id is not null',
    `create table dns_host_domains (
      domain_id uuid not null references domains,
      dns_host_id uuid not null references dns_hosts,
      zone_id text,
      zone_name text,
      take_over boolean not null,
      create_zone boolean not null,
      leaving boolean not null default false,
      put_back boolean not null default true,
      state text not null check (state in ('pending', 'in_sync', 'conflict', 'failing')),
      conflicts jsonb not null default '[]',
      error_kind text,
      last_error text,
      attempts integer not null default 0,
      checked_at timestamptz,
      next_attempt_at timestamptz,
      created_at timestamptz not null,
      primary key (domain_id, dns_host_id)
    )`,
    'create index dns_host_domains_host on dns_host_domains (dns_host_id, domain_id)',
    `create table dns_host_records (
      domain_id uuid not null,
      dns_host_id uuid not null,
      name text not null,
      type text not null,
      value text not null,
      ttl integer not null,
      displaced boolean not null,
      written_at timestamptz not null default now(),
      foreign key (domain_id, dns_host_id) references dns_host_domains on delete cascade
    )`,
    // A long text does not fit into an index.
    'create unique index dns_host_records_value on dns_host_records (domain_id, dns_host_id, displaced, name, type, md5(value))',
  ),
}
