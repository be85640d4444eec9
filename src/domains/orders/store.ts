/** Orders as rows: found, listed, claimed by the one who works on them, and written with their events. */

import { randomUUID } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { columnList } from '../../platform/column-list.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId } from '../../platform/ids.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Money } from '../../platform/money.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { DomainOrdersTable, OrderEvent, OrderState } from './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'orders.advance': { order_id: string }
    'orders.resume': Record<string, never>
  }
}

export type Order = Selectable<DomainOrdersTable>

export type OrderFilter = { state: OrderState | null; domainId: string | null }

/** The workspace's orders, oldest first. */
export async function listOrders(
  platform: Platform,
  scope: Scope,
  filter: OrderFilter,
  page: PageRequest,
): Promise<Page<Order>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(filter.state !== null, (query) => query.where(sql<boolean>`state = ${filter.state}`))
    .$if(filter.domainId !== null, (query) => query.where(sql<boolean>`domain_id = ${filter.domainId}::uuid`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal order_not_found, forbidden. */
export async function getOrder(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Order> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('order_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db.selectFrom('domain_orders').selectAll().where('workspace_id', '=', scope.workspaceId)
}

const recentMax = 20

/** A domain's orders, newest first. */
export async function recentOrders(db: Db, domainId: string): Promise<Order[]> {
  return await db
    .selectFrom('domain_orders')
    .selectAll()
    .where('domain_id', '=', domainId)
    .orderBy('id', 'desc')
    .limit(recentMax)
    .execute()
}

const orderColumns = columnList<DomainOrdersTable>({
  id: true,
  organization_id: true,
  workspace_id: true,
  domain_id: true,
  name: true,
  kind: true,
  registrar: true,
  years: true,
  state: true,
  cost_amount: true,
  cost_currency: true,
  price_amount: true,
  price_currency: true,
  premium: true,
  actual_amount: true,
  quote_id: true,
  contact_id: true,
  automatic: true,
  payment: true,
  expires_before: true,
  ready_at: true,
  sends: true,
  sent_at: true,
  looks: true,
  next_at: true,
  lease_token: true,
  leased_until: true,
  failure_code: true,
  remote_message: true,
  remote_reference: true,
  created_at: true,
  updated_at: true,
  finished_at: true,
})

export type LatestOrders = { register: Order | null; renew: Order | null }

/** The newest order of each kind, of each of the domains that has one. */
export async function latestOrders(
  db: Db,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, LatestOrders>> {
  const { rows } = await sql<Order>`/* prepared latest_domain_orders */
    select distinct on (domain_id, kind) ${orderColumns} from domain_orders
    where domain_id = any(${uuidArray(domainIds)}) order by domain_id, kind, id desc`.execute(db)
  const found = new Map<string, LatestOrders>()
  for (const order of rows) {
    const others = found.get(order.domain_id) ?? { register: null, renew: null }
    found.set(order.domain_id, { ...others, [order.kind]: order })
  }
  return found
}

export function priceOfOrder(order: Order): Money {
  return { amount: order.price_amount, currency: order.price_currency }
}

export function orderEvent(order: Order): OrderEvent {
  return {
    order_id: order.id,
    domain_id: order.domain_id,
    name: order.name,
    kind: order.kind,
    state: order.state,
    price_amount: order.price_amount,
    price_currency: order.price_currency,
  }
}

/** A job for each; one that is there and has not begun is not doubled. */
export async function addOrderJobs(tx: Tx, orderIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    orderIds.map((id) => ({
      name: 'orders.advance' as const,
      payload: { order_id: id },
      key: `orders.advance:${id}`,
    })),
  )
}

/** Longer than all calls of one look at an order can take together. */
const leaseSeconds = 300

/**
 * Takes an order that is not finished, so that nobody else works on it. A node that dies gives it back by the end of
 * the lease, which the database's clock decides.
 * @returns null when it is finished, or somebody has it.
 */
export async function claimOrder(db: Db, id: string): Promise<ClaimedOrder | null> {
  const { rows } = await sql<ClaimedOrder>`
    update domain_orders set lease_token = ${randomUUID()}::uuid,
      leased_until = now() + make_interval(secs => ${leaseSeconds})
    where id = ${id}::uuid and state not in ('done', 'failed') and payment <> 'due'
      and (leased_until is null or leased_until < now())
    returning *`.execute(db)
  return rows[0] ?? null
}

export type ClaimedOrder = Order & { lease_token: string }

export type OrderChanges = Partial<
  Omit<Order, 'id' | 'domain_id' | 'lease_token' | 'leased_until' | 'organization_id' | 'workspace_id'>
>

/**
 * Writes what became of a claimed order; `keeps` goes on with it, else it is given back.
 * @returns null when the lease was lost: then somebody else decides, and nothing is written.
 */
export async function writeOrder(
  platform: Platform,
  tx: Tx,
  before: ClaimedOrder,
  changes: OrderChanges,
  keeps = false,
): Promise<ClaimedOrder | null> {
  const now = platform.clock.now()
  const row = await tx
    .updateTable('domain_orders')
    .set({ ...changes, updated_at: now, ...(keeps ? {} : { leased_until: null }) })
    .where('id', '=', before.id)
    .where('lease_token', '=', before.lease_token)
    .where('state', '=', before.state)
    .returningAll()
    .executeTakeFirst()
  if (!row) return null
  if (row.state !== before.state) {
    await appendEvents(platform, tx, [
      {
        type: 'domain.order_state_changed',
        organizationId: row.organization_id,
        workspaceId: row.workspace_id,
        data: { ...orderEvent(row), from: before.state, failure_code: row.failure_code },
      },
    ])
  }
  return { ...row, lease_token: before.lease_token }
}

const resumedMax = 500

/** The orders that are due, also those whose job died with its node. */
export async function findDueOrders(tx: Tx, now: Date): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from domain_orders
    where state not in ('done', 'failed') and payment <> 'due' and next_at <= ${now}
      and (leased_until is null or leased_until < now())
    order by next_at limit ${resumedMax}`.execute(tx)
  return rows.map(({ id }) => id)
}
