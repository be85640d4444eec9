/** What organizations are called. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import './tables.ts'

/** By id; each may be named several times. */
export async function organizationNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('organizations')
    .select(['id', 'name'])
    .where(sql<boolean>`id = any(${uuidArray([...new Set(ids)])})`)
    .execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}
