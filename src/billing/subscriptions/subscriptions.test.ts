import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooks, assertPeriods, balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import {
  changed,
  makePlan,
  startTestSubscriptions,
  type TestSubscriptions,
} from '../../testing/test-subscriptions.ts'
import { slotsOf } from '../slots.ts'
import { cancelSubscription, keepSubscription } from './cancellation.ts'
import { renewSubscriptions } from './renew.ts'
import { settleSubscription } from './settle.ts'
import { subscribe, type Wish } from './subscribe.ts'

async function started(money: number, wish: Partial<Wish> = {}): Promise<TestSubscriptions> {
  const t = await startTestSubscriptions()
  await makePlan(t.platform, { code: 'small', monthly: 1000, slot: 100 })
  await makePlan(t.platform, { code: 'large', slots: 50, monthly: 4000 })
  await giveMoney(t.platform, t.scope, money)
  await changed(t, (tx, scope) =>
    subscribe(t.platform, tx, scope, { plan: 'small', period: 'monthly', extraSlots: 0, ...wish }),
  )
  await t.news()
  return t
}

const day = (at: Date | null): string | null => at?.toISOString().slice(0, 16) ?? null

async function checkBooks({ platform }: TestSubscriptions): Promise<void> {
  await assertBooks(platform)
  await assertPeriods(platform)
}

test('a plan is paid when it is taken, and each period before it runs, on the day of the first', async () => {
  await using t = await started(100_000)
  assert.equal(day((await t.subscription()).period_ends_at), '2030-02-28T12:00')
  for (const [moment, ends] of [
    ['2030-02-28T11:59:59.999Z', '2030-02-28T12:00'],
    ['2030-02-28T12:00:00Z', '2030-03-31T12:00'],
    ['2030-03-31T12:00:00Z', '2030-04-30T12:00'],
    // Twice at one time, and long after.
    ['2030-03-31T12:00:00Z', '2030-04-30T12:00'],
    ['2032-02-29T11:00:00Z', '2032-02-29T12:00'],
    ['2032-02-29T12:00:00Z', '2032-03-31T12:00'],
  ] as const) {
    await t.renewAt(moment)
    assert.equal(day((await t.subscription()).period_ends_at), ends, moment)
  }
  const bills = await t.bills()
  assert.equal(bills.length, 26)
  assert.deepEqual(bills.slice(0, 3), [
    'period plan 2030-01-31..2030-02-28 1000',
    'period plan 2030-02-28..2030-03-31 1000',
    'period plan 2030-03-31..2030-04-30 1000',
  ])
  assert.equal((await balanceOf(t.platform, t.scope.workspaceId)).balance, 100_000 - 26_000)
  await checkBooks(t)
})

test('a year from a leap day ends on the 28th, and every fourth on the 29th', async () => {
  await using t = await startTestSubscriptions()
  await makePlan(t.platform, { code: 'small', monthly: 100 })
  t.at('2032-02-29T00:00:00Z')
  await giveMoney(t.platform, t.scope, 100_000)
  await changed(t, (tx, scope) =>
    subscribe(t.platform, tx, scope, { plan: 'small', period: 'yearly', extraSlots: 0 }),
  )
  await t.renewAt('2036-03-01T00:00:00Z')
  assert.deepEqual(
    (await t.bills()).map((bill) => bill.slice(12, 34)),
    [
      '2032-02-29..2033-02-28',
      '2033-02-28..2034-02-28',
      '2034-02-28..2035-02-28',
      '2035-02-28..2036-02-29',
      '2036-02-29..2037-02-28',
    ],
  )
  await checkBooks(t)
})

test('a renewal that is late bills every period at the price of its start, as far as the money goes', async () => {
  await using t = await started(1000 + 1000 + 1500 + 999)
  const { plan_id } = await t.subscription()
  const price = { item: 'plan', plan_id, period: 'monthly' } as const
  await setPrice(t.platform, { ...price, unit_amount: 1500, valid_from: new Date('2030-03-01T00:00:00Z') })
  // Cheaper again, and yet not paid before the one that comes first.
  await setPrice(t.platform, { ...price, unit_amount: 1200, valid_from: new Date('2030-04-01T00:00:00Z') })
  await setPrice(t.platform, { ...price, unit_amount: 10, valid_from: new Date('2030-05-01T00:00:00Z') })
  await t.renewAt('2030-06-01T00:00:00Z')
  assert.deepEqual((await t.bills()).slice(1), [
    'period plan 2030-02-28..2030-03-31 1000',
    'period plan 2030-03-31..2030-04-30 1500',
  ])
  assert.deepEqual(await t.news(), ['renewed', 'suspended', 'deletion_announced'])
  const subscription = await t.subscription()
  assert.deepEqual(
    [subscription.state, day(subscription.unpaid_since), day(subscription.deletion_at)],
    ['suspended', '2030-04-30T12:00', '2030-06-08T00:00'],
  )
  await checkBooks(t)
})

test('what is not paid is tried, works on, is suspended, announced and at last over; each is told once', async () => {
  await using t = await started(1000)
  const slots = async () =>
    (await changed(t, (tx, { workspaceId }) => slotsOf(tx, workspaceId)))?.allocated ?? 0
  for (const [moment, state, attempts, news, allocated] of [
    ['2030-02-21T12:00:00Z', 'active', 0, ['renewal_due'], 10],
    ['2030-02-27T12:00:00Z', 'active', 0, ['renewal_due'], 10],
    ['2030-02-28T12:00:00Z', 'past_due', 1, ['past_due'], 10],
    ['2030-03-01T11:00:00Z', 'past_due', 1, [], 10],
    ['2030-03-01T12:00:00Z', 'past_due', 2, [], 10],
    ['2030-03-03T12:00:00Z', 'past_due', 3, [], 10],
    ['2030-03-05T12:00:00Z', 'past_due', 4, [], 10],
    ['2030-03-07T12:00:00Z', 'suspended', 5, ['suspended'], 0],
    ['2030-03-23T12:00:00Z', 'suspended', 6, ['deletion_announced'], 0],
    ['2030-03-30T11:59:59Z', 'suspended', 6, [], 0],
    ['2030-03-30T12:00:00Z', 'canceled', 7, ['canceled'], 0],
    ['2030-06-01T12:00:00Z', 'canceled', 7, [], 0],
  ] as const) {
    await t.renewAt(moment)
    await renewSubscriptions(t.platform)
    const subscription = await t.subscription()
    assert.deepEqual(
      [subscription.state, subscription.payment_attempts, await t.news(), await slots()],
      [state, attempts, news, allocated],
      moment,
    )
  }
  assert.equal((await t.bills()).length, 1)
  await checkBooks(t)
})

test('who pays in the days of grace pays from the old end on; who pays later, from then on', async () => {
  for (const [paidAt, ends, bill] of [
    ['2030-03-06T00:00:00Z', '2030-03-31T12:00', 'period plan 2030-02-28..2030-03-31 1000'],
    ['2030-03-15T08:00:00Z', '2030-04-15T08:00', 'period plan 2030-03-15..2030-04-15 1000'],
  ] as const) {
    await using t = await started(1000)
    await t.renewAt('2030-02-28T12:00:00Z')
    await t.renewAt('2030-03-05T12:00:00Z')
    await t.renewAt('2030-03-07T11:00:00Z')
    if (paidAt > '2030-03-07') await t.renewAt('2030-03-07T12:00:00Z')
    await t.news()
    t.at(paidAt)
    // Not enough changes nothing.
    await giveMoney(t.platform, t.scope, 999)
    await settleSubscription(t.platform, t.scope.workspaceId)
    assert.deepEqual(await t.news(), [], paidAt)
    await giveMoney(t.platform, t.scope, 1)
    await settleSubscription(t.platform, t.scope.workspaceId)
    await settleSubscription(t.platform, t.scope.workspaceId)
    assert.deepEqual(await t.news(), ['renewed', 'reactivated'], paidAt)
    const { state, unpaid_since, payment_attempts, period_ends_at, deletion_at } = await t.subscription()
    assert.deepEqual([state, unpaid_since, payment_attempts, deletion_at], ['active', null, 0, null], paidAt)
    assert.equal(day(period_ends_at), ends)
    assert.equal((await t.bills()).at(-1), bill)
    await checkBooks(t)
  }
})

test('a cancellation is of the period in which it is asked for, until its last moment, however late the job', async () => {
  const cancel = (t: TestSubscriptions, at: 'period_end' | 'now' = 'period_end') =>
    changed(t, async (tx, scope) =>
      cancelSubscription(t.platform, tx, scope, (await t.subscription()).id, at),
    )
  const keep = (t: TestSubscriptions) =>
    changed(t, async (tx, scope) => keepSubscription(t.platform, tx, scope, (await t.subscription()).id))
  const refused = { code: 'subscription_state_conflict' }

  await using before = await started(5000)
  before.at('2030-02-28T11:59:59.999Z')
  await cancel(before)
  await cancel(before)
  await keep(before)
  await keep(before)
  await cancel(before)
  before.at('2030-02-28T12:00:00Z')
  await assert.rejects(keep(before), refused)
  await before.renewAt('2030-05-01T00:00:00Z')
  const ended = await before.subscription()
  assert.deepEqual([ended.state, day(ended.ended_at)], ['canceled', '2030-02-28T12:00'])
  assert.deepEqual(await before.news(), [
    'renewal_due',
    'cancellation_scheduled',
    'cancellation_withdrawn',
    'cancellation_scheduled',
    'canceled',
  ])
  await assert.rejects(cancel(before, 'now'), refused)
  assert.equal((await before.bills()).length, 1)
  await checkBooks(before)

  // The job has not come yet: the cancellation is of the period that has begun.
  await using after = await started(5000)
  after.at('2030-02-28T12:00:00Z')
  const next = await cancel(after)
  assert.deepEqual(
    [next.state, next.cancel_at_period_end, day(next.period_ends_at)],
    ['active', true, '2030-03-31T12:00'],
  )
  assert.deepEqual(await after.news(), ['renewed', 'cancellation_scheduled'])
  // Who goes is not told of a renewal.
  await after.renewAt('2030-03-30T12:00:00Z')
  assert.deepEqual(await after.news(), [])
  await keep(after)
  await renewSubscriptions(after.platform)
  assert.deepEqual(await after.news(), ['cancellation_withdrawn', 'renewal_due'])
  await cancel(after, 'now')
  const over = await after.subscription()
  assert.deepEqual([over.state, day(over.ended_at)], ['canceled', '2030-03-30T12:00'])
  assert.equal((await balanceOf(after.platform, after.scope.workspaceId)).balance, 3000)
  await checkBooks(after)

  // What is not paid has no period to its end.
  await using unpaid = await started(1000)
  await unpaid.renewAt('2030-02-28T12:00:00Z')
  assert.equal((await cancel(unpaid)).state, 'canceled')
  await checkBooks(unpaid)
})

test('two nodes renew at once, and a wallet that is spent from meanwhile is never overdrawn', async () => {
  await using t = await startTestSubscriptions()
  await makePlan(t.platform, { code: 'small', monthly: 1000, slot: 100 })
  const workspaces = await t.platform.db
    .insertInto('workspaces')
    .values(
      Array.from({ length: 40 }, (_, index) => ({
        id: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
        organization_id: t.scope.organizationId,
        name: `w${index}`,
        is_default: false,
        created_at: t.platform.clock.now(),
      })),
    )
    .returning('id')
    .execute()
  for (const { id } of workspaces) {
    const scope = { ...t.scope, workspaceId: id }
    await giveMoney(t.platform, scope, 4800)
    await changed({ platform: t.platform, scope }, (tx) =>
      subscribe(t.platform, tx, scope, { plan: 'small', period: 'monthly', extraSlots: 2 }),
    )
  }
  t.at('2030-04-01T00:00:00Z')
  const other = { ...t.platform, nodeId: '00000000-0000-7000-8000-00000000ffff' }
  await Promise.all([t.platform, other, t.platform, other].map((node) => renewSubscriptions(node)))
  await renewSubscriptions(t.platform)
  const all = await t.subscriptions()
  assert.deepEqual(
    new Set(all.map((one) => `${one.state} ${day(one.period_ends_at)}`)),
    new Set(['active 2030-04-30T12:00']),
  )
  assert.equal((await t.bills()).length, 40 * 3 * 2)
  await checkBooks(t)
})

test('a plan without a price is renewed for nothing, and one of a deleted workspace not at all', async () => {
  await using t = await started(1000)
  await t.platform.db
    .updateTable('prices')
    .set({ valid_until: new Date('2030-02-01T00:00:00Z') })
    .execute()
  await t.renewAt('2030-02-28T12:00:00Z')
  assert.deepEqual(await t.news(), ['renewed'])
  assert.equal((await t.subscription()).plan_invoice_id, null)
  await t.platform.db
    .updateTable('workspaces')
    .set({ deleted_at: new Date('2030-03-10T00:00:00Z') })
    .execute()
  await t.renewAt('2030-03-31T12:00:00Z')
  assert.deepEqual([(await t.subscription()).state, await t.news()], ['canceled', ['canceled']])
  await assertBooks(t.platform)
})
