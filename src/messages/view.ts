/** Reading messages of a folder, and taking those that are \Recent. Selecting a folder is in folder-index.ts. */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { chunkBytes } from './bodies.ts'
import { type BodyReader, batchBytesMax, readerOf } from './bodies-read.ts'
import { noteCounters } from './known-folders.ts'
import type { Envelope } from './mime/envelope.ts'
import type { MimePart } from './mime/structure.ts'
import { mergeUidRanges, rangesTable, type UidRange } from './uid-ranges.ts'

/**
 * Takes the \Recent messages of a folder for one session (RFC 3501 §2.3.2): those that no session was told of.
 * @returns the first UID that is recent for the caller; what follows it is.
 */
export async function claimRecent(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<number | null> {
  const { rows } = await sql<{ first: number }>`/* prepared claim_recent */
    with before as (
      select first_recent_uid as first from folders
      where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid and first_recent_uid < uidnext
      for no key update
    )
    update folders set first_recent_uid = uidnext from before
    where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid
    returning before.first`.execute(platform.db)
  const first = rows[0]?.first ?? null
  if (first !== null) noteCounters(platform, mailboxId, folderId)
  return first
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

/** What is read besides the row: it has to be parsed, and often only one of the two is asked for. */
export type MessageParts = 'none' | 'envelope' | 'structure' | 'both'

/** Rows of one statement; a FETCH of more pages through them, so that memory stays flat. */
export const messageRowsMax = 500

/**
 * Messages of the ranges in UID order, at most `messageRowsMax` of them above `afterUid`.
 * @param options.parts which of envelope and structure are needed: they are the wide part of a row.
 */
export async function readMessages(
  db: Db | Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
  options: { parts: MessageParts; afterUid: number },
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

/** So many messages can be read together with their bodies: of each comes a chunk at most. */
export const bodiedMessagesMax = Math.floor(batchBytesMax / chunkBytes)

/** The messages of a few UIDs and readers of their bodies, in one statement; otherwise as `readMessages`. */
export async function readMessagesWithBodies(
  db: Db,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
  parts: MessageParts,
): Promise<{ row: MessageRow; frame: Buffer; body: BodyReader }[]> {
  const rows = await readPage(db, mailboxId, folderId, ranges, parts, true)
  return rows.flatMap(({ frame, ...row }) =>
    frame === null
      ? []
      : [{ row, frame, body: readerOf(db, { id: row.body_id, size_bytes: row.size_bytes, frame }) }],
  )
}

async function readPage(
  db: Db | Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
  parts: MessageParts,
  withFrame = false,
): Promise<(MessageRow & { frame: Buffer | null })[]> {
  const column = (name: 'envelope' | 'structure') =>
    parts === name || parts === 'both' ? sql`bodies.${sql.ref(name)}` : sql`null::json as ${sql.ref(name)}`
  const join = parts === 'none' && !withFrame ? sql`` : sql`join bodies on bodies.id = page.body_id`
  const frame = withFrame ? sql`coalesce(bodies.content, body_chunks.content)` : sql`null::bytea`
  const firstChunk = sql`left join body_chunks
    on bodies.content is null and body_chunks.body_id = bodies.id and body_chunks.number = 0`
  // Each range is read from the index in its order and up to a page, whatever the planner thinks of the table.
  const { rows } = await sql<MessageRow & { frame: Buffer | null }>`
    /* prepared read_messages_${sql.raw(withFrame ? `${parts}_body` : parts)} */
    select uid, page.id, modseq, flags, keywords, internal_date, page.size_bytes, page.body_id, thread_id, saved_at,
      ${column('envelope')}, ${column('structure')}, ${frame} as frame
    from (
      select message.* from ${rangesTable(ranges)} cross join lateral (
        select uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id, thread_id, saved_at
        from messages where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
          and uid between ranges.first and ranges.last
        order by uid limit ${sql.lit(messageRowsMax)}
      ) as message order by uid limit ${sql.lit(messageRowsMax)}
    ) as page ${join} ${withFrame ? firstChunk : sql``} order by uid`.execute(db)
  return rows
}
