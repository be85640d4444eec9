/** Imports as callers see them: started, listed, looked at, cancelled. ./run.ts carries them out. */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { getMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId } from '../../platform/ids.ts'
import { addJob } from '../../platform/jobs.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { MailboxOwner } from '../owner.ts'
import type { ImportFailure, ImportFormat, ImportProblem, ImportState } from './tables.ts'
import { deleteChunks, type Upload } from './uploads.ts'

export type Import = {
  id: string
  state: ImportState
  format: ImportFormat
  folder: string
  preserve: boolean
  bytes: number
  bytes_read: number
  messages_imported: number
  messages_skipped: number
  problems: ImportProblem[]
  failure: ImportFailure | null
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
  /** When it last went on. */
  seen_at: Date
  messages_read: number
  messages_duplicate: number
  own_addresses: string[] | null
  mark_as_read: boolean
}

export type ImportProgress = {
  import_id: string
  bytes: number
  bytes_read: number
  messages_imported: number
  messages_skipped: number
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'import.created': { import_id: string; format: ImportFormat; folder: string; bytes: number }
    /** At every twentieth part of it, at most. */
    'import.progress': ImportProgress
    'import.completed': ImportProgress
    'import.failed': ImportProgress & { code: string; detail: string }
    'import.cancelled': ImportProgress
  }
}

export const importColumns = [
  'id',
  'state',
  'format',
  'folder',
  'preserve',
  'bytes',
  'bytes_read',
  'messages_imported',
  'messages_skipped',
  'problems',
  'failure',
  'created_at',
  'started_at',
  'ended_at',
  'seen_at',
  'messages_read',
  'messages_duplicate',
  'own_addresses',
  'mark_as_read',
] as const

/**
 * Who may import into a mailbox, and whose mail it becomes.
 * @throws Refusal mailbox_not_found, forbidden, service_cannot where others run the mailbox.
 */
export async function requireImportRight(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<MailboxOwner> {
  requireWrite(scope)
  const mailbox = await getMailbox(platform, scope, ref)
  if (mailbox.service !== 'local')
    throw new Refusal('service_cannot', `The mail of the service "${mailbox.service}" is not kept here.`)
  return subject(mailbox)
}

/** Lets an upload be imported, after those of the mailbox that came before it. */
export async function startImport(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { id, bytes }: Upload,
): Promise<Import> {
  const row = await tx
    .updateTable('imports')
    .set({ state: 'waiting', bytes })
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', id)
    .where('state', '=', 'uploading')
    .returning(importColumns)
    .executeTakeFirst()
  if (row === undefined) throw new Refusal('mailbox_not_found') // it was purged in the meantime
  const { format, folder } = row
  const data = { import_id: id, format, folder, bytes }
  await appendEvents(platform, tx, [{ type: 'import.created', ...owner, data }])
  await addImportJob(tx, owner.mailboxId)
  return seenImport(row)
}

/** One job for a mailbox: imports of one mailbox run one after another. */
export async function addImportJob(tx: Tx, mailboxId: string): Promise<void> {
  await addJob(tx, 'imports.run', { mailbox_id: mailboxId }, { key: `imports.run:${mailboxId}` })
}

/** Newest first. @throws Refusal mailbox_not_found. */
export async function listImports(
  platform: Platform,
  scope: Scope,
  ref: string,
  page: PageRequest,
): Promise<Page<Import>> {
  const { id: mailboxId } = await getMailbox(platform, scope, ref)
  let query = platform.db
    .selectFrom('imports')
    .select(importColumns)
    .where('mailbox_id', '=', mailboxId)
    .where('state', '!=', 'uploading')
  if (page.after !== null) query = query.where('id', '<', page.after)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows.map(seenImport), page)
}

/** @throws Refusal mailbox_not_found, import_not_found. */
export async function getImport(platform: Platform, scope: Scope, ref: string, id: string): Promise<Import> {
  const { id: mailboxId } = await getMailbox(platform, scope, ref)
  const row = isId(id)
    ? await platform.db
        .selectFrom('imports')
        .select(importColumns)
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', id)
        .where('state', '!=', 'uploading')
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new Refusal('import_not_found')
  return seenImport(row)
}

/**
 * Ends an import before its time; what is in the mailbox stays there.
 * @throws Refusal mailbox_not_found, import_not_found, import_ended, forbidden.
 */
export async function cancelImport(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
): Promise<Import> {
  requireWrite(scope)
  const owner = subject(await getMailbox(platform, scope, ref, tx))
  const row = isId(id)
    ? await tx
        .selectFrom('imports')
        .select('state')
        .where('mailbox_id', '=', owner.mailboxId)
        .where('id', '=', id)
        .where('state', '!=', 'uploading')
        .forUpdate()
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new Refusal('import_not_found')
  if (!['pending_upload', 'waiting', 'running'].includes(row.state)) throw new Refusal('import_ended')
  const cancelled = await tx
    .updateTable('imports')
    .set({ state: 'cancelled', ended_at: platform.clock.now(), run_id: null })
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', id)
    .returning(importColumns)
    .executeTakeFirstOrThrow()
  await deleteChunks(tx, { mailboxId: owner.mailboxId, id })
  await appendEvents(platform, tx, [{ type: 'import.cancelled', ...owner, data: progressOf(cancelled) }])
  await addImportJob(tx, owner.mailboxId) // the next one need not wait for the minute
  return seenImport(cancelled)
}

export function progressOf(row: Omit<ImportProgress, 'import_id'> & { id: string }): ImportProgress {
  const { id, bytes, bytes_read, messages_imported, messages_skipped } = row
  return { import_id: id, bytes, bytes_read, messages_imported, messages_skipped }
}

export function seenImport(row: Omit<Import, 'state'> & { state: string }): Import {
  const { state } = row
  if (!isState(state)) throw new Error(`an import is ${state}`)
  return { ...row, state }
}

function isState(state: string): state is ImportState {
  return ['pending_upload', 'waiting', 'running', 'completed', 'failed', 'cancelled'].includes(state)
}
