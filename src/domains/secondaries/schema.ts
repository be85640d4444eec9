/** The schema of secondaries, TSIG keys and DNSSEC keys. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const secondariesMigrations: Migrations = {
  '0029_dns_transfer': sqlMigration(
    `create table tsig_keys (
      id uuid primary key,
      organization_id uuid not null references organizations,
      name text not null unique,
      algorithm text not null check (algorithm in ('hmac-sha256', 'hmac-sha384', 'hmac-sha512')),
      sealed_private_key bytea not null,
      key_id text not null,
      created_at timestamptz not null
    )`,
    `create table dns_secondaries (
      id uuid primary key,
      organization_id uuid not null references organizations,
      name text not null,
      address inet not null,
      port integer not null check (port between 1 and 65535),
      tsig_key_id uuid references tsig_keys,
      notify boolean not null,
      created_at timestamptz not null,
      unique (address, port)
    )`,
    // One row. The serial of the catalog rises when the digest of its members changes.
    `create table dns_catalog (
      id smallint primary key check (id = 1),
      serial bigint not null,
      members_digest text not null
    )`,
    `insert into dns_catalog (id, serial, members_digest) values (1, 1, '')`,
    `create table dnssec_keys (
      id uuid primary key,
      domain_id uuid not null unique references domains,
      state text not null check (state in ('pending', 'active')),
      public_key bytea,
      key_tag integer,
      sealed_private_key bytea,
      key_id text,
      created_at timestamptz not null,
      activated_at timestamptz,
      check (state = 'pending' or (public_key is not null and key_tag is not null
        and sealed_private_key is not null and key_id is not null and activated_at is not null))
    )`,
  ),
}
