/** How much there is of each product in workspaces: domains, mailboxes, and slots of their plans that are free. */
import { sql } from 'kysely'
import type { Product } from '../domains/products.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { slotRoomStatement } from './payment/slots.ts'
import { defaultServiceMapping } from './service-mapping.ts'
import type { Service } from './tables.ts'

export type Counts = {
  domains: number
  /** Those that there are or will be: not what failed or is deleted. */
  mailboxes: number
  active: number
  /** Slots of the plan that such a mailbox could have. Those that are for several products are counted for each. */
  freeSlots: number
}

/** @param workspaceId null: of all of them together. @param products null among them: what is for none. */
export type CountsOf = (workspaceId: string | null, products: readonly (Product | null)[]) => Counts

type Row = {
  workspace_id: string | null
  product: Product | null
  domains: number
  mailboxes: number
  active: number
}

/**
 * Counts in three statements, however many workspaces there are.
 * @param shown those that are asked for one by one.
 */
export async function countByProduct(
  db: Db,
  workspaceIds: readonly string[],
  shown: readonly string[],
): Promise<CountsOf> {
  const rows = await countRows(db, workspaceIds, shown)
  const { rows: slots } = await slotRoomStatement(workspaceIds).execute(db)
  const serviceOf = await servicesOf(db, workspaceIds)
  return (workspaceId, products) => {
    const counts: Counts = { domains: 0, mailboxes: 0, active: 0, freeSlots: 0 }
    for (const row of rows) {
      if (!products.includes(row.product) || (workspaceId !== null && row.workspace_id !== workspaceId))
        continue
      counts.domains += row.domains
      counts.mailboxes += row.mailboxes
      counts.active += row.active
    }
    for (const { workspaceId: id, services, allocated, used } of slots) {
      if (workspaceId !== null && id !== workspaceId) continue
      if (products.some((product) => services.includes(serviceOf(id, product))))
        counts.freeSlots += Math.max(0, allocated - used)
    }
    return counts
  }
}

async function countRows(db: Db, workspaceIds: readonly string[], shown: readonly string[]): Promise<Row[]> {
  const ids = uuidArray([...workspaceIds])
  const key = sql`case when workspace_id = any(${uuidArray([...shown])}) then workspace_id end`
  const { rows } = await sql<Row>`
    select workspace_id, product, sum(domains)::int as domains, sum(mailboxes)::int as mailboxes, sum(active)::int as active
    from (
      select ${key} as workspace_id, product, count(*) as domains, 0 as mailboxes, 0 as active
      from domains where workspace_id = any(${ids}) and state not in ('deleted', 'deletion_scheduled') group by 1, 2
      union all
      select ${key}, product, 0, count(*), count(*) filter (where state = 'active')
      from mailboxes where workspace_id = any(${ids}) and state not in ('deleted', 'deletion_scheduled', 'failed')
      group by 1, 2
    ) as counted group by 1, 2`.execute(db)
  return rows
}

/** What makes the mailboxes of a product in a workspace. */
async function servicesOf(
  db: Db,
  workspaceIds: readonly string[],
): Promise<(workspaceId: string, product: Product | null) => Service> {
  const rows = await db
    .selectFrom('service_mappings')
    .selectAll()
    .where(sql<boolean>`workspace_id = any(${uuidArray([...workspaceIds])})`)
    .execute()
  const mapped = new Map(rows.map((row) => [`${row.workspace_id} ${row.product}`, row.service]))
  return (workspaceId, product) =>
    product === null ? 'local' : (mapped.get(`${workspaceId} ${product}`) ?? defaultServiceMapping[product])
}
