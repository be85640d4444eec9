/**
 * Payment of orders. The price is put aside when it is ordered, becomes an invoice when the registrar has delivered, and
 * is given back when it has not. Without billing it stays on the order as unbilled, and the order goes on.
 */
import { priceLine, sumsOf } from '../../billing/amounts.ts'
import { notEnough } from '../../billing/bills.ts'
import { addSettleJob } from '../../billing/credits.ts'
import { captureHolds, type NewHold, putAside, releaseHolds } from '../../billing/holds.ts'
import { lockPayer, type Payer } from '../../billing/payers.ts'
import { billingSettingsOf, isBilling } from '../../billing/settings.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Order, priceOfOrder } from './store.ts'

/** What becomes of an order that the wallet has too little for. later: it waits for money that is to come, whatever there is. */
export type WhenShort = 'refuse' | 'wait' | 'later'

/**
 * Puts the price of a new order aside, with tax and discounts.
 * @returns the order as it is after that; it goes to the registrar unless its payment is still due.
 * @throws Refusal insufficient_funds or wallet_locked unless it may wait; item_not_priced where its currency is another
 *   than the wallet's.
 */
export async function charge(platform: Platform, tx: Tx, order: Order, whenShort: WhenShort): Promise<Order> {
  if (!isBilling(platform)) return await update(tx, order, { payment: 'unbilled' })
  const payer = await lockPayer(platform, tx, ownerOf(order), [])
  if (payer.wallet.currency !== order.price_currency) {
    throw new Refusal(
      'item_not_priced',
      `${order.name} is sold in ${order.price_currency}, and the wallet has ${payer.wallet.currency}.`,
    )
  }
  const hold = holdOf(payer, order)
  const due = amountDue(hold)
  if (whenShort === 'later' && due > 0) return await waitForMoney(platform, tx, order, due)
  const [shortfall = 0] = await putAside(platform, tx, [hold])
  if (shortfall === 0) return await update(tx, order, { payment: 'held' })
  if (whenShort === 'refuse') throw notEnough(payer, shortfall)
  return await waitForMoney(platform, tx, order, shortfall)
}

/** It fails at `next_at` if no money comes. */
async function waitForMoney(platform: Platform, tx: Tx, order: Order, shortfall: number): Promise<Order> {
  const { payment_wait_days: days } = await billingSettingsOf(tx)
  const end = new Date(order.created_at.getTime() + days * 24 * 3600_000)
  const failsAt = order.automatic && order.expires_before !== null ? order.expires_before : end
  await appendEvents(platform, tx, [
    {
      type: 'billing.order_unpaid',
      organizationId: order.organization_id,
      workspaceId: order.workspace_id,
      data: {
        order_id: order.id,
        domain_id: order.domain_id,
        name: order.name,
        kind: order.kind,
        missing_amount: shortfall,
        currency: order.price_currency,
        fails_at: failsAt.toISOString(),
      },
    },
  ])
  return await update(tx, order, { next_at: failsAt })
}

export function ownerOf(order: Order): { organizationId: string; workspaceId: string } {
  return { organizationId: order.organization_id, workspaceId: order.workspace_id }
}

/** What an order puts aside. */
export function holdOf(payer: Payer, order: Order): NewHold {
  const what = order.kind === 'register' ? 'registration' : 'renewal'
  const description = `${order.name}: ${what} for ${order.years === 1 ? 'a year' : `${order.years} years`}`
  return {
    payer,
    cause: 'order',
    causeId: order.id,
    description,
    lines: [
      {
        kind: 'once',
        item: order.kind === 'register' ? 'domain_register' : 'domain_renew',
        subjectId: order.domain_id,
        description,
        quantity: 1,
        unitAmount: priceOfOrder(order).amount,
        cost: costOf(order),
      },
    ],
  }
}

/** With tax and discounts, in minor units of the wallet's currency. */
export function amountDue({ payer, lines }: NewHold): number {
  return sumsOf(lines.map((line) => priceLine(payer, line))).total
}

/** In the wallet's currency, where it is known in that. */
function costOf({ cost_amount: amount, cost_currency: currency, price_currency }: Order): number | null {
  return currency === price_currency ? amount : null
}

/** What was put aside for an order that has ended: taken when it is paid, else given back. */
export async function endHold(platform: Platform, tx: Tx, order: Order): Promise<void> {
  if (order.payment === 'paid') {
    const captures = [{ causeId: order.id, cost: costOf(order) }]
    await captureHolds(platform, tx, 'order', captures, `${order.name}: ${order.kind}`)
    return
  }
  await releaseHolds(platform, tx, 'order', [order.id])
  await addSettleJob(tx, order.workspace_id)
}

/** Whether an automatic renewal may take a lower price that was found: from a locked wallet nothing is put aside anew. */
export async function mayLower(tx: Tx, order: Order): Promise<boolean> {
  if (order.payment !== 'held') return true
  const wallet = await tx
    .selectFrom('wallets')
    .select('locked_at')
    .where('workspace_id', '=', order.workspace_id)
    .executeTakeFirst()
  return wallet?.locked_at === null
}

/** Puts less aside, for an order that got a lower price. */
export async function lowerHold(platform: Platform, tx: Tx, order: Order): Promise<void> {
  if (order.payment !== 'held') return
  await releaseHolds(platform, tx, 'order', [order.id])
  const payer = await lockPayer(platform, tx, ownerOf(order), [])
  const [shortfall = 0] = await putAside(platform, tx, [holdOf(payer, order)])
  if (shortfall > 0) throw new Error('a wallet was locked while its order got a lower price')
}

async function update(
  tx: Tx,
  order: Order,
  changes: Partial<Pick<Order, 'payment' | 'next_at'>>,
): Promise<Order> {
  return await tx
    .updateTable('domain_orders')
    .set(changes)
    .where('id', '=', order.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}
