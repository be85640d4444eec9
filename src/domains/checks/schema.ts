/** The schema of domain checks. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const domainChecksMigrations: Migrations = {
  '0030_domain_checks': sqlMigration(
    `alter table domains
      add column zone_held boolean not null default false,
      add column pending_dns_mode text check (pending_dns_mode in ('served', 'driven', 'manual')),
      add column settings_version integer not null default 1`,
    `create table domain_checks (
      domain_id uuid primary key references domains,
      checked_at timestamptz,
      due_at timestamptz,
      asked text check (asked in ('authority', 'resolver')),
      delegation jsonb,
      records jsonb not null default '[]',
      problem text,
      broken_since timestamptz,
      delegated_since timestamptz,
      created_at timestamptz not null default now()
    )`,
    // To find who had a name before.
    `create index domains_former on domains (name) where state = 'deleted'`,
    'create index domain_checks_due on domain_checks (due_at) where due_at is not null',
    `insert into domain_checks (domain_id, due_at)
      select id, now() from domains where state <> 'deleted' and name not like '%.test'`,
    // For the keys whose turn it is.
    `create index dkim_keys_age on dkim_keys (activated_at) where state = 'active'`,
    `create index dkim_keys_changing on dkim_keys (domain_id) where state <> 'active'`,
  ),
}
