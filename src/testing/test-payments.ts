/** A platform that takes payments by the local Stripe, over its API. */
import assert from 'node:assert/strict'
import { payBill } from '../billing/bills.ts'
import { lockPayer } from '../billing/payers.ts'
import { consentWording } from '../billing/payments/auto-settings.ts'
import { transaction } from '../platform/database.ts'
import { type StripeStandIn, startStripeStandIn } from './stripe-stand-in.ts'
import type { CardName, StripeEvent } from './stripe-state.ts'
import { startTestApi, type TestApi, textAt } from './test-api.ts'
import { assertBooks, balanceOf } from './test-billing.ts'
import { runJobs } from './test-jobs.ts'

export type TestPayments = AsyncDisposable & {
  api: TestApi
  stripe: StripeStandIn
  webhookUrl: string
  /** Asks for a page. @returns the top-up's id and its session's. */
  checkout(amount?: number): Promise<{ id: string; sessionId: string }>
  /** The same, paid and taken in. @returns with the id of the payment. */
  paid(amount?: number, card?: CardName): Promise<{ id: string; sessionId: string; paymentId: string }>
  /** Delivers all webhooks, and does what follows. */
  settle(options?: { copies?: number; shuffle?: (events: StripeEvent[]) => StripeEvent[] }): Promise<void>
  /** Makes another card the one that is charged. */
  useCard(card: CardName): Promise<void>
  switchOn(more?: object): Promise<void>
  /** Buys something for so much. */
  spend(amount: number): Promise<void>
  state(id: string): Promise<string>
  balance(): Promise<number>
  /** Moves the clock of the platform and of Stripe. */
  advance(duration: string): void
}

export async function startTestPayments(): Promise<TestPayments> {
  await using stack = new AsyncDisposableStack()
  let offsetMs = 0
  const stripe = stack.use(await startStripeStandIn(() => Math.floor((Date.now() + offsetMs) / 1000)))
  const api = stack.use(await startTestApi({ environment: stripe.environment, requestsPerMinute: 1e9 }))
  const { platform, scope } = api
  const webhookUrl = `${api.base}/v1/payments/stripe/webhook`
  const running = stack.move()

  const checkout: TestPayments['checkout'] = async (amount = 5000) => {
    const reply = await api.call('POST', '/v1/wallet/top-ups', { body: { amount, method: 'checkout' } })
    assert.equal(reply.status, 201, reply.text)
    const id = textAt(reply.json, 'id')
    return { id, sessionId: textAt(reply.json, 'url').split('/').at(-1) ?? '' }
  }
  const settle: TestPayments['settle'] = async (options) => {
    await stripe.webhooks.deliver(webhookUrl, options)
    await runJobs(platform)
  }
  const customerId = async (): Promise<string> => {
    const row = await platform.db
      .selectFrom('payment_customers')
      .select('customer_id')
      .where('workspace_id', '=', scope.workspaceId)
      .executeTakeFirstOrThrow()
    return row.customer_id
  }
  return {
    api,
    stripe,
    webhookUrl,
    checkout,
    settle,
    async paid(amount = 5000, card = 'pm_card_visa') {
      const made = await checkout(amount)
      const paymentId = stripe.pay(made.sessionId, card)
      await settle()
      return { ...made, paymentId }
    },
    async useCard(card) {
      const customer = await customerId()
      const id = stripe.saveCard(customer, card)
      const found = stripe.state.customers.get(customer)
      if (found) found.invoice_settings.default_payment_method = id
      await settle()
    },
    async switchOn(more = {}) {
      const body = { enabled: true, threshold: 1000, amount: 5000, consent: consentWording.version, ...more }
      const reply = await api.call('PATCH', '/v1/wallet/auto-top-up', { body })
      assert.equal(reply.status, 200, reply.text)
      await runJobs(platform)
    },
    async spend(amount) {
      await transaction(platform.db, async (tx) => {
        const payer = await lockPayer(platform, tx, scope, [])
        const line = { kind: 'once' as const, item: 'domain_register' as const, subjectId: null }
        const lines = [{ ...line, description: 'x', quantity: 1, unitAmount: amount }]
        await payBill(platform, tx, { payer, cause: 'correction', causeId: null, description: 'x', lines })
      })
    },
    async state(id) {
      const row = await platform.db
        .selectFrom('top_ups')
        .select('state')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return row.state
    },
    balance: async () => (await balanceOf(platform, scope.workspaceId)).balance,
    advance(duration) {
      const before = platform.clock.now().getTime()
      offsetMs += (platform.clock.advance?.(duration).getTime() ?? before) - before
    },
    async [Symbol.asyncDispose]() {
      await assertBooks(platform)
      await running.disposeAsync()
    },
  }
}
