/** Whatever happens at Stripe, and in whatever order and however often it is told: the wallet has what the payments are. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { startTestPayments, type TestPayments } from '../../testing/test-payments.ts'

let payments: TestPayments
before(async () => {
  payments = await startTestPayments()
})
after(() => payments[Symbol.asyncDispose]())

const runs = Number(process.env['MAILWRIGHT_TEST_RUNS'] ?? 8)

const fates = ['paid', 'slow', 'slow_failed', 'expired', 'refund_failed', 'won', 'taken'] as const
type Fate = (typeof fates)[number]

/** Makes it so. @returns what the wallet gets of it in the end. */
async function happen(fate: Fate, amount: number): Promise<number> {
  const { stripe } = payments
  const { sessionId } = await payments.checkout(amount)
  if (fate === 'expired') {
    stripe.expire(sessionId)
    return 0
  }
  if (fate === 'slow' || fate === 'slow_failed') {
    stripe.settleLater(stripe.payLater(sessionId), fate === 'slow')
    return fate === 'slow' ? amount : 0
  }
  const paymentId = stripe.pay(sessionId)
  if (fate === 'paid') return amount
  if (fate === 'refund_failed') {
    stripe.settleRefund(stripe.refundInDashboard(paymentId, 50), 'failed')
    return amount
  }
  const disputeId = stripe.dispute(paymentId, { withdraws: true })
  if (fate === 'taken') return 0
  stripe.closeDispute(disputeId, 'won')
  return amount
}

test('webhooks in any order and number change nothing twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ fate: fc.constantFrom(...fates), amount: fc.integer({ min: 100, max: 5000 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer({ min: 1, max: 3 }),
      fc.infiniteStream(fc.nat(1_000_000)),
      async (stories, copies, numbers) => {
        const start = await payments.balance()
        let sum = 0
        for (const { fate, amount } of stories) sum += await happen(fate, amount)
        const shuffle = <T>(all: T[]): T[] =>
          all
            .map((one) => ({ one, at: Number(numbers.next().value) }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one)
        await payments.settle({ copies, shuffle })
        assert.equal(await payments.balance(), start + sum)
      },
    ),
    { numRuns: runs },
  )
})
