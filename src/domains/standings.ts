/** How domains stand, read in sets: what was last seen of their records, and their DKIM keys. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { StoredCheck } from './checks/store.ts'
import type { DkimKeysTable } from './tables.ts'

export type DomainStanding = {
  /** Null: nobody looks at it, because it is a sandbox's. */
  check: StoredCheck | null
  /** Newest first. */
  keys: readonly Pick<DkimKeysTable, 'selector' | 'state' | 'algorithm'>[]
}

/** @returns one for each of the domains. */
export async function standingsOf(
  db: Db,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, DomainStanding>> {
  const checks = await db
    .selectFrom('domain_checks')
    .selectAll()
    .where(sql<boolean>`domain_id = any(${uuidArray(domainIds)})`)
    .execute()
  const keys = await db
    .selectFrom('dkim_keys')
    .select(['domain_id', 'selector', 'state', 'algorithm'])
    .where(sql<boolean>`domain_id = any(${uuidArray(domainIds)})`)
    .orderBy('id', 'desc')
    .execute()
  const checkOf = new Map(checks.map((check) => [check.domain_id, check]))
  const keysOf = Map.groupBy(keys, (key) => key.domain_id)
  return new Map(domainIds.map((id) => [id, { check: checkOf.get(id) ?? null, keys: keysOf.get(id) ?? [] }]))
}
