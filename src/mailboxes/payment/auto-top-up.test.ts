/** What is due is charged to the saved card, although the balance is above the threshold, and is paid without a human. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { at } from '../../testing/test-api.ts'
import { setPrice } from '../../testing/test-billing.ts'
import { handlersWith, runJobs } from '../../testing/test-jobs.ts'
import { startTestPayments, type TestPayments } from '../../testing/test-payments.ts'

/** A mailbox costs 3000, the balance is so much, and 5000 are charged below 1000. */
async function open(balance: number, more: object = {}): Promise<TestPayments> {
  const payments = await startTestPayments()
  const { platform } = payments.api
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 3000 })
  await payments.paid(balance)
  await payments.switchOn(more)
  return payments
}

const create = ({ api }: TestPayments, body: object) => api.call('POST', '/v1/mailboxes', { body })

const charged = async ({ api }: TestPayments): Promise<[number, string][]> => {
  const query = api.platform.db.selectFrom('top_ups').select(['amount', 'state']).where('reason', '=', 'auto')
  return (await query.orderBy('id').execute()).map(({ amount, state }) => [amount, state])
}

async function states({ api }: TestPayments): Promise<string[]> {
  const { rows } = await sql<{ state: string }>`
    select state || case when unpaid_since is null then '' else ' unpaid' end as state from mailboxes
    order by address`.execute(api.platform.db)
  return rows.map(({ state }) => state)
}

async function renew(payments: TestPayments): Promise<void> {
  const { platform } = payments.api
  payments.advance('P32D')
  await handlersWith({})['subscriptions.renew'](platform, {})
  await handlersWith({})['mailbox.end_periods'](platform, {})
}

test('a renewal that is short is paid by one charge, however often it is looked at', async () => {
  await using payments = await open(5000)
  assert.equal((await create(payments, { address: 'a@demo.test' })).status, 201)
  await payments.settle()
  assert.deepEqual([await payments.balance(), await charged(payments)], [2000, []])
  await renew(payments)
  assert.deepEqual(await states(payments), ['active unpaid'])
  await payments.settle({ copies: 2 })
  await renew(payments).then(() => payments.settle())
  assert.deepEqual(await states(payments), ['active'])
  assert.deepEqual(await charged(payments), [[5000, 'paid']])
  assert.equal(await payments.balance(), 2000 + 5000 - 3000 - 3000)
})

test('what waits for its first payment is paid by as many of the amount as cover it', async () => {
  await using payments = await open(5000)
  const mailboxes = ['a', 'b', 'c', 'd'].map((name) => ({ address: `${name}@demo.test` }))
  const made = await create(payments, { mailboxes, wait_for_payment: true })
  assert.equal(at(made.json, 'data', 3, 'mailbox', 'state'), 'waiting_payment')
  await payments.settle()
  assert.deepEqual(await states(payments), ['active', 'active', 'active', 'active'])
  assert.deepEqual(await charged(payments), [[10_000, 'paid']]) // 7000 were missing
  assert.equal(await payments.balance(), 3000)
})

test('within the cap of the day, and what is refused charges nothing', async () => {
  await using payments = await open(5000, { daily_cap: 5000 })
  const mailboxes = ['a', 'b', 'c', 'd'].map((name) => ({ address: `${name}@demo.test` }))
  await create(payments, { mailboxes })
  await payments.settle()
  assert.deepEqual([await states(payments), await charged(payments)], [['active'], []])
  await create(payments, { mailboxes: mailboxes.slice(1), wait_for_payment: true })
  await payments.settle()
  assert.deepEqual(await states(payments), ['active', 'active', 'active', 'waiting_payment'])
  assert.deepEqual(await charged(payments), [[5000, 'paid']])
  assert.equal(await payments.balance(), 1000)
})

test('a plan that is short is paid, too; who has agreed to the threshold alone is not charged for it', async () => {
  for (const [version, state, charges] of [
    ['2026-12', 'active', 1],
    ['2026-11', 'past_due', 0],
  ] as const) {
    await using payments = await open(5000)
    const { api } = payments
    const plan = { code: 'team', name: 'Team', slots: 2, services: ['local'] }
    assert.equal((await api.call('POST', '/v1/plans', { body: plan })).status, 201)
    const price = { item: 'plan', plan: 'team', period: 'monthly', unit_amount: 3000 }
    assert.equal((await api.call('POST', '/v1/prices', { body: price })).status, 201)
    const body = { plan: 'team', period: 'monthly' }
    const bought = await api.call('POST', '/v1/subscriptions', { body })
    assert.equal(bought.status, 201, bought.text)
    await sql`update auto_top_up_consents set wording_version = ${version}`.execute(api.platform.db)
    await renew(payments)
    await payments.settle()
    const list = (await api.call('GET', '/v1/subscriptions')).json
    assert.equal(at(list, 'data', 0, 'state'), state)
    assert.equal((await charged(payments)).length, charges)
  }
})

test('a card that is declined leaves it unpaid, and is tried again after its hours', async () => {
  await using payments = await open(5000)
  const { platform } = payments.api
  await create(payments, { address: 'a@demo.test' })
  await payments.useCard('pm_card_chargeDeclinedInsufficientFunds')
  await renew(payments)
  await payments.settle()
  assert.deepEqual(await states(payments), ['active unpaid'])
  assert.deepEqual(await charged(payments), [[5000, 'failed']])
  const { rows } = await sql<{ key: string; run_at: Date }>`
    select key, run_at from graphile_worker.jobs where key like 'payments.auto_top_up:%'`.execute(platform.db)
  assert.equal(rows.length, 1)
  const hours = ((rows[0]?.run_at.getTime() ?? 0) - platform.clock.now().getTime()) / 3600_000
  assert.ok(hours > 3.9 && hours < 4.1)
  await payments.useCard('pm_card_visa')
  payments.advance('PT4H1M')
  await handlersWith({})['payments.auto_top_up'](platform, { workspace_id: payments.api.scope.workspaceId })
  await runJobs(platform)
  await payments.settle()
  assert.deepEqual(await states(payments), ['active'])
  assert.equal(await payments.balance(), 2000 + 5000 - 3000)
})
