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
  '0007_folder_sync': sqlMigration(
    // Tombstones of expunges at a MODSEQ at or below it may be gone.
    'alter table folders add column tombstones_from_modseq bigint not null default 0',
    // For the keywords in use in a folder. A message without any, as delivered, is not in it and pays nothing.
    "create index messages_keyworded on messages (mailbox_id, folder_id, uid) where keywords <> '{}'",
  ),
  '0008_search_index': sqlMigration(
    // All messages of the folder up to indexed_uid have documents; those up to sealed_uid that are left are in segments.
    // Tombstones up to cleaned_modseq were looked at. The last two count the documents behind sealed_uid.
    `create table search_folders (
      mailbox_id uuid not null,
      folder_id uuid not null,
      indexed_uid bigint not null,
      sealed_uid bigint not null,
      cleaned_modseq bigint not null,
      open_documents integer not null,
      open_chars bigint not null,
      primary key (mailbox_id, folder_id)
    )`,
    // A message's search document in two tables: what is short is found in few pages. All texts are compared by bytes.
    `create table search_fields (
      mailbox_id uuid not null,
      folder_id uuid not null,
      uid bigint not null,
      subject text collate "C",
      sender text collate "C",
      recipients text collate "C",
      cc text collate "C",
      bcc text collate "C",
      sent_day text collate "C",
      has_attachment boolean not null,
      primary key (mailbox_id, folder_id, uid)
    )`,
    // Texts of usual mail stay on their page, where they are compared fastest.
    `create table search_texts (
      mailbox_id uuid not null,
      folder_id uuid not null,
      uid bigint not null,
      header text collate "C" not null,
      content text collate "C" not null,
      is_cut boolean not null,
      primary key (mailbox_id, folder_id, uid)
    ) with (toast_tuple_target = 4080)`,
    // lz4 reads five times as fast as the older method; not every server is built with it.
    `do $$ begin
      alter table search_texts alter column header set compression lz4, alter column content set compression lz4;
    exception when feature_not_supported then null;
    end $$`,
    // The grams of a folder's documents from first_uid to last_uid; the level is how often they were merged.
    `create table search_segments (
      mailbox_id uuid not null,
      folder_id uuid not null,
      level smallint not null,
      first_uid bigint not null,
      last_uid bigint not null,
      document_count integer not null,
      cut_uids bigint[] not null,
      primary key (mailbox_id, folder_id, first_uid)
    )`,
    `create table search_grams (
      mailbox_id uuid not null,
      folder_id uuid not null,
      field smallint not null,
      level smallint not null,
      first_uid bigint not null,
      first_gram integer not null,
      postings bytea not null,
      primary key (mailbox_id, folder_id, field, level, first_uid, first_gram)
    )`,
    'alter table search_grams alter column postings set storage external',
    // Flags have no other index, and MODSEQ, which changes with them, has one anyway. A message as delivered is not in it.
    'create index messages_flagged on messages (mailbox_id, folder_id, uid) where flags & 4 <> 0',
    // Where a message joins two threads, the Message-IDs of one move to the other.
    'create index thread_message_ids_thread on thread_message_ids (mailbox_id, thread_id)',
  ),
  '0009_quotas_and_annotations': sqlMigration(
    // A subscription outlives its folder (RFC 9051 §6.3.7). One that has a folder is a column of the folder's row.
    `create table lost_subscriptions (
      mailbox_id uuid not null,
      path text not null,
      primary key (mailbox_id, path)
    )`,
    // Under the nil UUID stand the entries that belong to no folder (RFC 5464 §3.2.1.1).
    `create table annotations (
      mailbox_id uuid not null,
      folder_id uuid not null,
      entry text not null,
      value bytea not null,
      primary key (mailbox_id, folder_id, entry)
    )`,
  ),
  '0010_policies_and_retention': sqlMigration(
    `create table mail_policies (
      workspace_id uuid not null,
      mailbox_id uuid,
      quota_bytes bigint,
      quota_messages bigint,
      trash_days integer,
      junk_days integer,
      restore_days integer,
      pop3_keep_days integer,
      updated_at timestamptz not null,
      constraint mail_policies_level unique nulls not distinct (workspace_id, mailbox_id)
    )`,
    `create table deleted_messages (
      mailbox_id uuid not null,
      id uuid not null,
      folder_id uuid not null,
      folder_path text not null,
      flags integer not null,
      keywords text[] not null,
      internal_date timestamptz not null,
      size_bytes bigint not null,
      body_id uuid not null,
      thread_id uuid not null,
      saved_at timestamptz not null,
      deleted_at timestamptz not null,
      restore_until timestamptz not null,
      primary key (mailbox_id, id)
    )`,
    'create index deleted_messages_newest on deleted_messages (mailbox_id, deleted_at, id)',
    'create index deleted_messages_body on deleted_messages (body_id)',
    'create index deleted_messages_expiry on deleted_messages (restore_until)',
    // EXPUNGE and CLOSE find what is marked without reading the folder. Flags have no other index, and MODSEQ, which
    // changes with them, has one anyway.
    'create index messages_deleted on messages (mailbox_id, folder_id, uid) where flags & 8 <> 0',
    // Neither column of the index changes with a delivery, so that those stay heap-only.
    "alter table folders add column clean_up_at timestamptz not null default 'epoch'",
    "create index folders_clean_up on folders (clean_up_at) where special_use in ('trash', 'junk')",
    'alter table expunged_messages add column expunged_at timestamptz not null default now()',
    'create index expunged_messages_age on expunged_messages (expunged_at)',
  ),
  '0013_maildrops': sqlMigration(
    // Rows come and go with POP3 sessions, and their ends move on.
    `create table maildrop_locks (
      mailbox_id uuid primary key,
      holder_id uuid not null,
      expires_at timestamptz not null
    ) with (fillfactor = 70)`,
    // Of INBOX, whose UIDs are never used again.
    `create table maildrop_retrievals (
      mailbox_id uuid not null,
      uid bigint not null,
      retrieved_at timestamptz not null,
      primary key (mailbox_id, uid)
    )`,
    'create index maildrop_retrievals_age on maildrop_retrievals (retrieved_at)',
  ),
  '0012_previews': sqlMigration('alter table bodies add column preview text'),
  '0014_imap_copies': sqlMigration(
    // How far each folder of another server was copied (transfer/imap-copy.ts).
    `create table imap_copies (
      mailbox_id uuid not null,
      source text not null,
      path text not null,
      uidvalidity bigint not null,
      last_uid bigint not null,
      primary key (mailbox_id, source, path)
    )`,
  ),
  '0017_trust': sqlMigration('alter table bodies add column trust jsonb'),
  '0047_message_lists': sqlMigration(
    // A folder's list is by date, and so by id. No other index has a small or old folder of a large mailbox in that order.
    'create index messages_newest on messages (mailbox_id, folder_id, id)',
    // A program asks again and again for what is unread: the few of a million must not be searched for each time.
    'create index messages_unseen on messages (mailbox_id, folder_id, id) where flags & 1 = 0',
  ),
}
