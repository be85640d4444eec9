/** Lists for both directions, with what came with them: uploads that wait for their file, and default domains. */
import { defaultDomainsSql } from '../../domains/default-domain-schema.ts'
import { pendingUploadsSql } from '../../messages/imports/pending-schema.ts'
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const directionsMigrations: Migrations = {
  '0056_list_directions': sqlMigration(
    `alter table sender_lists
      add column direction text not null default 'inbound' check (direction in ('inbound', 'outbound', 'both')),
      add column paused boolean not null default false,
      add column updated_at timestamptz,
      drop constraint sender_lists_pattern`,
    'update sender_lists set updated_at = created_at',
    'alter table sender_lists alter column updated_at set not null',
    `create unique index sender_lists_inbound on sender_lists (scope_id, pattern) where direction <> 'outbound'`,
    `create unique index sender_lists_outbound on sender_lists (scope_id, pattern) where direction <> 'inbound'`,
    `create index sender_lists_of_mailboxes on sender_lists (workspace_id, id) where scope = 'mailbox'`,
    `alter table sender_list_modes
      add column outbound_mode text not null default 'open' check (outbound_mode in ('open', 'allow_list'))`,
    ...defaultDomainsSql,
    ...pendingUploadsSql,
  ),
}
