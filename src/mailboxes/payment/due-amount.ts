/** What a workspace would pay at this moment if its wallet had enough: what is unpaid, and what waits for money. */
import { paySubscription } from '../../billing/subscriptions/settle.ts'
import { tallyOf, tryOut } from '../../billing/trials.ts'
import { payWaitingOrders } from '../../domains/orders/settle-payment.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { payDunned, payWaiting } from './settle.ts'

// Each by itself, so that none locks its rows behind the wallet that another has locked.
const payments = [paySubscription, payWaiting, payDunned, payWaitingOrders] as const

/**
 * Pays it all and takes that back; of very many mailboxes or orders the first ones.
 * @returns in minor units, by currency.
 */
export async function dueAmounts(platform: Platform, workspaceId: string): Promise<Map<string, number>> {
  const due = new Map<string, number>()
  for (const pay of payments) {
    const amounts = await tryOut(platform, async (tx: Tx) => {
      await pay(platform, tx, workspaceId)
      return tallyOf(tx)?.amounts ?? new Map<string, number>()
    })
    for (const [currency, amount] of amounts) due.set(currency, (due.get(currency) ?? 0) + amount)
  }
  return due
}
