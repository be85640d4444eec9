/**
 * Reading a folder: what a session needs to select it, to follow it, and to fetch from it. Nothing here locks;
 * a session that reads while others write sees their changes by MODSEQ afterwards.
 */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { rangesTable, type UidRange } from './changes.ts'
import { flagBits } from './flags.ts'
import type { Folder } from './folders.ts'
import type { Envelope } from './mime/envelope.ts'
import type { MimePart } from './mime/structure.ts'
import { mergeUidRanges } from './uid-ranges.ts'

/** The UIDs of a folder, ascending, and the MODSEQ up to which they are true. */
export type FolderIndex = { folder: Folder; uids: number[] }

/** Selects a folder: its row and its UIDs of one moment. @returns null when it is gone. */
export async function readFolderIndex(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<FolderIndex | null> {
  return await platform.db
    .transaction()
    .setIsolationLevel('repeatable read') // one snapshot for both statements
    .setAccessMode('read only')
    .execute(async (tx) => {
      const folder = await tx
        .selectFrom('folders')
        .selectAll()
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', folderId)
        .executeTakeFirst()
      return folder ? { folder, uids: await readUids(tx, mailboxId, folderId) } : null
    })
}

/** All UIDs in one value of 8 bytes each: a row for each would cost the driver ten times as much. */
async function readUids(db: Db, mailboxId: string, folderId: string): Promise<number[]> {
  const { rows } = await sql<{ uids: Buffer | null }>`
    select string_agg(int8send(uid), ''::bytea order by uid) as uids from messages
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`.execute(db)
  const packed = rows[0]?.uids ?? Buffer.alloc(0)
  const uids = new Array<number>(packed.length / 8)
  for (let at = 0; at < uids.length; at++) {
    uids[at] = packed.readUInt32BE(at * 8) * 2 ** 32 + packed.readUInt32BE(at * 8 + 4)
  }
  return uids
}

/**
 * Takes the \Recent messages of a folder for one session (RFC 3501 §2.3.2): those that no session was told of.
 * @returns the first UID that is recent for the caller; what follows it is.
 */
export async function claimRecent(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<number | null> {
  const { rows } = await sql<{ first: number }>`
    with before as (
      select first_recent_uid as first from folders
      where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid and first_recent_uid < uidnext
      for no key update
    )
    update folders set first_recent_uid = uidnext from before
    where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid
    returning before.first`.execute(platform.db)
  return rows[0]?.first ?? null
}

export type FolderChanges = {
  /** Messages that are new or whose flags changed, in UID order, as they are now. */
  messages: { uid: number; flags: number; keywords: string[]; modseq: number }[]
  /** UIDs that were expunged, ascending. Some may be of messages that the caller never saw. */
  expunged: number[]
  highestModseq: number
  uidnext: number
}

/** What happened in a folder after a MODSEQ. @returns null when the folder is gone. */
export async function readChangesSince(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  modseq: number,
): Promise<FolderChanges | null> {
  // One statement, so one snapshot: were a message left out that changed in between, it would seem new when a
  // later call brings it, below UIDs that the session already counts.
  const { rows } = await sql<ChangeRow>`
    select highest_modseq, uidnext, news.* from folders left join lateral (
      select uid, flags, keywords, modseq, false as expunged from messages
        where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and modseq > ${modseq}::bigint
      union all
      select uid, 0, '{}', modseq, true from expunged_messages
        where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and modseq > ${modseq}::bigint
    ) news on folders.highest_modseq > ${modseq}::bigint
    where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid
    order by news.uid`.execute(platform.db)
  const [first] = rows
  if (!first) return null
  const changes: FolderChanges = {
    messages: [],
    expunged: [],
    highestModseq: first.highest_modseq,
    uidnext: first.uidnext,
  }
  for (const row of rows) {
    if (row.uid === null) continue
    if (row.expunged) changes.expunged.push(row.uid)
    else {
      const { uid, flags, keywords, modseq } = row
      changes.messages.push({ uid, flags, keywords, modseq })
    }
  }
  return changes
}

type ChangeRow = { highest_modseq: number; uidnext: number } & (
  | { uid: null }
  | { uid: number; flags: number; keywords: string[]; modseq: number; expunged: boolean }
)

/** The first message without \Seen; null when all have it. */
export async function firstUnseenUid(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<number | null> {
  const row = await platform.db
    .selectFrom('messages')
    .select('uid')
    .where('mailbox_id', '=', mailboxId)
    .where('folder_id', '=', folderId)
    .where(sql<boolean>`flags & ${flagBits.seen} = 0`)
    .orderBy('uid')
    .limit(1)
    .executeTakeFirst()
  return row?.uid ?? null
}

export type MarkedCounts = { recent: number; deleted: number; deletedBytes: number }

/** What the folder's row does not count: \Recent messages and those marked \Deleted. */
export async function countMarked(platform: Platform, folder: Folder): Promise<MarkedCounts> {
  const { rows } = await sql<MarkedCounts>`
    select count(*) filter (where uid >= ${folder.first_recent_uid}::bigint) as recent,
      count(*) filter (where flags & ${flagBits.deleted} <> 0) as deleted,
      coalesce(sum(size_bytes) filter (where flags & ${flagBits.deleted} <> 0), 0)::bigint as "deletedBytes"
    from messages where mailbox_id = ${folder.mailbox_id}::uuid and folder_id = ${folder.id}::uuid
      and (uid >= ${folder.first_recent_uid}::bigint or flags & ${flagBits.deleted} <> 0)`.execute(platform.db)
  return rows[0] ?? { recent: 0, deleted: 0, deletedBytes: 0 }
}

/** A message as FETCH and the API need it. `envelope` and `structure` only where they were asked for. */
export type MessageRow = {
  uid: number
  id: string
  modseq: number
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  body_id: string
  thread_id: string
  saved_at: Date
  envelope: Envelope | null
  structure: MimePart | null
}

/** Rows of one statement; a FETCH of more pages through them, so that memory stays flat. */
export const messageRowsMax = 500

/**
 * Messages of the ranges in UID order, at most `messageRowsMax` of them above `afterUid`.
 * @param parts whether envelope and structure are needed: they are the wide part of a row.
 */
export async function readMessages(
  db: Db | Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
  options: { parts: boolean; afterUid: number },
): Promise<MessageRow[]> {
  const found: MessageRow[] = []
  let left = mergeUidRanges(ranges).filter((range) => range.last > options.afterUid)
  while (left.length > 0 && found.length < messageRowsMax) {
    const count = rangesForOnePage(left)
    const page = left.slice(0, count)
    const lowest = options.afterUid + 1
    const clipped = page.map(({ first, last }) => ({ first: Math.max(first, lowest), last }))
    found.push(...(await readPage(db, mailboxId, folderId, clipped, options.parts)))
    left = left.slice(count)
  }
  return found.slice(0, messageRowsMax)
}

/** As many ranges as could hold a page of messages: a statement with more of them would read what it drops. */
function rangesForOnePage(ranges: readonly UidRange[]): number {
  let room = messageRowsMax
  let count = 0
  while (count < ranges.length && room > 0) {
    const range = ranges[count++]
    if (range) room -= range.last - range.first + 1
  }
  return count
}

async function readPage(
  db: Db | Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
  parts: boolean,
): Promise<MessageRow[]> {
  const wide = parts
    ? sql`bodies.envelope, bodies.structure`
    : sql`null::json as envelope, null::json as structure`
  const join = parts ? sql`join bodies on bodies.id = body_id` : sql``
  // Each range is read from the index in its order and up to a page, whatever the planner thinks of the table.
  const { rows } = await sql<MessageRow>`
    select uid, page.id, modseq, flags, keywords, internal_date, page.size_bytes, body_id, thread_id, saved_at, ${wide}
    from (
      select message.* from ${rangesTable(ranges)} cross join lateral (
        select uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id, thread_id, saved_at
        from messages where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
          and uid between ranges.first and ranges.last
        order by uid limit ${messageRowsMax}
      ) as message order by uid limit ${messageRowsMax}
    ) as page ${join} order by uid`.execute(db)
  return rows
}
