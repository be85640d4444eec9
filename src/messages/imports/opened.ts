/** Imports that are opened first: a form brings the file without a key, and the import is started then. */
import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { inboxPath } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import { addImportJob, type Import, importColumns, progressOf, seenImport } from './imports.ts'
import type { ImportFormat } from './tables.ts'
import { deleteChunks, discardUpload, receiveUpload } from './uploads.ts'

const dayMs = 24 * 3600_000

export const openedLimits = {
  /** Opened by a workspace within a day. */
  perDayMax: 20,
  /** How long one waits to be started. */
  pendingMs: dayMs,
  /** How long a form may be begun to be sent. */
  targetSeconds: 300,
} as const

export type NewOpened = { format: ImportFormat; ownAddresses: string[] | null; markAsRead: boolean }

/** Where the file goes: whoever has the token may send it, once or again, until the time is over. */
export type UploadTarget = { importId: string; token: string; expiresInSeconds: number }

/**
 * @param owner of requireImportRight.
 * @throws Refusal import_limit_reached while the mailbox has one that has not ended, import_quota_reached.
 */
export async function openImport(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { format, ownAddresses, markAsRead }: NewOpened,
): Promise<{ opened: Import; target: UploadTarget }> {
  await requireTurn(platform, tx, owner)
  const now = platform.clock.now()
  const id = newId()
  const { target, columns } = newTarget(platform, id)
  const row = await tx
    .insertInto('imports')
    .values({
      mailbox_id: owner.mailboxId,
      id,
      state: 'pending_upload',
      format,
      folder: inboxPath,
      preserve: true,
      run_id: null,
      seen_at: now,
      created_at: now,
      started_at: null,
      ended_at: null,
      opened: true,
      own_addresses: ownAddresses,
      mark_as_read: markAsRead,
      ...columns,
    })
    .returning(importColumns)
    .executeTakeFirstOrThrow()
  return { opened: seenImport(row), target }
}

async function requireTurn(platform: Platform, tx: Tx, owner: MailboxOwner): Promise<void> {
  const { workspaceId, mailboxId } = owner
  await sql`select pg_advisory_xact_lock(hashtextextended(${`imports opened:${workspaceId}`}, 0))`.execute(tx)
  const now = platform.clock.now()
  const since = new Date(now.getTime() - dayMs)
  const { rows } = await sql<{ count: number; oldest: Date | null; is_busy: boolean }>`
    select count(*) filter (where imports.created_at > ${since})::int as count,
      min(imports.created_at) filter (where imports.created_at > ${since}) as oldest,
      coalesce(bool_or(mailbox_id = ${mailboxId}::uuid and imports.state in ('pending_upload', 'waiting', 'running')),
        false) as is_busy
    from imports join mailboxes on mailboxes.id = mailbox_id
    where opened and mailboxes.workspace_id = ${workspaceId}::uuid`.execute(tx)
  const [found] = rows
  if (found === undefined) return
  if (found.is_busy)
    throw new Refusal('import_limit_reached', 'The mailbox has an import that has not ended.')
  if (found.count < openedLimits.perDayMax || found.oldest === null) return
  const retryAfterSeconds = Math.max(1, Math.ceil((found.oldest.getTime() - since.getTime()) / 1000))
  throw new Refusal('import_quota_reached', undefined, { retryAfterSeconds })
}

function newTarget(platform: Platform, importId: string) {
  const token = randomBytes(32).toString('base64url')
  const expiresInSeconds = openedLimits.targetSeconds
  const expiresAt = new Date(platform.clock.now().getTime() + expiresInSeconds * 1000)
  return {
    target: { importId, token, expiresInSeconds },
    columns: { upload_token_hash: hashOf(token), upload_expires_at: expiresAt },
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** A new target; the one before is worth nothing any more. @throws Refusal import_not_found, import_not_pending. */
export async function renewTarget(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  id: string,
): Promise<UploadTarget> {
  await lockPending(tx, owner, id)
  const { target, columns } = newTarget(platform, id)
  await tx
    .updateTable('imports')
    .set(columns)
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', id)
    .execute()
  return target
}

async function lockPending(tx: Tx, { mailboxId }: MailboxOwner, id: string): Promise<{ bytes: number }> {
  const row = isId(id)
    ? await tx
        .selectFrom('imports')
        .select(['state', 'bytes'])
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', id)
        .where('state', '<>', 'uploading')
        .forUpdate()
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new Refusal('import_not_found')
  if (row.state !== 'pending_upload') throw new Refusal('import_not_pending')
  return row
}

/**
 * Takes the file of an opened import; one that was sent before is replaced.
 * @throws Refusal forbidden for a token that is none or over, payload_too_large, invalid_request for an empty file.
 */
export async function receiveOpened(
  platform: Platform,
  id: string,
  token: string,
  pieces: AsyncIterable<Buffer>,
): Promise<void> {
  const opened = isId(id)
    ? await platform.db
        .selectFrom('imports')
        .select(['mailbox_id', 'format', 'folder', 'preserve'])
        .where('id', '=', id)
        .where('state', '=', 'pending_upload')
        .where('upload_token_hash', '=', hashOf(token))
        .where('upload_expires_at', '>', platform.clock.now())
        .executeTakeFirst()
    : undefined
  if (opened === undefined) throw new Refusal('forbidden', 'The upload target is over.')
  const { mailbox_id: mailboxId, ...wanted } = opened
  const upload = await receiveUpload(platform, mailboxId, wanted, pieces)
  try {
    await transaction(platform.db, async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('imports')
        .set({ bytes: upload.bytes, seen_at: platform.clock.now() })
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', id)
        .where('state', '=', 'pending_upload')
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new Refusal('import_not_pending')
      await deleteChunks(tx, { mailboxId, id })
      await tx
        .updateTable('import_chunks')
        .set({ import_id: id })
        .where('mailbox_id', '=', mailboxId)
        .where('import_id', '=', upload.id)
        .execute()
    })
  } finally {
    await discardUpload(platform, { mailboxId, id: upload.id })
  }
}

/** @throws Refusal import_not_found, import_not_pending, import_unreadable while its file is not there. */
export async function startOpened(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  id: string,
): Promise<Import> {
  const { bytes } = await lockPending(tx, owner, id)
  if (bytes === 0) throw new Refusal('import_unreadable', 'The upload is missing.')
  const row = await tx
    .updateTable('imports')
    .set({ state: 'waiting', seen_at: platform.clock.now(), upload_token_hash: null })
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', id)
    .returning(importColumns)
    .executeTakeFirstOrThrow()
  const { format, folder } = row
  const data = { import_id: id, format, folder, bytes }
  await appendEvents(platform, tx, [{ type: 'import.created', ...owner, data }])
  await addImportJob(tx, owner.mailboxId)
  return seenImport(row)
}

/** Fails those that nobody started within a day. */
export async function endOverdue(platform: Platform, limit: number): Promise<void> {
  const now = platform.clock.now()
  const failure = { code: 'upload_overdue', detail: 'It was not started within a day.' }
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ mailbox_id: string; id: string }>`
      select mailbox_id, id from imports
      where state = 'pending_upload' and created_at < ${new Date(now.getTime() - openedLimits.pendingMs)}
      order by created_at limit ${limit} for update skip locked`.execute(tx)
    for (const { mailbox_id: mailboxId, id } of rows) {
      const ended = await tx
        .updateTable('imports')
        .set({ state: 'failed', failure: JSON.stringify(failure), ended_at: now, upload_token_hash: null })
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', id)
        .returning(['id', 'bytes', 'bytes_read', 'messages_imported', 'messages_skipped'])
        .executeTakeFirstOrThrow()
      await deleteChunks(tx, { mailboxId, id })
      const owner = await tx
        .selectFrom('mailboxes')
        .select(['organization_id', 'workspace_id'])
        .where('id', '=', mailboxId)
        .executeTakeFirst()
      if (owner === undefined) continue
      const { organization_id: organizationId, workspace_id: workspaceId } = owner
      const data = { ...progressOf(ended), ...failure }
      await appendEvents(platform, tx, [
        { type: 'import.failed', organizationId, workspaceId, mailboxId, data },
      ])
    }
  })
}
