/**
 * Removed messages: kept for as long as their mailbox's policy says, listed, brought back, and then forgotten. They are
 * in no folder and count against no quota; their bodies stay.
 */
import { sql } from 'kysely'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import { type Tx, together } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { eventsStatement } from '../platform/events.ts'
import { isId } from '../platform/ids.ts'
import type { Page } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { int8Array, uuidArray } from '../platform/sql-arrays.ts'
import { flagBits } from './flags.ts'
import type { LockedFolder } from './folder-locks.ts'
import { inboxPath } from './folders.ts'
import type { Envelope } from './mime/envelope.ts'
import type { MailboxOwner } from './owner.ts'
import { requireRoom } from './quotas.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'retention.expire': Record<string, never>
  }
}

export type DeletedMessage = {
  id: string
  folder_id: string
  folder_path: string
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  thread_id: string
  deleted_at: Date
  restore_until: Date
  envelope: Envelope
}

/** What can still be restored, newest first. @param cursor of the page before. @throws Refusal invalid_cursor. */
export async function listDeletedMessages(
  platform: Platform,
  mailboxId: string,
  page: { limit: number; cursor: string | null },
): Promise<Page<DeletedMessage>> {
  const after = page.cursor === null ? null : decodePosition(page.cursor)
  const older = after ? sql`and (deleted_at, deleted.id) < (${after.at}, ${after.id}::uuid)` : sql``
  const { rows } = await sql<DeletedMessage>`
    select deleted.id, folder_id, folder_path, flags, keywords, internal_date, deleted.size_bytes, thread_id, deleted_at,
      restore_until, envelope
    from deleted_messages as deleted join bodies on bodies.id = body_id
    where mailbox_id = ${mailboxId}::uuid and restore_until > ${platform.clock.now()} ${older}
    order by deleted_at desc, deleted.id desc limit ${page.limit + 1}`.execute(platform.db)
  const kept = rows.slice(0, page.limit)
  const last = kept.at(-1)
  return { rows: kept, nextCursor: rows.length > page.limit && last ? encodePosition(last) : null }
}

// What one command removed has one time, so that the id decides within it.
function encodePosition({ deleted_at: at, id }: DeletedMessage): string {
  const bytes = Buffer.alloc(24)
  bytes.writeBigUInt64BE(BigInt(at.getTime()))
  bytes.write(id.replaceAll('-', ''), 8, 'hex')
  return bytes.toString('base64url')
}

function decodePosition(cursor: string): { at: Date; id: string } {
  const bytes = Buffer.from(cursor, 'base64url')
  const at = new Date(bytes.length === 24 ? Number(bytes.readBigUInt64BE()) : Number.NaN)
  const id = bytes.toString('hex', 8).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  if (Number.isNaN(at.getTime()) || !isId(id)) throw new Refusal('invalid_cursor')
  return { at, id }
}

/** Messages that one call restores, at most. */
export const restoredMax = 1000

export type RestoredMessage = {
  id: string
  folderId: string
  folderPath: string
  uid: number
}

/**
 * Brings messages back: into the folder they were removed from, or INBOX when that is gone, or all into one folder.
 * They keep their ids, threads, dates and flags (but \Deleted), and get new UIDs. Those that cannot be restored (any
 * more) are left out.
 * @param ids at most `restoredMax`.
 * @throws Refusal folder_not_found, quota_exceeded.
 */
export async function restoreMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  ids: readonly string[],
  toFolderId: string | null = null,
): Promise<RestoredMessage[]> {
  const found = await lockDeleted(platform, tx, owner.mailboxId, ids.slice(0, restoredMax))
  const folderIds = toFolderId === null ? found.map((row) => row.folder_id) : [toFolderId]
  const folders = await lockTargets(tx, owner.mailboxId, folderIds)
  const inbox = folders.find(({ path }) => path === inboxPath)
  const byId = new Map(folders.map((folder) => [folder.id, { ...folder, restored: [] as RestoredMessage[] }]))
  if (!inbox || (toFolderId !== null && !byId.has(toFolderId))) throw new Refusal('folder_not_found')
  if (found.length === 0) return []
  const bytes = found.reduce((sum, row) => sum + row.size_bytes, 0)
  await requireRoom(platform, tx, owner, { bytes, messages: found.length })
  for (const row of found) {
    const target = byId.get(toFolderId ?? row.folder_id) ?? byId.get(inbox.id)
    const uid = (target?.uidnext ?? 0) + (target?.restored.length ?? 0)
    if (target) target.restored.push({ id: row.id, folderId: target.id, folderPath: target.path, uid })
  }
  const targets = [...byId.values()].filter(({ restored }) => restored.length > 0)
  await writeRestored(platform, tx, owner, targets)
  return targets.flatMap(({ restored }) => restored)
}

/**
 * The same for a caller.
 * @param ref the mailbox's id or address.
 * @throws Refusal mailbox_not_found, forbidden, and as `restoreMessages`.
 */
export async function restoreDeleted(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: { ids: readonly string[]; toFolderId: string | null },
): Promise<RestoredMessage[]> {
  requireWrite(scope)
  const owner = subject(await getMailbox(platform, scope, ref, tx))
  return await restoreMessages(platform, tx, owner, wanted.ids, wanted.toFolderId)
}

type Target = LockedFolder & { path: string; restored: RestoredMessage[] }

/** In the order in which they came into their folders. */
async function lockDeleted(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  ids: readonly string[],
): Promise<{ id: string; folder_id: string; size_bytes: number }[]> {
  const { rows } = await sql<{ id: string; folder_id: string; size_bytes: number; saved_at: Date }>`
    select id, folder_id, size_bytes, saved_at from deleted_messages
    where mailbox_id = ${mailboxId}::uuid and id = any(${uuidArray(ids)})
      and restore_until > ${platform.clock.now()}
    order by id for update`.execute(tx)
  return rows.toSorted((a, b) => a.saved_at.getTime() - b.saved_at.getTime())
}

/** Those of the folders that are there, and INBOX. */
async function lockTargets(
  tx: Tx,
  mailboxId: string,
  folderIds: readonly string[],
): Promise<(LockedFolder & { path: string })[]> {
  const { rows } = await sql<LockedFolder & { path: string }>`
    select id, path, uidvalidity, uidnext, highest_modseq from folders
    where mailbox_id = ${mailboxId}::uuid and (id = any(${uuidArray(folderIds)}) or path = ${inboxPath})
    order by mailbox_id, id for no key update`.execute(tx)
  return rows
}

async function writeRestored(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  targets: readonly Target[],
): Promise<void> {
  const { mailboxId } = owner
  const rows = targets.flatMap(({ restored, highest_modseq }) =>
    restored.map((message) => ({ ...message, modseq: highest_modseq + 1 })),
  )
  const events = targets.map(({ id, highest_modseq, restored }) => ({
    type: 'message.restored' as const,
    ...owner,
    data: {
      folder_id: id,
      highest_modseq: highest_modseq + 1,
      count: restored.length,
      message_ids: restored.map((message) => message.id),
    },
  }))
  const statement = sql`
    with back as (
      delete from deleted_messages using unnest(
        ${uuidArray(rows.map((row) => row.id))}, ${uuidArray(rows.map((row) => row.folderId))},
        ${int8Array(rows.map((row) => row.uid))}, ${int8Array(rows.map((row) => row.modseq))}
      ) as place (id, folder_id, uid, modseq)
      where mailbox_id = ${mailboxId}::uuid and deleted_messages.id = place.id
      returning place.id, place.folder_id, place.uid, place.modseq, flags & ~${sql.lit(flagBits.deleted)} as flags,
        keywords, internal_date, size_bytes, body_id, thread_id
    ), totals as (
      select folder_id, count(*)::int as count, sum(size_bytes)::bigint as bytes,
        (count(*) filter (where flags & ${sql.lit(flagBits.seen)} = 0))::int as unseen
      from back group by folder_id
    ), raised as (
      update folders set uidnext = uidnext + totals.count, highest_modseq = highest_modseq + 1,
        message_count = message_count + totals.count, unseen_count = unseen_count + totals.unseen,
        size_bytes = folders.size_bytes + totals.bytes
      from totals where mailbox_id = ${mailboxId}::uuid and id = totals.folder_id
    )
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select ${mailboxId}::uuid, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, ${platform.clock.now()}::timestamptz
    from back`
  await together(tx, [statement, eventsStatement(platform, tx, events)])
}

const expiredPerStatement = 5000

/** Forgets a batch of what can no longer be restored. @returns how many there were: below the batch's size, all. */
export async function expireDeletedMessages(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  const { rows } = await sql<{ count: number }>`
    with expired as (
      delete from deleted_messages where ctid = any(array(
        select ctid from deleted_messages where restore_until <= ${now} order by restore_until
        limit ${expiredPerStatement} for update skip locked
      )) returning body_id
    ), candidates as (
      insert into sweep_candidates (body_id, since) select distinct body_id, ${now}::timestamptz from expired
    )
    select count(*)::int as count from expired`.execute(platform.db)
  return rows[0]?.count ?? 0
}
