/**
 * The newest messages of many mailboxes together. Message ids sort by date (decision 0017), so that each folder gives its
 * newest from an index, and as many as the page has, whatever it holds.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { idFloor } from '../platform/ids.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { canonicalPath } from './folders.ts'
import type { MessageRef } from './many-messages.ts'
import type { SpecialUse } from './tables.ts'

/** In which folder of each mailbox: a path, or the word of its use; null: all but those of these uses. */
export type FoldersOfMany = { folder: string } | { withoutUses: readonly SpecialUse[] }

/**
 * @param mailboxIds whose messages the caller may see; each costs a look into each of its folders.
 * @param until not included; null: up to the newest.
 * @returns newest first. A message that lies in several folders is several.
 */
export async function newestOfMailboxes(
  db: Db,
  mailboxIds: readonly string[],
  folders: FoldersOfMany,
  until: Date | null,
  limit: number,
): Promise<MessageRef[]> {
  if (mailboxIds.length === 0) return []
  const older = until === null ? sql`` : sql`and messages.id < ${idFloor(until)}::uuid`
  const { rows } = await sql<MessageRef>`
    select newest.id, newest.mailbox_id as "mailboxId" from unnest(${uuidArray(mailboxIds)}) as wanted (mailbox_id)
      join folders on folders.mailbox_id = wanted.mailbox_id and folders.message_count > 0 and ${chosen(folders)}
      cross join lateral (
        select messages.id, messages.mailbox_id from messages
        where messages.mailbox_id = wanted.mailbox_id and messages.folder_id = folders.id ${older}
        order by messages.id desc limit ${limit}
      ) as newest
    order by newest.id desc limit ${limit}`.execute(db)
  return rows
}

function chosen(wanted: FoldersOfMany): RawBuilder<unknown> {
  if ('folder' in wanted) {
    const word = wanted.folder.toLowerCase()
    const use = word === 'spam' ? 'junk' : word
    return sql`(folders.path = ${canonicalPath(wanted.folder)} or folders.special_use = ${use})`
  }
  return sql`(folders.special_use is null or folders.special_use <> all(${wanted.withoutUses}::text[]))`
}
