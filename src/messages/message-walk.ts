/**
 * Newest messages of some folders of a mailbox, from an index each time. Message ids sort by date (decision 0017): the
 * index on (mailbox, folder, id) has the messages of a folder in the order of a list, whatever other folders hold, and a
 * partial one has the unread. Flagged messages are few, and those of a thread, too: they are read and sorted.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { idFloor } from '../platform/ids.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { flagBits } from './flags.ts'

/** Where the walk goes. */
export type WalkSource = {
  mailboxId: string
  folderIds: readonly string[]
  /** Which messages; `thread` is an id. */
  only: 'all' | 'unread' | 'flagged' | { thread: string }
  since: Date | null
  /** Not included. */
  until: Date | null
}

export type WalkedMessage = {
  id: string
  flags: number
  keywords: string[]
  bodyId: string
  threadId: string
}

/** Each of these is looked into; of more folders the mailbox is walked as a whole. */
const foldersMergedMax = 64

/**
 * The newest of them that are older than `before`, newest first.
 * @param before an id; null: from the newest on.
 */
export async function walkMessages(
  db: Db,
  source: WalkSource,
  before: string | null,
  limit: number,
): Promise<WalkedMessage[]> {
  if (source.folderIds.length === 0) return []
  const { rows } = await walkQuery(source, idBounds(source, before), limit).execute(db)
  return rows
}

const columns = sql.raw('messages.id, flags, keywords, body_id as "bodyId", thread_id as "threadId"')

function walkQuery(
  { mailboxId, folderIds, only }: WalkSource,
  within: RawBuilder<unknown>,
  limit: number,
): RawBuilder<WalkedMessage> {
  const ofMailbox = sql`from messages where mailbox_id = ${mailboxId}::uuid`
  const inFolders = sql`and folder_id = any(${uuidArray(folderIds)})`
  if (typeof only === 'object' || only === 'flagged') {
    const those =
      only === 'flagged'
        ? sql`flags & ${sql.lit(flagBits.flagged)} <> 0`
        : sql`thread_id = ${only.thread}::uuid`
    // OFFSET 0 keeps the planner from walking by id in the hope of meeting some of them.
    return sql`select * from (select ${columns} ${ofMailbox} ${inFolders} and ${those} and ${within} offset 0) as few
      order by id desc limit ${limit}`
  }
  if (only === 'all' && folderIds.length > foldersMergedMax) {
    return sql`select ${columns} ${ofMailbox} ${inFolders} and ${within} order by messages.id desc limit ${limit}`
  }
  const unread = only === 'unread' ? sql`and flags & ${sql.lit(flagBits.seen)} = 0` : sql``
  return sql`select newest.* from unnest(${uuidArray(folderIds)}) as folder (folder_id) cross join lateral (
      select ${columns} ${ofMailbox} and messages.folder_id = folder.folder_id and ${within} ${unread}
      order by messages.id desc limit ${limit}
    ) as newest order by id desc limit ${limit}`
}

const idMax = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const latestMs = 2 ** 48 - 1

/** Dates are bounds of ids, too: an id starts with the milliseconds of its message's date. */
function idBounds({ since, until }: WalkSource, before: string | null): RawBuilder<unknown> {
  const upper = [before ?? idMax, ...(until === null ? [] : [floorOf(until)])].sort()[0]
  const from = since === null ? sql`` : sql`and messages.id >= ${floorOf(since)}::uuid`
  return sql`messages.id < ${upper}::uuid ${from}`
}

function floorOf(at: Date): string {
  return idFloor(new Date(Math.min(latestMs, Math.max(0, at.getTime()))))
}
