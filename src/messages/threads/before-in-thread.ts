/** What stood in a thread before a message: for many messages at once. */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { idFloor } from '../../platform/ids.ts'
import { int4Array, uuidArray } from '../../platform/sql-arrays.ts'

export type BeforeWanted = {
  mailboxId: string
  threadId: string
  /** The message's id: ids sort by date. */
  before: string
  /** Null: from the beginning. */
  since: Date | null
  /** Of those the newest so many. */
  countMax: number
}

/**
 * The ids of the messages, oldest first, of each that was asked for in its order. Drafts, Trash, Junk and `exceptPath` are
 * left out.
 */
export async function messagesBefore(
  db: Db,
  wanted: readonly BeforeWanted[],
  exceptPath: string,
): Promise<string[][]> {
  const found = wanted.map((): string[] => [])
  if (wanted.length === 0) return found
  const since = wanted.map((one) => idFloor(one.since ?? new Date(0)))
  const { rows } = await sql<{ place: number; id: string }>`/* prepared messages_before */
    select wanted.place::int as place, older.id from unnest(
        ${uuidArray(wanted.map((one) => one.mailboxId))}, ${uuidArray(wanted.map((one) => one.threadId))},
        ${uuidArray(wanted.map((one) => one.before))}, ${uuidArray(since)},
        ${int4Array(wanted.map((one) => one.countMax))}
      ) with ordinality as wanted (mailbox_id, thread_id, before, since, count_max, place)
      cross join lateral (
        select m.id from messages m join folders f on f.mailbox_id = m.mailbox_id and f.id = m.folder_id
        where m.mailbox_id = wanted.mailbox_id and m.thread_id = wanted.thread_id
          and m.id < wanted.before and m.id >= wanted.since
          and coalesce(f.special_use, '') not in ('drafts', 'trash', 'junk') and f.path <> ${exceptPath}::text
        order by m.id desc limit wanted.count_max
      ) as older
    order by older.id`.execute(db)
  for (const { place, id } of rows) found[place - 1]?.push(id)
  return found
}
