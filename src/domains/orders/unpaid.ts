/** Orders that nobody paid for in time end, and a domain that was to be registered ends with them. */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Domain } from '../tables.ts'
import { lockDomainsOf } from './settle-payment.ts'
import { type Order, orderEvent } from './store.ts'

/** Removes a locked new domain: mailboxes, which may wait on it, stand on the floor above. */
export type RemoveUnpaid = (platform: Platform, tx: Tx, domain: Domain) => Promise<void>

const endedPerRun = 200

/** Fails the orders whose time to be paid is over: that of a renewal is when the registration ends. */
export async function endUnpaidOrders(platform: Platform, remove: RemoveUnpaid): Promise<void> {
  const { rows } = await sql<{ id: string }>`select id from domain_orders
    where state = 'intent' and payment = 'due' and next_at <= ${platform.clock.now()}
    order by next_at limit ${endedPerRun}`.execute(platform.db)
  for (const { id } of rows) {
    await transaction(platform.db, async (tx) => {
      const [domain] = (await lockDomainsOf(tx, [id])).values()
      const order = await fail(platform, tx, sql`id = ${id}::uuid and next_at <= ${platform.clock.now()}`)
      if (order?.kind === 'register' && domain?.state === 'pending_payment') {
        await remove(platform, tx, domain)
      }
    })
  }
}

/** Fails the order of a locked domain that is being removed, if it waits for money. */
export async function endUnpaidOrder(platform: Platform, tx: Tx, { id }: Domain): Promise<void> {
  await fail(platform, tx, sql`domain_id = ${id}::uuid`)
}

/** @param which selects one at most. @returns null when it is paid, or has ended. */
async function fail(platform: Platform, tx: Tx, which: ReturnType<typeof sql>): Promise<Order | null> {
  const now = platform.clock.now()
  const { rows } = await sql<Order>`
    update domain_orders set state = 'failed', failure_code = 'unpaid', finished_at = ${now}, updated_at = ${now}
    where ${which} and state = 'intent' and payment = 'due' returning *`.execute(tx)
  const [order] = rows
  if (order === undefined) return null
  await appendEvents(platform, tx, [
    {
      type: 'domain.order_state_changed',
      organizationId: order.organization_id,
      workspaceId: order.workspace_id,
      data: { ...orderEvent(order), from: 'intent', failure_code: order.failure_code },
    },
  ])
  return order
}
