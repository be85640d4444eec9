/** Cards: charged, declined, and paid back to. The provider is the local Stripe of the tests. */
import { lockPayer } from '../../billing/payers.ts'
import type { Payment } from '../../billing/payments/provider.ts'
import { createRefund } from '../../billing/payments/refunds.ts'
import { settlePayment } from '../../billing/payments/settle-payment.ts'
import { insertTopUp } from '../../billing/payments/top-ups.ts'
import { newIntent, succeed } from '../stripe-payments.ts'
import { balanceOf } from './account.ts'
import type { Plan, WeightedPlans } from './actions.ts'

/**
 * A card is charged, and the bank pays or declines; what the provider shows of it comes once or twice. The money stands in
 * the wallet once.
 */
const charge: Plan = ({ shared: { stripe } }, account, dice) => {
  const amount = 1 + dice.below(dice.pick([300, 3_000, 30_000]) ?? 1)
  const isPaid = !dice.oneIn(2)
  const times = dice.oneIn(2) ? 2 : 1
  const reason = dice.oneIn(2) ? 'auto' : 'manual'
  const intent = newIntent(stripe.state, { amount, currency: 'usd', customer: null, metadata: {} })
  if (isPaid) succeed(stripe.state, intent)
  const payment: Payment = {
    ...{ id: intent.id, status: isPaid ? 'succeeded' : 'declined', customerId: null, topUpId: null },
    received: { amount: intent.amount_received, currency: 'USD' },
    decline: isPaid ? null : { code: 'card_declined', declineCode: 'insufficient_funds', adviceCode: null },
  }
  let topUpId = ''
  return {
    text: `charge a card with ${amount}, which is ${isPaid ? 'paid' : 'declined'}, and told ${times} times`,
    costs: false,
    core: async (platform, tx) => {
      await lockPayer(platform, tx, account.scope, [])
      const { id } = await insertTopUp(platform, tx, account.scope, {
        ...{ amount, currency: 'USD', method: 'saved', reason, cardId: 'pm_of_the_model' },
        ...{ returnUrl: 'https://shop.example/wallet', actor: null },
      })
      topUpId = id
      for (let time = 0; time < times; time++) await settlePayment(platform, tx, id, payment)
      return []
    },
    api: null,
    refusal: () => null,
    learn: () => {
      if (!isPaid) return
      account.credited += BigInt(amount)
      account.isFunded = true
      account.topUps.push({ id: topUpId, paymentId: intent.id, left: BigInt(amount), isDisputed: false })
    },
  }
}

/** What is not spent goes back to its card; of a payment that is disputed it does not arrive, and is the wallet's again. */
const refund: Plan = ({ shared: { stripe } }, account, dice) => {
  const topUp = dice.pick(account.topUps)
  if (topUp === undefined) return null
  if (dice.oneIn(4) && !topUp.isDisputed) {
    stripe.dispute(topUp.paymentId)
    topUp.isDisputed = true
  }
  const balance = balanceOf(account)
  const most = balance < 0n ? 0n : balance < topUp.left ? balance : topUp.left
  const wanted = dice.oneIn(3) ? null : 1 + dice.below(Math.ceil(Number(topUp.left) * 1.1) + 1)
  const amount = wanted === null ? most : BigInt(wanted)
  return {
    text: `refund ${amount} of ${topUp.id}${topUp.isDisputed ? ', in vain' : ''}`,
    costs: false,
    core: async (platform, tx) => {
      await createRefund(platform, tx, account.scope, topUp.id, { amount: wanted, reason: null })
      return []
    },
    api: {
      method: 'POST',
      path: `/v1/wallet/top-ups/${topUp.id}/refunds`,
      body: wanted === null ? {} : { amount: wanted },
    },
    refusal: () => (amount > most || amount === 0n ? 'refund_too_large' : null),
    learn: () => {
      account.credited -= amount
      if (topUp.isDisputed) account.comesBack = amount
      else topUp.left -= amount
    },
  }
}

export const cardPlans: WeightedPlans = [
  [8, charge],
  [4, refund],
]
