/** Automatic top-ups: one for a storm of starts, within what was allowed, and off when the bank says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StripeRequest } from '../../testing/stripe-stand-in.ts'
import { at, refusal, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestPayments, type TestPayments } from '../../testing/test-payments.ts'
import { topUpIfLow, topUpLowWallets } from './auto-top-up.ts'

const charges = ({ stripe }: TestPayments): StripeRequest[] =>
  stripe.requests.filter(({ method, path }) => method === 'POST' && path === '/v1/payment_intents')

const automatic = async ({ api }: TestPayments) =>
  await api.platform.db.selectFrom('top_ups').selectAll().where('reason', '=', 'auto').orderBy('id').execute()

const settings = async ({ api }: TestPayments): Promise<unknown> =>
  (await api.call('GET', '/v1/wallet/auto-top-up')).json

test('a storm of spending makes one charge, which is credited once', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  await payments.paid(2000)
  await payments.switchOn()
  assert.deepEqual(charges(payments), [])
  await Promise.all(Array.from({ length: 12 }, () => payments.spend(100)))
  const { workspaceId } = api.scope
  const nothingDue = async () => new Map<string, number>()
  await Promise.all(Array.from({ length: 20 }, () => topUpIfLow(api.platform, workspaceId, nothingDue)))
  await runJobs(api.platform)
  await topUpLowWallets(api.platform)
  await payments.settle({ copies: 3 })
  assert.equal(charges(payments).length, 1)
  assert.equal(await payments.balance(), 800 + 5000)
  assert.deepEqual(
    (await automatic(payments)).map(({ state, amount, actor }) => [state, amount, actor]),
    [['paid', 5000, null]],
  )
  const consents = await api.platform.db.selectFrom('auto_top_up_consents').selectAll().execute()
  assert.equal(consents.length, 1)
  assert.match(consents[0]?.actor ?? '', /^api_key:/)
})

test('up to a target, not before the interval has passed, and within the caps', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  // A day and a month that do not end meanwhile.
  const now = api.platform.clock.now()
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 2, 1)
  payments.advance(`PT${Math.ceil((start - now.getTime()) / 1000)}S`)
  await payments.paid(2000)
  await payments.switchOn({ amount: undefined, target: 3000, daily_cap: 5000, monthly_cap: 6000 })
  const low = async (amount: number): Promise<number> => {
    await payments.spend(amount)
    await runJobs(api.platform)
    return (await automatic(payments)).length
  }
  assert.equal(await low(1500), 1)
  assert.equal(await payments.balance(), 3000)
  assert.equal(await low(2500), 1, 'ten minutes have not passed')
  payments.advance('PT11M')
  await topUpLowWallets(api.platform)
  await runJobs(api.platform)
  assert.equal((await automatic(payments)).length, 2)
  assert.equal(await payments.balance(), 3000)
  payments.advance('PT11M')
  assert.equal(await low(2900), 2, '5000 were charged today')
  payments.advance('P1D')
  await topUpLowWallets(api.platform)
  await runJobs(api.platform)
  assert.equal((await automatic(payments)).length, 2, 'another day has room, and the month has not')
})

test('after a decline the next try is another charge with another key; the third in a row is the last', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  await payments.paid(2000)
  await payments.switchOn()
  await payments.useCard('pm_card_chargeDeclinedInsufficientFunds')
  await payments.spend(1500)
  for (const hours of [0, 3, 2, 23, 2, 100]) {
    payments.advance(`PT${hours}H`)
    await topUpLowWallets(api.platform)
    await payments.settle({ copies: 2 })
  }
  const rows = await automatic(payments)
  assert.deepEqual(
    rows.map(({ state, failure_code, decline_code }) => [state, failure_code, decline_code]),
    Array.from({ length: 3 }, () => ['failed', 'card_declined', 'insufficient_funds']),
  )
  assert.equal(new Set(charges(payments).map(({ key }) => key)).size, 3)
  assert.deepEqual(
    [at(await settings(payments), 'enabled'), at(await settings(payments), 'off_reason')],
    [false, 'declined'],
  )
  assert.equal(await payments.balance(), 500)
})

test('a decline that is final switches it off at once, and so does a card that is gone', async () => {
  for (const card of ['pm_card_chargeDeclinedLostCard', 'pm_card_chargeDeclinedExpiredCard'] as const) {
    await using payments = await startTestPayments()
    await payments.paid(2000)
    await payments.switchOn()
    await payments.useCard(card)
    await payments.spend(1500)
    await runJobs(payments.api.platform)
    assert.equal(at(await settings(payments), 'off_reason'), 'declined', card)
    assert.equal(charges(payments).length, 1)
  }
  await using payments = await startTestPayments()
  await payments.paid(2000)
  await payments.switchOn()
  for (const id of payments.stripe.state.methods.keys()) payments.stripe.detachCard(id)
  await payments.settle()
  assert.equal(at(await settings(payments), 'off_reason'), 'card_removed')
})

test('a bank that asks for the customer: the charge is cancelled, and the same top-up is paid on a page', async () => {
  await using payments = await startTestPayments()
  const { api, stripe } = payments
  await payments.paid(2000)
  await payments.switchOn()
  await payments.useCard('pm_card_authenticationRequired')
  await payments.spend(1500)
  await payments.settle()
  const [row] = await automatic(payments)
  assert.equal(row?.state, 'needs_customer')
  assert.deepEqual(
    [...stripe.state.intents.values()].map(({ status }) => status),
    ['succeeded', 'canceled'],
  )
  await topUpLowWallets(api.platform)
  await payments.settle()
  assert.equal((await automatic(payments)).length, 1, 'no other one while this is open')
  const view = (await api.call('GET', `/v1/wallet/top-ups/${row?.id}`)).json
  stripe.pay(textAt(view, 'url').split('/').at(-1) ?? '')
  await payments.settle({ copies: 2 })
  assert.equal(await payments.state(row?.id ?? ''), 'paid')
  assert.equal(await payments.balance(), 500 + 5000)
})

test('a charge whose answer is lost is one charge, also a day later', async () => {
  await using payments = await startTestPayments()
  const { api, stripe } = payments
  await payments.paid(2000)
  for (let times = 0; times < 3; times++)
    stripe.faults.push({ path: /^\/v1\/payment_intents$/, fault: 'lost' })
  const call = await api.call('POST', '/v1/wallet/top-ups', { body: { amount: 900, method: 'saved' } })
  assert.equal(refusal(call), '502 payment_provider_failed')
  assert.equal(await payments.balance(), 2000)
  payments.advance('P2D')
  const list = (await api.call('GET', '/v1/wallet/top-ups?limit=1')).json
  const looked = await api.call('GET', `/v1/wallet/top-ups/${textAt(list, 'data', 0, 'id')}`)
  assert.equal(at(looked.json, 'state'), 'paid')
  assert.equal(await payments.balance(), 2900)
  assert.equal(stripe.state.intents.size, 2)
  await payments.settle()
  assert.equal(await payments.balance(), 2900)
})

test('a saved card is charged at once; one that is declined says why', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  await payments.paid(2000)
  const body = { amount: 900, method: 'saved' }
  const good = await api.call('POST', '/v1/wallet/top-ups', { body })
  assert.equal(at(good.json, 'state'), 'paid')
  await payments.useCard('pm_card_chargeDeclined')
  const bad = await api.call('POST', '/v1/wallet/top-ups', { body })
  assert.deepEqual([at(bad.json, 'state'), at(bad.json, 'decline_code')], ['failed', 'generic_decline'])
  await payments.useCard('pm_card_slow')
  const slow = await api.call('POST', '/v1/wallet/top-ups', { body })
  assert.equal(at(slow.json, 'state'), 'processing')
  await payments.settle()
  assert.equal(await payments.balance(), 2900)
})

test('settings that do not go together, and consent', async () => {
  await using payments = await startTestPayments()
  const { api } = payments
  const patch = async (body: object) => refusal(await api.call('PATCH', '/v1/wallet/auto-top-up', { body }))
  const consent = { consent: '2026-12' }
  assert.equal(await patch({ enabled: true, ...consent }), '409 payment_method_missing')
  await payments.paid(2000)
  assert.equal(await patch({ enabled: true }), '422 auto_top_up_consent_required')
  assert.equal(await patch({ enabled: true, consent: '2020-01' }), '422 auto_top_up_consent_required')
  assert.equal(await patch({ target: 500, threshold: 500 }), '422 auto_top_up_invalid')
  assert.equal(await patch({ amount: 5000, target: 6000 }), '422 auto_top_up_invalid')
  assert.equal(await patch({ amount: 5000, daily_cap: 4000 }), '422 auto_top_up_invalid')
  assert.equal(await patch({ daily_cap: 9000, monthly_cap: 8000 }), '422 auto_top_up_invalid')
  assert.equal(await patch({ interval_minutes: 0 }), '400 invalid_request')
  await payments.switchOn()
  assert.equal(at(await settings(payments), 'enabled'), true)
  await api.call('PATCH', '/v1/wallet/auto-top-up', { body: { enabled: false } })
  assert.deepEqual(
    [at(await settings(payments), 'enabled'), at(await settings(payments), 'off_reason')],
    [false, 'customer'],
  )
})
