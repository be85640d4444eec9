/** COPY and MOVE between folders of one mailbox (RFC 9051 §6.4.7, §6.4.8). Bodies are shared, not copied. */
import { type RawBuilder, sql } from 'kysely'
import { type Tx, together } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { computedEvent, publishAfterCommit } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { countedEvent, publishCounted } from './folder-events.ts'
import { type LockedFolder, lockStatement } from './folder-locks.ts'
import type { MailboxOwner } from './owner.ts'
import { packedUids, unpackUids } from './packed-uids.ts'
import { requireRoom } from './quotas.ts'
import { addTombstones, takeMessages, totalsOf } from './removal.ts'
import { planPruning } from './tombstones.ts'
import type { UidRange } from './uid-ranges.ts'
import { besides, selectUids, type UidSelection } from './uid-selection.ts'

export type CopyResult = {
  /** UIDVALIDITY of the destination. */
  uidvalidity: number
  /** In the same order: what was copied, and what it became. */
  sourceUids: number[]
  destinationUids: number[]
  /** The source's MODSEQ after it (MOVE only). */
  sourceModseq: number | null
}

/**
 * Copies messages with their flags, keywords, dates and threads. A copy is a new message with an id of its own.
 * @throws Refusal folder_not_found, quota_exceeded.
 */
export async function copyMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromFolderId: string,
  ranges: readonly UidRange[],
  toFolderId: string,
): Promise<CopyResult> {
  const selection = selectUids(owner.mailboxId, fromFolderId, ranges)
  const [locked, found] = await together(tx, [
    lockStatement(owner.mailboxId, [fromFolderId, toFolderId]),
    sql`${selection.prepared('copy_source')}
      select ${packedUids} as uids, coalesce(sum(size_bytes), 0)::bigint as bytes
      from messages${besides(selection)} where ${selection.where}`,
  ])
  const to = destinationOf((locked?.rows ?? []) as LockedFolder[], fromFolderId, toFolderId) // as the statement returns
  const [source] = (found?.rows ?? []) as { uids: Buffer | null; bytes: number }[] // likewise
  const sourceUids = [...unpackUids(source?.uids ?? null)]
  const destinationUids = sourceUids.map((_, index) => to.uidnext + index)
  if (sourceUids.length > 0) {
    const count = sourceUids.length
    await requireRoom(platform, tx, owner, { bytes: source?.bytes ?? 0, messages: count })
    await copyStatement(platform, owner, selection, count, toFolderId).execute(tx)
    const done = { modseq: to.highest_modseq + 1, count }
    publishCounted(platform, tx, owner, { type: 'message.copied', folderId: toFolderId }, done)
  }
  return { uidvalidity: to.uidvalidity, sourceUids, destinationUids, sourceModseq: null }
}

/** @param count how many messages are selected, in a folder that is locked: each copy gets an id. */
function copyStatement(
  platform: Platform,
  owner: MailboxOwner,
  selection: UidSelection,
  count: number,
  toFolderId: string,
): RawBuilder<unknown> {
  const { mailboxId } = owner
  const ids = Array.from({ length: count }, () => newId())
  return sql`${selection.prepared('copy_messages')}
    with source as materialized (
      select row_number() over (order by uid) as place, id, flags, keywords, internal_date, size_bytes, body_id, thread_id
      from messages${besides(selection)} where ${selection.where}
    ), totals as (
      ${totalsOf('source')}
    ), target as (
      update folders set uidnext = uidnext + totals.count, highest_modseq = highest_modseq + 1,
        message_count = message_count + totals.count, unseen_count = unseen_count + totals.unseen,
        size_bytes = folders.size_bytes + totals.bytes
      from totals where mailbox_id = ${mailboxId}::uuid and id = ${toFolderId}::uuid
      returning uidnext - totals.count - 1 as last_uid, highest_modseq as modseq
    ), stored as (
      insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, saved_at)
      select ${mailboxId}::uuid, ${toFolderId}::uuid, target.last_uid + place,
        ${idWithDateOf(sql`source.id`, sql`(${uuidArray(ids)})[place]`)}, target.modseq, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, ${platform.clock.now()}::timestamptz
      from source, target
    )
    ${countedEvent(platform, owner, { type: 'message.copied', folderId: toFolderId }, sql`target, totals`)}`
}

/** A new id with the time of another: ids of messages sort by their dates (decision 0017). */
function idWithDateOf(id: RawBuilder<unknown>, fresh: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(left(${id}::text, 13) || substr((${fresh})::text, 14))::uuid`
}

/**
 * Moves messages: they keep their ids and threads, and get new UIDs. Moving within one folder gives new UIDs too.
 * @throws Refusal folder_not_found.
 */
export async function moveMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromFolderId: string,
  ranges: readonly UidRange[],
  toFolderId: string,
): Promise<CopyResult> {
  const [locked, moved] = await together(tx, [
    lockStatement(owner.mailboxId, [fromFolderId, toFolderId]),
    moveStatement(platform, owner, fromFolderId, ranges, toFolderId),
  ])
  const to = destinationOf((locked?.rows ?? []) as LockedFolder[], fromFolderId, toFolderId) // as the statement returns
  const [row] = (moved?.rows ?? []) as MovedRow[] // likewise
  const sourceUids = [...unpackUids(row?.uids ?? null)]
  const count = sourceUids.length
  const destinationUids = sourceUids.map((_, index) => to.uidnext + index)
  const result = { uidvalidity: to.uidvalidity, sourceUids, destinationUids }
  if (!row || count === 0) return { ...result, sourceModseq: null }
  await planPruning(platform, tx, owner.mailboxId, fromFolderId, {
    removedEver: row.removedEver,
    removed: count,
  })
  const data = {
    folder_id: toFolderId,
    highest_modseq: row.targetModseq,
    count,
    from_folder_id: fromFolderId,
  }
  publishAfterCommit(platform, tx, [{ type: 'message.moved', ...owner, data }])
  return { ...result, sourceModseq: row.sourceModseq }
}

/** No row when nothing was moved. */
type MovedRow = { uids: Buffer | null; sourceModseq: number; targetModseq: number; removedEver: number }

/**
 * Everything of a move. Within one folder the messages first go, at one MODSEQ, and then come back at the next.
 * Ids are unique in the mailbox: the sort that numbers the messages has taken all of them away before one is put back.
 */
function moveStatement(
  platform: Platform,
  owner: MailboxOwner,
  fromFolderId: string,
  ranges: readonly UidRange[],
  toFolderId: string,
): RawBuilder<unknown> {
  const { mailboxId } = owner
  const selection = selectUids(mailboxId, fromFolderId, ranges)
  const isFrom = sql`(id = ${fromFolderId}::uuid)::int`
  const isTo = sql`(id = ${toFolderId}::uuid)::int`
  const data = sql`jsonb_build_object('folder_id', ${toFolderId}::text, 'highest_modseq', target.modseq,
    'count', totals.count, 'from_folder_id', ${fromFolderId}::text)`
  return sql`${selection.prepared('move_messages')}
    with gone as (
      ${takeMessages(selection)}
    ), totals as (
      ${totalsOf('gone')}
    ), changed as (
      update folders set uidnext = uidnext + totals.count * ${isTo},
        highest_modseq = highest_modseq + ${isFrom} + ${isTo},
        message_count = message_count + totals.count * (${isTo} - ${isFrom}),
        unseen_count = unseen_count + totals.unseen * (${isTo} - ${isFrom}),
        size_bytes = folders.size_bytes + totals.bytes * (${isTo} - ${isFrom})
      from totals where mailbox_id = ${mailboxId}::uuid and totals.count > 0
        and id = any(${uuidArray([fromFolderId, toFolderId])})
      returning id, uidnext, highest_modseq, message_count
    ), source as (
      select highest_modseq - ${isTo} as modseq, uidnext - 1 - message_count as removed_ever
      from changed where id = ${fromFolderId}::uuid
    ), target as (
      select highest_modseq as modseq, uidnext - totals.count - 1 as last_uid
      from changed, totals where id = ${toFolderId}::uuid
    ), tombstones as (
      ${addTombstones(platform, mailboxId, fromFolderId, sql`gone, source`)}
    ), placed as (
      select *, row_number() over (order by uid) as place from gone
    ), stored as (
      insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, saved_at)
      select ${mailboxId}::uuid, ${toFolderId}::uuid, target.last_uid + place, id, target.modseq, flags, keywords,
        internal_date, size_bytes, body_id, thread_id, ${platform.clock.now()}::timestamptz
      from placed, target
    ), event as (
      ${computedEvent(platform, { type: 'message.moved', ...owner }, data, sql`target, totals`)}
    )
    select (select ${packedUids} from gone) as uids, source.modseq as "sourceModseq", target.modseq as "targetModseq",
      source.removed_ever as "removedEver"
    from source, target`
}

/** @throws Refusal folder_not_found when one of the two is gone. */
function destinationOf(locked: readonly LockedFolder[], fromId: string, toId: string): LockedFolder {
  const to = locked.find(({ id }) => id === toId)
  if (!to || !locked.some(({ id }) => id === fromId)) throw new Refusal('folder_not_found')
  return to
}

/** Locks folders in the order that everyone locks them in (decision 0012). @throws Refusal folder_not_found. */
export async function lockFolders(
  tx: Tx,
  mailboxId: string,
  folderIds: readonly string[],
): Promise<LockedFolder[]> {
  const { rows } = await lockStatement(mailboxId, folderIds).execute(tx)
  if (rows.length !== new Set(folderIds).size) throw new Refusal('folder_not_found')
  return rows
}
