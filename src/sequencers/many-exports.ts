/** The mailboxes of many exports at once, for who tells of them. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { ExportItem } from './export-pages.ts'

export type KnownItem = Pick<
  ExportItem,
  'export_id' | 'mailbox_id' | 'address' | 'state' | 'error_kind' | 'error'
>

/** By export, in the order in which they were asked for, so many of each at the most. */
export async function readManyExportItems(
  db: Db,
  exportIds: readonly string[],
  perExportMax: number,
): Promise<Map<string, KnownItem[]>> {
  if (exportIds.length === 0) return new Map()
  const { rows } = await sql<KnownItem>`
    select items.* from unnest(${uuidArray([...exportIds])}) as wanted (id) cross join lateral (
      select export_id, mailbox_id, address, state, error_kind, error from export_items
      where export_id = wanted.id order by position limit ${perExportMax}
    ) as items`.execute(db)
  return Map.groupBy(rows, ({ export_id: id }) => id)
}
