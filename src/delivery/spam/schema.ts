/** The schema of the spam filter. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const spamMigrations: Migrations = {
  '0019_spam': sqlMigration(
    `create table sender_lists (
      id uuid primary key,
      scope text not null check (scope in ('mailbox', 'domain', 'workspace')),
      scope_id uuid not null,
      workspace_id uuid not null,
      kind text not null check (kind in ('allow', 'block')),
      pattern text not null collate "C",
      created_at timestamptz not null,
      constraint sender_lists_pattern unique (scope_id, pattern)
    )`,
    'create index sender_lists_page on sender_lists (scope_id, id)',
    `create table sender_list_modes (
      mailbox_id uuid primary key,
      workspace_id uuid not null,
      mode text not null check (mode in ('open', 'allow_list'))
    )`,
    `create table greylist_triplets (
      triplet uuid primary key,
      first_seen timestamptz not null,
      passed boolean not null,
      expires_at timestamptz not null
    )`,
    'create index greylist_triplets_expiry on greylist_triplets (expires_at)',
    `create table spam_totals (workspace_id uuid primary key, spam integer not null, ham integer not null)`,
    `create table spam_tokens (
      workspace_id uuid not null,
      token bigint not null,
      spam integer not null,
      ham integer not null,
      taught_on date not null,
      primary key (workspace_id, token)
    ) with (fillfactor = 80)`,
    'create index spam_tokens_age on spam_tokens (workspace_id, taught_on)',
    `create table spam_taught (
      workspace_id uuid not null,
      body_id uuid not null,
      kind text not null check (kind in ('spam', 'ham')),
      taught_at timestamptz not null,
      primary key (workspace_id, body_id)
    )`,
    'create index spam_taught_age on spam_taught (taught_at)',
  ),
}
