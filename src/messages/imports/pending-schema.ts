/** Imports that are opened before their file is there, and what they do with what they read. */
export const pendingUploadsSql: readonly string[] = [
  'alter table imports drop constraint imports_state_check, drop constraint imports_format_check',
  `alter table imports
    add constraint imports_state_check check
      (state in ('pending_upload', 'uploading', 'waiting', 'running', 'completed', 'failed', 'cancelled')),
    add constraint imports_format_check check (format in ('auto', 'mbox', 'eml', 'zip')),
    add column opened boolean not null default false,
    add column own_addresses text[],
    add column mark_as_read boolean not null default false,
    add column messages_duplicate bigint not null default 0,
    add column upload_token_hash bytea,
    add column upload_expires_at timestamptz`,
  `create index imports_pending on imports (created_at) where state = 'pending_upload'`,
  'create index imports_opened on imports (created_at) where opened',
  `create table imported_messages (
    mailbox_id uuid not null,
    message_id uuid not null,
    import_id uuid not null,
    primary key (mailbox_id, message_id),
    foreign key (mailbox_id, import_id) references imports on delete cascade
  )`,
  'create index imported_messages_of on imported_messages (mailbox_id, import_id)',
]
