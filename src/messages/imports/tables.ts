/** Imports that the API takes in and a job carries out: what was asked for, how far it is, and the upload in pieces. */
import type { ColumnType, Generated } from 'kysely'
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

/** `auto`: as its first bytes say. */
export type ImportFormat = 'auto' | 'mbox' | 'eml' | 'zip'
/** `uploading` is seen by nobody: the request that sends it has not ended. */
export type StoredImportState = 'uploading' | ImportState
/** `pending_upload`: opened, and its file is not there yet, or not released. */
export type ImportState = 'pending_upload' | 'waiting' | 'running' | 'completed' | 'failed' | 'cancelled'

/** A message that was left out; where it begins in the upload, in bytes, where that can be said. */
export type ImportProblem = { what: string; reason: string; offset: number | null }

/** What ended an import that failed. */
export type ImportFailure = { code: string; detail: string }

export type ImportsTable = {
  mailbox_id: string
  id: string
  state: StoredImportState
  format: ImportFormat
  /** Where messages go whose file does not tell. */
  folder: string
  /** Whether flags, keywords and dates are taken over. */
  preserve: boolean
  bytes: Generated<number>
  bytes_read: Generated<number>
  /** Messages of the upload that are done with: a run that goes on passes over them. */
  messages_read: Generated<number>
  messages_imported: Generated<number>
  messages_skipped: Generated<number>
  problems: ColumnType<ImportProblem[], string | undefined, string>
  failure: ColumnType<ImportFailure | null, string | null | undefined, string | null>
  /** Which run it belongs to, and when that last showed that it is alive; an upload shows it, too. */
  run_id: string | null
  /** Runs that began since the last one that brought it forward. */
  tries: Generated<number>
  seen_at: Date
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
  /** Whether it was opened before its file was there. All of such an import goes to two folders, and nothing twice. */
  opened: Generated<boolean>
  /** What authors with these addresses wrote goes to Sent. */
  own_addresses: string[] | null
  mark_as_read: Generated<boolean>
  /** Messages that the mailbox had already, by their Message-ID. */
  messages_duplicate: Generated<number>
  /** Of the secret that lets a form be sent without a key, and until when. */
  upload_token_hash: Buffer | null
  upload_expires_at: Date | null
}

/** Which import brought a message; forgotten with the import. */
export type ImportedMessagesTable = { mailbox_id: string; message_id: string; import_id: string }

export type ImportChunksTable = { mailbox_id: string; import_id: string; number: number; content: Buffer }

declare module '../../platform/database.ts' {
  interface Tables {
    imports: ImportsTable
    import_chunks: ImportChunksTable
    imported_messages: ImportedMessagesTable
  }
}

export const importsMigrations: Migrations = {
  '0046_imports': sqlMigration(
    // How far it is changes with every batch.
    `create table imports (
      mailbox_id uuid not null,
      id uuid not null,
      state text not null check (state in ('uploading', 'waiting', 'running', 'completed', 'failed', 'cancelled')),
      format text not null check (format in ('mbox', 'eml', 'zip')),
      folder text not null,
      preserve boolean not null,
      bytes bigint not null default 0,
      bytes_read bigint not null default 0,
      messages_read bigint not null default 0,
      messages_imported bigint not null default 0,
      messages_skipped bigint not null default 0,
      problems jsonb not null default '[]',
      failure jsonb,
      run_id uuid,
      tries integer not null default 0,
      seen_at timestamptz not null,
      created_at timestamptz not null,
      started_at timestamptz,
      ended_at timestamptz,
      primary key (mailbox_id, id)
    ) with (fillfactor = 70)`,
    `create index imports_unfinished on imports (mailbox_id, id) where state in ('uploading', 'waiting', 'running')`,
    'create index imports_ended on imports (ended_at) where ended_at is not null',
    `create table import_chunks (
      mailbox_id uuid not null,
      import_id uuid not null,
      number integer not null,
      content bytea not null,
      primary key (mailbox_id, import_id, number)
    )`,
    // An archive does not become smaller, and pieces are read in order.
    'alter table import_chunks alter column content set storage external',
  ),
}
