/** Money has come: orders of a workspace whose payment is due go to their registrars, as far as it goes. */
import { sql } from 'kysely'
import { putAside } from '../../billing/holds.ts'
import { lockPayer } from '../../billing/payers.ts'
import { isBilling } from '../../billing/settings.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { moveDomain } from '../domains.ts'
import type { Domain } from '../tables.ts'
import { holdOf, ownerOf } from './payment.ts'
import { addOrderJobs, type Order } from './store.ts'

const ordersPerTransaction = 200

/** Pays the orders that wait, the oldest first; one that there is too little for does not keep a cheaper one waiting. */
export async function settleOrders(platform: Platform, workspaceId: string): Promise<void> {
  for (let after: string | null = null; ; ) {
    const found: string[] = await findUnpaid(platform.db, workspaceId, after)
    const last = found.at(-1)
    if (last === undefined) return
    await transaction(platform.db, (tx) => payOrders(platform, tx, found))
    after = last
  }
}

/** Some of them, the oldest, in the caller's transaction. */
export async function payWaitingOrders(platform: Platform, tx: Tx, workspaceId: string): Promise<void> {
  const found = await findUnpaid(tx, workspaceId, null)
  if (found.length > 0) await payOrders(platform, tx, found)
}

async function findUnpaid(db: Db, workspaceId: string, after: string | null): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id from domain_orders
    where workspace_id = ${workspaceId}::uuid and state = 'intent' and payment = 'due'
      and (${after}::uuid is null or id > ${after}::uuid)
    order by id limit ${ordersPerTransaction}`.execute(db)
  return rows.map(({ id }) => id)
}

/** Pays those of these orders that wait, as far as the wallet goes. @returns which. */
export async function payOrders(platform: Platform, tx: Tx, ids: readonly string[]): Promise<string[]> {
  const domains = await lockDomainsOf(tx, ids)
  const { rows: orders } = await sql<Order>`select * from domain_orders
    where id = any(${uuidArray(ids)}) and state = 'intent' and payment = 'due' order by id for update`.execute(
    tx,
  )
  const [first] = orders
  if (first === undefined) return []
  const now = platform.clock.now()
  const paid = isBilling(platform) ? await putAsideFor(platform, tx, first, orders) : orders
  const paidIds = paid.map(({ id }) => id)
  await sql`update domain_orders set payment = ${isBilling(platform) ? 'held' : 'unbilled'},
      next_at = ${now}, ready_at = ${now}, updated_at = ${now}
    where id = any(${uuidArray(paidIds)})`.execute(tx)
  for (const { domain_id: domainId } of paid) {
    const domain = domains.get(domainId)
    if (domain?.state === 'pending_payment') await moveDomain(platform, tx, domain, 'registering')
  }
  await addOrderJobs(tx, paidIds)
  return paidIds
}

/** @returns those that the wallet had enough for. */
async function putAsideFor(
  platform: Platform,
  tx: Tx,
  first: Order,
  orders: readonly Order[],
): Promise<readonly Order[]> {
  const payer = await lockPayer(platform, tx, ownerOf(first), [])
  const payable = orders.filter((order) => order.price_currency === payer.wallet.currency)
  const shortfalls = await putAside(
    platform,
    tx,
    payable.map((order) => holdOf(payer, order)),
  )
  return payable.filter((_, index) => shortfalls[index] === 0)
}

/** Before their orders and the wallet, as everywhere. */
export async function lockDomainsOf(tx: Tx, orderIds: readonly string[]): Promise<Map<string, Domain>> {
  const { rows } = await sql<Domain>`select domains.* from domains
    where id in (select domain_id from domain_orders where id = any(${uuidArray(orderIds)}))
    order by id for update`.execute(tx)
  return new Map(rows.map((domain) => [domain.id, domain]))
}
