/** Many domains at once, of whichever workspaces: for those who follow the event log, and of what is gone, too. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import './orders/tables.ts'
import type { Domain } from './tables.ts'

export type ManyDomain = Domain & {
  /** Until when it is registered here; null: elsewhere, or not yet. */
  expires_at: Date | null
}

export async function readManyDomains(db: Db, ids: readonly string[]): Promise<Map<string, ManyDomain>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<ManyDomain>`
    select domains.*, registration.expires_at
    from domains left join domain_registrations as registration on registration.domain_id = domains.id
    where domains.id = any(${uuidArray(ids)})`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
