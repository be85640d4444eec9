/** The schema of agents that sign up by themselves, of the domain that they share, and of what keys show. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const signupsMigrations: Migrations = {
  '0055_agent_signups': sqlMigration(
    'alter table api_keys add column description text, add column last4 text',
    'alter table domains add column is_shared boolean not null default false',
    'create unique index domains_one_shared on domains (is_shared) where is_shared',
    // Nothing refers to the identity: its end is its mailbox's, and the row stays until the signup is cleaned up.
    `create table agent_signups (
      identity_id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces,
      mailbox_id uuid not null unique,
      api_key_id uuid not null,
      human_email text not null,
      note text not null,
      harness text,
      network text,
      code_digest bytea,
      code_key_id text,
      code_expires_at timestamptz,
      code_asked_at timestamptz not null,
      codes_asked integer not null,
      wrong_codes integer not null default 0,
      sends timestamptz[] not null default '{}',
      ends_at timestamptz not null,
      claimed_at timestamptz,
      claimed_by text,
      created_at timestamptz not null,
      check ((code_digest is null) = (code_key_id is null)),
      check ((claimed_at is null) = (claimed_by is null))
    )`,
    'create index agent_signups_human on agent_signups (human_email) where claimed_at is null',
    'create index agent_signups_workspace on agent_signups (workspace_id)',
    'create index agent_signups_ends on agent_signups (ends_at) where claimed_at is null',
    'create index agent_signups_network on agent_signups (network, created_at) where network is not null',
  ),
}
