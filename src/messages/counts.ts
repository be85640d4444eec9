/** What a folder's own row does not know of its messages, counted when it is asked for. */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { flagBits } from './flags.ts'
import type { Folder } from './folders.ts'

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

/** \Recent messages, as the next session to select the folder would get them, and those marked \Deleted. */
export async function countMarked(platform: Platform, folder: Folder): Promise<MarkedCounts> {
  const { rows } = await sql<MarkedCounts>`
    select count(*) filter (where uid >= ${folder.first_recent_uid}::bigint) as recent,
      count(*) filter (where flags & ${flagBits.deleted} <> 0) as deleted,
      coalesce(sum(size_bytes) filter (where flags & ${flagBits.deleted} <> 0), 0)::bigint as "deletedBytes"
    from messages where mailbox_id = ${folder.mailbox_id}::uuid and folder_id = ${folder.id}::uuid
      and (uid >= ${folder.first_recent_uid}::bigint or flags & ${flagBits.deleted} <> 0)`.execute(
    platform.db,
  )
  return rows[0] ?? { recent: 0, deleted: 0, deletedBytes: 0 }
}
