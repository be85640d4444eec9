/** What is missing for orders that wait for money: asked for with one payment. */
import type { Scope } from '../../accounts/principals.ts'
import { spendable } from '../../billing/bills.ts'
import { lockPayer } from '../../billing/payers.ts'
import { createTopUp, type TopUp } from '../../billing/payments/top-ups.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { amountDue, holdOf } from './payment.ts'
import type { Order } from './store.ts'

/**
 * Asks for the money that the wallet lacks for those of these orders that wait for it; they go on when it comes.
 * @param orders of the workspace, as they are in this transaction.
 * @returns the payment, whose page is asked for after the commit (billing/payments/advance.ts); null where none waits, this
 *   platform takes no payments online, or the provider would not take so little.
 * @throws Refusal top_up_limit_reached, forbidden.
 */
export async function askForMissing(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  orders: readonly Order[],
): Promise<TopUp | null> {
  const waiting = orders.filter(({ payment }) => payment === 'due')
  if (waiting.length === 0) return null
  const payer = await lockPayer(platform, tx, scope, [])
  const due = waiting.reduce((sum, order) => sum + amountDue(holdOf(payer, order)), 0)
  const amount = due - Math.max(0, spendable(tx, payer))
  if (amount <= 0) return null
  try {
    return await createTopUp(platform, tx, scope, {
      amount,
      currency: payer.wallet.currency,
      method: 'checkout',
      returnUrl: null,
    })
  } catch (error) {
    const isOptional = error instanceof Refusal && ['payments_manual', 'top_up_invalid'].includes(error.code)
    if (isOptional) return null
    throw error
  }
}
