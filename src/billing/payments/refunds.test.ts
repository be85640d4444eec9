/** Money that goes back: refunds of what is not spent, and disputes of what is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, listAt, refusal, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestPayments, type TestPayments } from '../../testing/test-payments.ts'

const refund = ({ api }: TestPayments, id: string, body: object) =>
  api.call('POST', `/v1/wallet/top-ups/${id}/refunds`, { body })

const wallet = async ({ api }: TestPayments) =>
  await api.platform.db.selectFrom('wallets').selectAll().executeTakeFirstOrThrow()

test('unspent money is refunded, once, and never more than is left', async () => {
  await using payments = await startTestPayments()
  const { api, stripe } = payments
  const { id } = await payments.paid(5000)
  await payments.spend(1000)
  const shown = await refund(payments, id, { preview: true })
  assert.equal(at(shown.json, 'charge', 'amount'), 4000)
  assert.equal(await payments.balance(), 4000)
  assert.equal(refusal(await refund(payments, id, { amount: 4001 })), '409 refund_too_large')
  const made = await refund(payments, id, { amount: 1500, reason: 'asked for' })
  assert.equal(made.status, 201, made.text)
  assert.equal(await payments.balance(), 2500, 'the wallet is debited before Stripe is asked')
  assert.equal(stripe.state.refunds.size, 0)
  stripe.faults.push({ method: 'POST', path: /^\/v1\/refunds$/, fault: 'lost' })
  await payments.settle()
  await payments.settle({ copies: 3 })
  assert.equal(stripe.state.refunds.size, 1)
  const list = (await api.call('GET', `/v1/wallet/top-ups/${id}/refunds`)).json
  assert.deepEqual([listAt(list, 'data').length, at(list, 'data', 0, 'state')], [1, 'succeeded'])
  assert.equal((await refund(payments, id, {})).status, 201)
  assert.equal(await payments.balance(), 0)
  await payments.settle()
  assert.equal(refusal(await refund(payments, id, {})), '409 refund_too_large')
})

test('refunds and spending at once: one of them has the money', async () => {
  await using payments = await startTestPayments()
  const { id } = await payments.paid(5000)
  const results = await Promise.allSettled([
    ...Array.from({ length: 4 }, () => payments.spend(3000)),
    ...Array.from({ length: 4 }, () => refund(payments, id, { amount: 3000 })),
  ])
  const done = results.filter(
    (one) => one.status === 'fulfilled' && (one.value === undefined || one.value.status === 201),
  )
  assert.equal(done.length, 1)
  assert.equal(await payments.balance(), 2000)
  await payments.settle()
})

test('a refund that fails, at once or after it has succeeded, is in the wallet again', async () => {
  await using payments = await startTestPayments()
  const { stripe, api } = payments
  const { id, paymentId } = await payments.paid(5000)
  await refund(payments, id, { amount: 2000 })
  await payments.settle()
  stripe.settleRefund([...stripe.state.refunds.keys()][0] ?? '', 'failed')
  await payments.settle({ copies: 4 })
  assert.equal(await payments.balance(), 5000)
  stripe.dispute(paymentId)
  await refund(payments, id, { amount: 2000 })
  await runJobs(api.platform)
  assert.equal(await payments.balance(), 5000, 'Stripe refuses it')
  const list = (await api.call('GET', `/v1/wallet/top-ups/${id}/refunds`)).json
  assert.deepEqual(
    listAt(list, 'data').map((one) => textAt(one, 'failure_code')),
    ['expired_or_canceled_card', 'charge_disputed'],
  )
})

test('a refund that somebody made in the Dashboard is taken from the wallet', async () => {
  await using payments = await startTestPayments()
  const { id, paymentId } = await payments.paid(5000)
  await payments.spend(4500)
  payments.stripe.refundInDashboard(paymentId, 1000)
  await payments.settle({ copies: 2 })
  assert.equal(await payments.balance(), -500)
  assert.equal(refusal(await refund(payments, id, { amount: 1 })), '409 refund_too_large')
})

test('only operators refund', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  const { id } = await payments.paid(5000)
  const { key } = await api.tenant()
  const path = `/v1/wallet/top-ups/${id}/refunds`
  assert.equal((await api.call('POST', path, { key, body: {} })).status, 403)
  assert.equal((await api.call('GET', path, { key })).status, 404)
})

test('a dispute locks the wallet, is debited below zero, and is given back when it is won', async () => {
  await using payments = await startTestPayments()
  const { stripe, api } = payments
  const { paymentId } = await payments.paid(5000)
  await payments.switchOn()
  await payments.spend(4000)
  const disputeId = stripe.dispute(paymentId)
  await payments.settle({ copies: 2 })
  assert.equal((await wallet(payments)).lock_reason, 'dispute')
  assert.equal(at((await api.call('GET', '/v1/wallet/auto-top-up')).json, 'off_reason'), 'dispute')
  await assert.rejects(payments.spend(10), { code: 'wallet_locked' })
  stripe.withdraw(disputeId)
  await payments.settle({ copies: 2, shuffle: (events) => events.reverse() })
  assert.equal(await payments.balance(), 1000 - 5000)
  stripe.closeDispute(disputeId, 'won')
  await payments.settle({ copies: 2 })
  assert.equal(await payments.balance(), 1000)
  assert.equal((await wallet(payments)).locked_at, null)
})

test('a lost dispute stays debited and locked; a bank that only asks locks nothing', async () => {
  await using payments = await startTestPayments()
  const { stripe } = payments
  const asked = await payments.paid(1000)
  const inquiry = stripe.dispute(asked.paymentId, { isInquiry: true })
  await payments.settle()
  assert.equal((await wallet(payments)).locked_at, null)
  stripe.closeDispute(inquiry, 'warning_closed')
  await payments.settle()
  const lost = await payments.paid(2000)
  stripe.closeDispute(stripe.dispute(lost.paymentId, { withdraws: true }), 'lost')
  await payments.settle({ copies: 3 })
  assert.equal(await payments.balance(), 1000)
  assert.equal((await wallet(payments)).lock_reason, 'dispute')
})
