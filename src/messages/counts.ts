/** What a folder's own row does not know of its messages, counted when it is asked for. */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { int8Array, uuidArray } from '../platform/sql-arrays.ts'
import { flagBits } from './flags.ts'
import type { Folder } from './folders.ts'

export type MarkedCounts = { recent: number; deleted: number; deletedBytes: number }

/** \Recent messages, as the next session to select the folder would get them, and those marked \Deleted. */
export async function countMarked(platform: Platform, folder: Folder): Promise<MarkedCounts> {
  const inFolder = sql`mailbox_id = ${folder.mailbox_id}::uuid and folder_id = ${folder.id}::uuid`
  // The bit as a literal: else the partial index of \Deleted messages would not be found.
  const { rows } = await sql<MarkedCounts>`/* prepared count_marked */
    select marked.*, (
      select count(*) from messages where ${inFolder} and uid >= ${folder.first_recent_uid}::bigint
    ) as recent
    from (
      select count(*) as deleted, coalesce(sum(size_bytes), 0)::bigint as "deletedBytes"
      from messages where ${inFolder} and flags & ${sql.lit(flagBits.deleted)} <> 0
    ) as marked`.execute(platform.db)
  return rows[0] ?? { recent: 0, deleted: 0, deletedBytes: 0 }
}

/** The same for folders of one mailbox, in one statement. @returns the counts by folder id. */
export async function countMarkedOf(
  platform: Platform,
  folders: readonly Folder[],
): Promise<Map<string, MarkedCounts>> {
  const [first] = folders
  if (first === undefined) return new Map()
  const inFolder = sql`mailbox_id = ${first.mailbox_id}::uuid and folder_id = wanted.id`
  const { rows } = await sql<MarkedCounts & { id: string }>`
    select wanted.id, marked.*, (
      select count(*) from messages where ${inFolder} and uid >= wanted.recent_from
    ) as recent
    from unnest(
      ${uuidArray(folders.map((folder) => folder.id))}, ${int8Array(folders.map((folder) => folder.first_recent_uid))}
    ) as wanted (id, recent_from)
      cross join lateral (
        select count(*) as deleted, coalesce(sum(size_bytes), 0)::bigint as "deletedBytes"
        from messages where ${inFolder} and flags & ${sql.lit(flagBits.deleted)} <> 0
      ) as marked`.execute(platform.db)
  return new Map(rows.map(({ id, ...counts }) => [id, counts]))
}
