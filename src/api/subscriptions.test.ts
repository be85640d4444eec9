import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { renewSubscriptions } from '../billing/subscriptions/renew.ts'
import { addDuration } from '../platform/clock.ts'
import {
  at,
  type CallOptions,
  listAt,
  type Reply,
  refusal,
  startTestApi,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { assertBooks, assertPeriods, balanceOf, giveMoney, setPrice } from '../testing/test-billing.ts'
import { makePlan } from '../testing/test-subscriptions.ts'

let api: TestApi
let time = new Date('2030-01-31T12:00:00Z')
const advance = (duration: string): void => {
  time = addDuration(time, duration)
}

before(async () => {
  api = await startTestApi({ requestsPerMinute: 1e9, environment: { MAILWRIGHT_BILLING: 'on' } })
  // A preview and the call behind it are of one moment.
  Object.assign(api.platform.clock, { now: () => new Date(time) })
  const { platform } = api
  await makePlan(platform, { code: 'small', monthly: 1000, slot: 100 })
  await makePlan(platform, { code: 'large', slots: 50, monthly: 4000, yearly: 30_000, slot: 70 })
  await makePlan(platform, { code: 'bare', slots: 1, monthly: 100 })
  const gone = await makePlan(platform, { code: 'gone', monthly: 100 })
  await platform.db.updateTable('plans').set({ archived_at: time }).where('id', '=', gone).execute()
  const unpriced = await makePlan(platform, { code: 'unpriced', monthly: 100 })
  await platform.db.deleteFrom('prices').where('plan_id', '=', unpriced).execute()
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 300 })
})
after(async () => {
  try {
    await assertBooks(api.platform)
    await assertPeriods(api.platform)
  } finally {
    await api[Symbol.asyncDispose]()
  }
})

type Customer = {
  workspaceId: string
  ask(method: string, path: string, body?: object, more?: CallOptions): Promise<Reply>
  balance(): Promise<number>
}

/** A workspace with money. */
async function customer(money: number, taxBasisPoints = 0): Promise<Customer> {
  const { organizationId, workspaceId, key } = await api.tenant()
  await giveMoney(api.platform, { organizationId, workspaceId }, money)
  await api.platform.db
    .insertInto('billing_details')
    .values({ workspace_id: workspaceId, tax_rate_basis_points: taxBasisPoints, updated_at: time })
    .execute()
  return {
    workspaceId,
    ask: (method, path, body, more = {}) =>
      api.call(method, `/v1/subscriptions${path}`, { body, key, ...more }),
    balance: async () => (await balanceOf(api.platform, workspaceId)).balance,
  }
}

const monthly = (plan: string, more: object = {}): object => ({ plan, period: 'monthly', ...more })

async function subscribed(
  money: number,
  body: object,
  taxBasisPoints = 0,
): Promise<Customer & { path: string }> {
  const who = await customer(money, taxBasisPoints)
  const reply = await who.ask('POST', '', body)
  assert.equal(reply.status, 201, reply.text)
  return { ...who, path: `/${textAt(reply.json, 'id')}` }
}

test('a plan is taken, paid and shown', async () => {
  const who = await customer(10_000, 1900)
  const body = monthly('small', { extra_slots: 3 })
  const previewed = await who.ask('POST', '', { ...body, preview: true })
  assert.deepEqual(at(previewed.json, 'charge'), { amount: 1190 + 357, currency: 'USD' })
  assert.deepEqual(at(previewed.json, 'objects'), [
    { type: 'subscription', action: 'create', id: null, name: 'small', state: 'active' },
  ])
  assert.deepEqual((await who.ask('GET', '')).json, { data: [], next_cursor: null })
  const once = { headers: { 'idempotency-key': 'first' } }
  const made = await who.ask('POST', '', body, once)
  assert.equal(made.status, 201, made.text)
  assert.deepEqual((await who.ask('POST', '', body, once)).json, made.json)
  assert.equal(await who.balance(), 10_000 - 1547)
  const shown = { ...Object(made.json) }
  assert.equal(made.headers.get('location'), `/v1/subscriptions/${shown.id}`)
  assert.deepEqual(
    { ...shown, id: null, plan: shown.plan.code, created_at: null },
    {
      id: null,
      kind: 'plan',
      state: 'active',
      plan: 'small',
      mailbox: null,
      extra_slots: 3,
      slots: { allocated: 13, used: 0, remaining: 13 },
      period: 'monthly',
      period_started_at: time.toISOString(),
      period_ends_at: addDuration(time, 'P1M').toISOString(),
      next_plan: null,
      next_period: null,
      next_extra_slots: null,
      cancel_at_period_end: false,
      next_charge: { at: addDuration(time, 'P1M').toISOString(), amount: 1547, currency: 'USD' },
      unpaid_since: null,
      deletion_at: null,
      notes: null,
      created_at: null,
      ended_at: null,
    },
  )
  assert.deepEqual((await who.ask('GET', `/${shown.id}`)).json, made.json)
  assert.deepEqual(listAt((await who.ask('GET', '')).json, 'data'), [made.json])
})

test('what is refused', async () => {
  const who = await customer(999)
  for (const [body, expected] of [
    [monthly('none'), '404 plan_not_found'],
    [monthly('gone'), '404 plan_not_found'],
    [monthly('unpriced'), '409 item_not_priced'],
    [monthly('bare', { extra_slots: 1 }), '409 item_not_priced'],
    [monthly('small'), '402 insufficient_funds'],
    [{ plan: 'small' }, '400 invalid_request'],
    [monthly('small', { extra_slots: -1 }), '400 invalid_request'],
    [monthly('small', { period: 'weekly' }), '400 invalid_request'],
  ] as const) {
    assert.equal(refusal(await who.ask('POST', '', body)), expected, JSON.stringify(body))
  }
  const { path, ask } = await subscribed(1000, monthly('small'))
  for (const [method, under, body, expected] of [
    ['POST', '', monthly('large'), '409 subscription_exists'],
    ['PATCH', path, { plan: 'none' }, '404 plan_not_found'],
    ['PATCH', path, { plan: 'unpriced' }, '409 item_not_priced'],
    ['PATCH', path, { plan: 'large' }, '402 insufficient_funds'],
    ['PATCH', '/00000000-0000-7000-8000-000000000000', {}, '404 subscription_not_found'],
    ['PATCH', '/x', {}, '404 subscription_not_found'],
    ['POST', '/x/cancel', {}, '404 subscription_not_found'],
    ['POST', `${path}/cancel`, { at: 'never' }, '400 invalid_request'],
    ['GET', '/x', undefined, '404 subscription_not_found'],
  ] as const) {
    assert.equal(
      refusal(await ask(method, under, body)),
      expected,
      `${method} ${under} ${JSON.stringify(body)}`,
    )
  }
  const { json } = await ask('PATCH', path, { plan: 'large', preview: true })
  assert.deepEqual(
    [at(json, 'charge', 'amount'), at(json, 'notes')],
    [3000, ['The wallet lacks 30.00 USD for it.']],
  )
  assert.equal(
    refusal(await ask('PATCH', path, {}, { headers: { 'if-match': 'W/"7"' } })),
    '412 edit_conflict',
  )
  assert.equal((await ask('PATCH', path, {}, { headers: { 'if-match': 'W/"1"' } })).status, 200)
  assert.equal((await ask('POST', `${path}/cancel`, { at: 'now' })).status, 200)
  for (const [method, under] of [
    ['PATCH', path],
    ['POST', `${path}/keep`],
    ['POST', `${path}/cancel`],
  ] as const) {
    assert.equal(refusal(await ask(method, under, {})), '409 subscription_state_conflict')
  }
  // It is over: another may be taken.
  assert.equal(refusal(await ask('POST', '', monthly('small'))), '402 insufficient_funds')
})

test('an upgrade is at once, a downgrade waits, and either is taken back', async () => {
  const { path, ask, balance, workspaceId } = await subscribed(100_000, monthly('small'))
  const view = async (body: object) => {
    const { json, text, status } = await ask('PATCH', path, body)
    assert.equal(status, 200, text)
    const { plan, next_plan, period, next_period, extra_slots, next_extra_slots } = Object(json)
    return [plan.code, period, extra_slots, next_plan?.code ?? null, next_period, next_extra_slots]
  }
  const spent = async (): Promise<number> => 100_000 - (await balance())
  advance('P14D')
  assert.deepEqual(await view({ plan: 'large' }), ['large', 'monthly', 0, null, null, null])
  assert.equal(await spent(), 1000 - 500 + 2000)
  assert.deepEqual(await view({ plan: 'small' }), ['large', 'monthly', 0, 'small', null, null])
  assert.deepEqual(await view({}), ['large', 'monthly', 0, null, null, null])
  assert.deepEqual(await view({ extra_slots: 4 }), ['large', 'monthly', 4, null, null, null])
  assert.deepEqual(await view({ plan: 'small', extra_slots: 1 }), ['large', 'monthly', 4, 'small', null, 1])
  assert.equal(await spent(), 2500 + 140)
  advance('P14D')
  await renewSubscriptions(api.platform)
  assert.deepEqual(await view({}), ['small', 'monthly', 1, null, null, null])
  assert.equal(await spent(), 2640 + 1100)
  // Longer is at once, with a new day; shorter waits for the end of the year.
  advance('PT6H')
  const left = (31 * 24 - 6) / (31 * 24)
  assert.deepEqual(await view({ period: 'yearly' }), ['small', 'yearly', 1, null, null, null])
  assert.equal(await spent(), 3740 - Math.round(1000 * left) - Math.round(100 * left) + 11_000)
  assert.equal(at((await ask('GET', path)).json, 'period_ends_at'), addDuration(time, 'P1Y').toISOString())
  assert.deepEqual(await view({ period: 'monthly' }), ['small', 'yearly', 1, null, 'monthly', null])
  advance('P1Y')
  await renewSubscriptions(api.platform)
  assert.deepEqual(await view({}), ['small', 'monthly', 1, null, null, null])
  const events = await api.platform.db
    .selectFrom('events')
    .select('type')
    .where('workspace_id', '=', workspaceId)
    .where('type', 'like', 'billing.subscription_%')
    .execute()
  assert.equal(events.filter(({ type }) => type.endsWith('changed')).length, 9)
})

test('credit is of what was really paid: less its discount', async () => {
  const { path, ask, balance, workspaceId } = await customer(100_000).then(async (who) => {
    await api.platform.db
      .insertInto('coupons')
      .values({
        id: '00000000-0000-7000-8000-0000000000c0',
        code: 'HALF',
        kind: 'percent',
        percent_basis_points: 5000,
        amount: null,
        currency: null,
        items: null,
        months: null,
        redemptions_max: null,
        valid_from: new Date(0),
        valid_until: null,
        created_at: time,
      })
      .execute()
    await api.platform.db
      .insertInto('coupon_redemptions')
      .values({
        workspace_id: who.workspaceId,
        coupon_id: '00000000-0000-7000-8000-0000000000c0',
        redeemed_at: time,
        ends_at: addDuration(time, 'PT1H'),
      })
      .execute()
    const made = await who.ask('POST', '', monthly('small'))
    return { ...who, path: `/${textAt(made.json, 'id')}` }
  })
  assert.equal(await balance(), 99_500)
  const { period_started_at, period_ends_at } = Object((await ask('GET', path)).json)
  const middle = new Date((Date.parse(period_started_at) + Date.parse(period_ends_at)) / 2)
  time = middle
  assert.equal((await ask('PATCH', path, { plan: 'large' })).status, 200)
  assert.equal(await balance(), 99_500 + 250 - 2000)
  const lines = await api.platform.db
    .selectFrom('invoice_lines')
    .select(['kind', 'amount', 'period_started_at', 'period_ends_at'])
    .where('workspace_id', '=', workspaceId)
    .where('kind', '=', 'proration')
    .orderBy('id')
    .execute()
  const span = { period_started_at: middle, period_ends_at: new Date(period_ends_at) }
  assert.deepEqual(lines, [
    { kind: 'proration', amount: -250, ...span },
    { kind: 'proration', amount: 2000, ...span },
  ])
})

test('cancellation, kept and not, as callers see it', async () => {
  const { path, ask, balance } = await subscribed(5000, monthly('small'))
  const end = addDuration(time, 'P1M').toISOString()
  const tried = await ask('POST', `${path}/cancel`, { preview: true })
  assert.deepEqual(
    at(tried.json, 'objects', 0, 'at'),
    textAt((await ask('GET', path)).json, 'period_ends_at'),
  )
  const canceled = await ask('POST', `${path}/cancel`)
  assert.deepEqual(
    [at(canceled.json, 'cancel_at_period_end'), at(canceled.json, 'next_charge')],
    [true, null],
  )
  const kept = await ask('POST', `${path}/keep`)
  assert.deepEqual(
    [at(kept.json, 'cancel_at_period_end'), at(kept.json, 'next_charge', 'amount')],
    [false, 1000],
  )
  await ask('POST', `${path}/cancel`)
  time = new Date(textAt(kept.json, 'period_ends_at'))
  assert.ok(time.toISOString() <= end)
  await renewSubscriptions(api.platform)
  const over = await ask('GET', path)
  assert.deepEqual([at(over.json, 'state'), at(over.json, 'ended_at')], ['canceled', time.toISOString()])
  assert.deepEqual(listAt((await ask('GET', '')).json, 'data'), [])
  assert.equal(await balance(), 4000)
})

test('what is not paid may be changed to what can be', async () => {
  const { path, ask, balance } = await subscribed(4000 + 1000, monthly('large'))
  time = new Date(textAt((await ask('GET', path)).json, 'period_ends_at'))
  await renewSubscriptions(api.platform)
  const unpaid = (await ask('GET', path)).json
  assert.deepEqual(
    [at(unpaid, 'state'), at(unpaid, 'unpaid_since'), at(unpaid, 'next_charge')],
    [
      'past_due',
      time.toISOString(),
      { at: addDuration(time, 'P1D').toISOString(), amount: 4000, currency: 'USD' },
    ],
  )
  advance('PT5H')
  const smaller = await ask('PATCH', path, { plan: 'small' })
  assert.deepEqual([at(smaller.json, 'state'), at(smaller.json, 'plan', 'code')], ['active', 'small'])
  assert.equal(await balance(), 0)
})

type Step = { wait: string; renew: boolean; method: string; under: string; body: object }

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom('PT0S', 'PT1H', 'P9D', 'P1M', 'P2M', 'P1Y'),
    fc.boolean(),
    fc.oneof(
      fc
        .record(
          {
            plan: fc.constantFrom('small', 'large'),
            period: fc.constantFrom('monthly', 'yearly'),
            extra_slots: fc.integer({ min: 0, max: 9 }),
          },
          { requiredKeys: [] },
        )
        .map((body) => ({ method: 'PATCH', under: '', body })),
      fc.constantFrom('period_end', 'now').map((at) => ({ method: 'POST', under: '/cancel', body: { at } })),
      fc.constant({ method: 'POST', under: '/keep', body: {} }),
    ),
  )
  .map(([wait, renew, call]) => ({ wait, renew, ...call }))

test('the preview of every call is what it then takes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 3000 }),
      async (steps, tax) => {
        const { path, ask, balance, workspaceId } = await subscribed(
          10_000_000,
          monthly('small', { extra_slots: 2 }),
          tax,
        )
        for (const { wait, renew, method, under, body } of steps) {
          advance(wait)
          if (renew) await renewSubscriptions(api.platform)
          const previewed = await ask(method, path + under, { ...body, preview: true })
          const before = await balance()
          const made = await ask(method, path + under, body)
          assert.equal(made.status, previewed.status, made.text)
          if (made.status !== 200) return
          assert.equal(
            before - (await balance()),
            at(previewed.json, 'charge', 'amount'),
            `${method} ${JSON.stringify(body)}`,
          )
        }
        const { rows } = await api.platform.pool.query(
          'select coalesce(sum(total), 0)::bigint as total from invoices where workspace_id = $1',
          [workspaceId],
        )
        assert.equal(10_000_000 - (await balance()), rows[0].total)
      },
    ),
    { numRuns: 40 },
  )
})
