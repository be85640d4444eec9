/** The schema of the mail store. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const messagesMigrations: Migrations = {
  '0005_messages': sqlMigration(
    // A delivery rewrites its folder's row; the free space keeps the new version on the same page, so
    // that no index changes (heap-only tuples).
    `create table folders (
      mailbox_id uuid not null,
      id uuid not null,
      path text not null,
      special_use text,
      subscribed boolean not null,
      uidvalidity bigint not null,
      uidnext bigint not null default 1,
      highest_modseq bigint not null default 1,
      message_count integer not null default 0,
      unseen_count integer not null default 0,
      size_bytes bigint not null default 0,
      first_recent_uid bigint not null default 1,
      created_at timestamptz not null,
      primary key (mailbox_id, id)
    ) with (fillfactor = 80)`,
    'create unique index folders_path on folders (mailbox_id, path)',
    `create table deleted_folders (
      mailbox_id uuid not null,
      path text not null,
      uidvalidity bigint not null,
      primary key (mailbox_id, path)
    )`,
    `create table messages (
      mailbox_id uuid not null,
      folder_id uuid not null,
      uid bigint not null,
      id uuid not null,
      modseq bigint not null,
      flags integer not null,
      keywords text[] not null,
      internal_date timestamptz not null,
      size_bytes bigint not null,
      body_id uuid not null,
      thread_id uuid not null,
      saved_at timestamptz not null,
      primary key (mailbox_id, folder_id, uid)
    )`,
    'create unique index messages_id on messages (mailbox_id, id)',
    'create index messages_modseq on messages (mailbox_id, folder_id, modseq)',
    'create index messages_thread on messages (mailbox_id, thread_id)',
    'create index messages_body on messages (body_id)',
    `create table expunged_messages (
      mailbox_id uuid not null,
      folder_id uuid not null,
      modseq bigint not null,
      uid bigint not null,
      primary key (mailbox_id, folder_id, modseq, uid)
    )`,
    // Bodies are compressed already; rows of usual mail stay on their page instead of a TOAST table.
    `create table bodies (
      id uuid primary key,
      store text not null check (store in ('postgres')),
      size_bytes bigint not null,
      content bytea,
      envelope json not null,
      structure json not null,
      created_at timestamptz not null
    ) with (toast_tuple_target = 8160)`,
    'alter table bodies alter column content set storage external',
    `create table body_chunks (
      body_id uuid not null,
      number integer not null,
      content bytea not null,
      primary key (body_id, number)
    )`,
    'alter table body_chunks alter column content set storage external',
    'create table body_holds (body_id uuid not null, holder_id uuid not null, primary key (body_id, holder_id))',
    'create table sweep_candidates (body_id uuid not null, since timestamptz not null)',
    'create index sweep_candidates_since on sweep_candidates (since)',
    `create table thread_message_ids (
      mailbox_id uuid not null,
      message_id_hash uuid not null,
      thread_id uuid not null,
      primary key (mailbox_id, message_id_hash)
    )`,
  ),
}
