/** Mailboxes pay: bought, renewed, unpaid, restored; the books add up after each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { handlersWith, runJobs } from '../../testing/test-jobs.ts'
import { activateWaitingMailboxes } from '../domain-activation.ts'

type Shop = TestApi & {
  create(body: object): Promise<Reply>
  post(address: string, action: string, body?: object): Promise<Reply>
  get(address: string): Promise<unknown>
  money(): Promise<{ balance: number; held: number }>
  pay(amount: number): Promise<void>
  pass(duration: string): Promise<void>
}

/** A monthly mailbox costs 500, a yearly one 5000. */
async function openShop(money: number): Promise<Shop> {
  const api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  const { platform, scope } = api
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 500 })
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'yearly', unit_amount: 5000 })
  if (money > 0) await giveMoney(platform, scope, money)
  return {
    ...api,
    create: (body) => api.call('POST', '/v1/mailboxes', { body }),
    post: (address, action, body) => api.call('POST', `/v1/mailboxes/${address}/${action}`, { body }),
    get: async (address) => (await api.call('GET', `/v1/mailboxes/${address}`)).json,
    money: () => balanceOf(platform, scope.workspaceId),
    pay: async (amount) => {
      await giveMoney(platform, scope, amount)
      await handlersWith({})['billing.settle'](platform, { workspace_id: scope.workspaceId })
      await runJobs(platform)
    },
    pass: async (duration) => {
      const moved = await api.call('POST', '/v1/test/clock', { body: { advance: duration } })
      assert.equal(moved.status, 200)
      await handlersWith({})['mailbox.end_periods'](platform, {})
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

const shown = (json: unknown): unknown[] => ['state', 'in_slot', 'unpaid_since'].map((name) => at(json, name))

async function linesOf({ platform }: Shop, address: string): Promise<unknown[]> {
  const { rows } = await sql<{ amount: number }>`select amount from invoice_lines
    join mailboxes on mailboxes.id = subject_id where address = ${address} order by period_started_at`.execute(
    platform.db,
  )
  return rows.map(({ amount }) => amount)
}

/** No period of a mailbox is billed twice, and they touch each other. */
async function assertNoGaps({ platform }: Shop, address: string): Promise<void> {
  const { rows } = await sql<{
    starts: Date
    ends: Date
  }>`select line.period_started_at as starts, line.period_ends_at as ends
    from invoice_lines as line join mailboxes on mailboxes.id = subject_id where address = ${address}
    order by period_started_at`.execute(platform.db)
  for (const [index, { starts }] of rows.entries()) {
    if (index > 0) assert.deepEqual(starts, rows[index - 1]?.ends)
  }
}

/** A plan of so many slots for local mailboxes, as if it were paid. */
async function givePlan({ platform, scope }: Shop, slots: number): Promise<void> {
  const now = platform.clock.now()
  const planId = newId()
  await platform.db
    .insertInto('plans')
    .values({
      id: planId,
      code: planId,
      name: 'Plan',
      description: null,
      slots,
      services: ['local'],
      archived_at: null,
      created_at: now,
      updated_at: now,
    })
    .execute()
  await sql`insert into subscriptions (id, organization_id, workspace_id, plan_id, extra_slots, state, period,
      period_anchor_at, period_started_at, period_ends_at, cancel_at_period_end, version, created_at, updated_at)
    values (${newId()}, ${scope.organizationId}, ${scope.workspaceId}, ${planId}, 0, 'active', 'yearly', ${now}, ${now},
      ${new Date(now.getTime() + 1e12)}, false, 1, ${now}, ${now})`.execute(platform.db)
}

test('one mailbox is paid when it is made, or is not made and leaves nothing', async () => {
  await using shop = await openShop(1200)
  const tried = await shop.create({ address: 'a@demo.test', preview: true })
  assert.deepEqual(at(tried.json, 'charge'), { amount: 500, currency: 'USD' })
  assert.equal((await shop.create({ address: 'a@demo.test' })).status, 201)
  assert.equal((await shop.create({ address: 'b@demo.test' })).status, 201)
  assert.deepEqual(await shop.money(), { balance: 200, held: 0 })
  const poor = await shop.create({ address: 'c@demo.test' })
  assert.equal(refusal(poor), '402 insufficient_funds')
  const preview = await shop.create({ address: 'c@demo.test', preview: true })
  assert.equal(at(preview.json, 'charge', 'amount'), 500)
  assert.match(textAt(preview.json, 'notes', 0), /lacks 3\.00 USD/)
  await shop.pay(300)
  assert.equal((await shop.create({ address: 'c@demo.test' })).status, 201)
  const unpriced = await shop.create({ address: 'd@demo.test', period: 'yearly' })
  assert.equal(refusal(unpriced), '402 insufficient_funds')
  await sql`delete from prices where period = 'yearly'`.execute(shop.platform.db)
  assert.equal(
    refusal(await shop.create({ address: 'd@demo.test', period: 'yearly' })),
    '409 item_not_priced',
  )
  const { rows } = await sql<{
    description: string
  }>`select description from invoice_lines order by id`.execute(shop.platform.db)
  assert.equal(rows[0]?.description, 'Mailbox a@demo.test (local, monthly)')
  await assertBooks(shop.platform)
})

test('of a batch those are made that the money reaches for, in their order; the others leave their addresses free', async () => {
  await using shop = await openShop(1000)
  const mailboxes = ['z', 'y', 'x'].map((name) => ({ address: `${name}@demo.test` }))
  const made = await shop.create({ mailboxes })
  assert.deepEqual(
    [0, 1, 2].map((index) => at(made.json, 'data', index, 'status')),
    ['created', 'created', 'failed'],
  )
  assert.equal(at(made.json, 'data', 2, 'problem', 'code'), 'insufficient_funds')
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  const { rows } = await sql<{ address: string }>`select address from addresses order by address`.execute(
    shop.platform.db,
  )
  assert.deepEqual(
    rows.map(({ address }) => address),
    ['y@demo.test', 'z@demo.test'],
  )
  await assertBooks(shop.platform)
})

test('volume steps count those that are there with those that are asked for', async () => {
  await using shop = await openShop(10_000)
  await setPrice(shop.platform, {
    item: 'mailbox',
    service: 'local',
    period: 'monthly',
    workspace_id: shop.scope.workspaceId,
    unit_amount: 100,
    steps: [{ from: 3, unit_amount: 10 }],
  })
  await shop.create({ address: 'a@demo.test' })
  const mailboxes = ['b', 'c'].map((name) => ({ address: `${name}@demo.test` }))
  const tried = await shop.create({ mailboxes, preview: true })
  assert.equal(at(tried.json, 'charge', 'amount'), 20)
  await shop.create({ mailboxes })
  assert.equal((await shop.money()).balance, 10_000 - 120)
  await shop.pass('P32D')
  assert.equal((await shop.money()).balance, 10_000 - 150)
  await assertBooks(shop.platform)
})

test('what waits for its domain has its money put aside, billed when it begins, given back when it goes', async () => {
  await using shop = await openShop(1500)
  const domain = await shop.call('POST', '/v1/domains', { body: { name: 'later.example' } })
  const domainId = textAt(domain.json, 'id')
  const names = ['a', 'b', 'c', 'd'].map((name) => `${name}@later.example`)
  const made = await shop.create({ mailboxes: names.map((address) => ({ address })) })
  assert.equal(at(made.json, 'data', 3, 'problem', 'code'), 'insufficient_funds')
  assert.deepEqual(await shop.money(), { balance: 0, held: 1500 })
  await shop.call('DELETE', '/v1/mailboxes/a@later.example')
  assert.deepEqual(await shop.money(), { balance: 500, held: 1000 })
  assert.equal((await shop.post('a@later.example', 'restore')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 0, held: 1500 })
  await shop.call('DELETE', '/v1/mailboxes/b@later.example')
  // Another first period costs something else.
  const yearly = await shop.call('PATCH', '/v1/mailboxes/a@later.example', { body: { period: 'yearly' } })
  assert.equal(refusal(yearly), '402 insufficient_funds')
  await transaction(shop.platform.db, (tx) =>
    tx.updateTable('domains').set({ state: 'active' }).where('id', '=', domainId).execute(),
  )
  await activateWaitingMailboxes(shop.platform, domainId)
  assert.deepEqual(await shop.money(), { balance: 500, held: 0 })
  const begun = await shop.get('a@later.example')
  assert.equal(at(begun, 'state'), 'active')
  const { rows } = await sql<{ ends: Date }>`select period_ends_at as ends from invoice_lines
    where subject_id = ${textAt(begun, 'id')}`.execute(shop.platform.db)
  assert.deepEqual(
    rows.map(({ ends }) => ends.toISOString()),
    [at(begun, 'period_ends_at')],
  )
  await assertBooks(shop.platform)
})

test('a request holds its money, and gives it back when it fails', async () => {
  await using shop = await openShop(700)
  const asked = await shop.call('POST', '/v1/mailbox-requests', {
    body: { mailboxes: [{ address: 'a@demo.test' }] },
  })
  assert.equal(asked.status, 200, asked.text)
  const id = textAt(asked.json, 'data', 0, 'request', 'id')
  const move = (state: string) => shop.call('PATCH', `/v1/mailbox-requests/${id}`, { body: { state } })
  assert.deepEqual(await shop.money(), { balance: 200, held: 500 })
  assert.equal((await move('failed')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 700, held: 0 })
  assert.equal((await move('pending')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 200, held: 500 })
  assert.equal((await move('completed')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 200, held: 0 })
  assert.deepEqual(await linesOf(shop, 'a@demo.test'), [500])
  await assertBooks(shop.platform)
})

test('renewals are billed, late ones period by period, and twice is once', async () => {
  await using shop = await openShop(5000)
  await shop.create({ address: 'a@demo.test' })
  await shop.pass('P32D')
  await shop.pass('PT1S')
  assert.deepEqual(await linesOf(shop, 'a@demo.test'), [500, 500])
  await shop.call('PATCH', '/v1/mailboxes/a@demo.test', { body: { period: 'yearly' } })
  await shop.call('PATCH', '/v1/mailboxes/a@demo.test', { body: { period: 'monthly' } })
  const moved = await shop.call('POST', '/v1/test/clock', { body: { advance: 'P92D' } })
  assert.equal(moved.status, 200)
  const run = () => handlersWith({})['mailbox.end_periods'](shop.platform, {})
  await Promise.all([run(), run(), run()])
  assert.deepEqual(await linesOf(shop, 'a@demo.test'), [500, 500, 500, 500, 500])
  await assertNoGaps(shop, 'a@demo.test')
  assert.equal(await shop.money().then(({ balance }) => balance), 2500)
  // A canceled one is never billed again.
  await shop.post('a@demo.test', 'cancel')
  await shop.pass('P40D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'deletion_scheduled')
  assert.equal((await shop.money()).balance, 2500)
  assert.equal(
    at((await shop.post('a@demo.test', 'restore', { preview: true })).json, 'charge', 'amount'),
    500,
  )
  assert.equal((await shop.post('a@demo.test', 'restore')).status, 200)
  assert.equal((await shop.money()).balance, 2000)
  await shop.call('DELETE', '/v1/mailboxes/a@demo.test')
  await shop.post('a@demo.test', 'restore')
  assert.equal((await shop.money()).balance, 2000)
  await assertBooks(shop.platform)
})

test('what is unpaid works on, is suspended, told of its deletion, and deleted', async () => {
  await using shop = await openShop(500)
  const made = (await shop.create({ address: 'a@demo.test' })).json
  await shop.pass('P32D')
  const unpaid = await shop.get('a@demo.test')
  assert.deepEqual(shown(unpaid), ['active', false, at(made, 'period_ends_at')])
  await shop.pass('P7D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'suspended')
  assert.equal(refusal(await shop.post('a@demo.test', 'resume')), '402 mailbox_unpaid')
  await shop.pass('P16D')
  const { rows } = await sql<{ data: { deletes_at: string } }>`select data from events
    where type = 'billing.mailbox_deletion_announced'`.execute(shop.platform.db)
  assert.equal(rows.length, 1)
  await shop.pass('P5D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'suspended')
  await shop.pass('P3D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'deletion_scheduled')
  assert.equal(refusal(await shop.post('a@demo.test', 'restore')), '402 insufficient_funds')
  await shop.pay(500)
  assert.equal((await shop.post('a@demo.test', 'restore')).status, 200)
  assert.deepEqual(shown(await shop.get('a@demo.test')), ['active', false, null])
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('money that comes in grace pays from the old end, after a suspension from now; who suspended himself stays so', async () => {
  await using shop = await openShop(1500)
  for (const name of ['a', 'b', 'c']) await shop.create({ address: `${name}@demo.test` })
  await shop.post('c@demo.test', 'suspend')
  await shop.pass('P32D')
  await shop.pay(500)
  // The first in order is paid.
  assert.deepEqual(
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => at(await shop.get(`${name}@demo.test`), 'unpaid_since') === null),
    ),
    [true, false, false],
  )
  await assertNoGaps(shop, 'a@demo.test')
  await shop.pass('P7D')
  await shop.pay(1000)
  const [b, c] = [await shop.get('b@demo.test'), await shop.get('c@demo.test')]
  assert.deepEqual(shown(b), ['active', false, null])
  assert.deepEqual(shown(c), ['suspended', false, null])
  const end = new Date(textAt(b, 'period_ends_at')).getTime()
  assert.ok(end > shop.platform.clock.now().getTime() + 27 * 24 * 3600_000)
  assert.equal((await shop.post('c@demo.test', 'resume')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('what waits for money goes on when it comes, or is given up and lets its address go', async () => {
  await using shop = await openShop(500)
  const mailboxes = ['a', 'b', 'c'].map((name) => ({ address: `${name}@demo.test` }))
  const made = await shop.create({ mailboxes, wait_for_payment: true })
  const batch = textAt(made.json, 'batch_id')
  assert.deepEqual(
    [0, 1, 2].map((index) => at(made.json, 'data', index, 'mailbox', 'state')),
    ['active', 'waiting_payment', 'waiting_payment'],
  )
  await shop.pay(500)
  assert.equal(at(await shop.get('b@demo.test'), 'state'), 'active')
  assert.deepEqual(await linesOf(shop, 'b@demo.test'), [500])
  assert.equal(at(await shop.get('c@demo.test'), 'state'), 'waiting_payment')
  await shop.pass('P4D')
  const { json } = await shop.call('GET', `/v1/batches/${batch}`)
  assert.deepEqual(
    ['created', 'pending', 'failed'].map((name) => at(json, name)),
    [2, 0, 1],
  )
  await shop.pay(500)
  assert.equal((await shop.create({ address: 'c@demo.test' })).status, 201)
  await assertBooks(shop.platform)
})

test('slots go first, and are kept while the plan has them', async () => {
  await using shop = await openShop(1000)
  await shop.create({ address: 'before@demo.test' })
  await givePlan(shop, 2)
  for (const name of ['a', 'b', 'c'])
    assert.equal((await shop.create({ address: `${name}@demo.test` })).status, 201)
  assert.equal((await shop.money()).balance, 0)
  assert.deepEqual(shown(await shop.get('b@demo.test')), ['active', true, null])
  assert.deepEqual(shown(await shop.get('c@demo.test')), ['active', false, null])
  // The slot of a deleted one is another's at its renewal.
  await shop.call('DELETE', '/v1/mailboxes/a@demo.test')
  await shop.pay(500)
  await shop.pass('P32D')
  assert.deepEqual(
    await Promise.all(
      ['before', 'b', 'c'].map(async (name) => at(await shop.get(`${name}@demo.test`), 'in_slot')),
    ),
    [true, true, false],
  )
  assert.equal((await shop.money()).balance, 0)
  // The plan shrinks: the newest in a slot pays.
  await sql`update plans set slots = 1`.execute(shop.platform.db)
  await shop.pay(1000)
  await shop.pass('P32D')
  assert.deepEqual(
    await Promise.all(
      ['before', 'b', 'c'].map(async (name) => at(await shop.get(`${name}@demo.test`), 'in_slot')),
    ),
    [true, false, false],
  )
  assert.equal((await shop.money()).balance, 0)
  await assertBooks(shop.platform)
})

test('a domain comes back with its mailboxes: what cannot be paid is suspended until it is', async () => {
  await using shop = await openShop(1000)
  const domain = await shop.call('POST', '/v1/domains', { body: { name: 'gone.test' } })
  assert.equal(domain.status, 201)
  for (const name of ['a', 'b']) await shop.create({ address: `${name}@gone.test` })
  const gone = await shop.call('DELETE', '/v1/domains/gone.test?with_mailboxes=true')
  assert.ok(gone.status < 300, gone.text)
  const moved = await shop.call('POST', '/v1/test/clock', { body: { advance: 'P29D' } })
  assert.equal(moved.status, 200)
  await sql`update mailboxes set period_ends_at = now() where state = 'deletion_scheduled'`.execute(
    shop.platform.db,
  )
  await giveMoney(shop.platform, shop.scope, 500)
  const back = await shop.call('POST', '/v1/domains/gone.test/restore')
  assert.equal(back.status, 200, back.text)
  const states = async () =>
    await Promise.all(['a', 'b'].map(async (name) => at(await shop.get(`${name}@gone.test`), 'state')))
  assert.deepEqual(await states(), ['active', 'suspended'])
  await shop.pay(500)
  assert.deepEqual(await states(), ['active', 'active'])
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('many buy at once from one wallet: it never has too little, and nobody is active unpaid', async () => {
  await using shop = await openShop(5000)
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, index) => shop.create({ address: `m${index}@demo.test` })),
  )
  assert.equal(replies.filter(({ status }) => status === 201).length, 10)
  assert.equal(replies.filter((reply) => refusal(reply) === '402 insufficient_funds').length, 20)
  const { rows } = await sql<{
    count: number
  }>`select count(*)::int as count from mailboxes where not exists (
    select 1 from invoice_lines where subject_id = mailboxes.id)`.execute(shop.platform.db)
  assert.deepEqual(rows, [{ count: 0 }])
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('renewals are announced once for each of the days, with what they come to', async () => {
  await using shop = await openShop(5000)
  for (const name of ['a', 'b', 'c']) await shop.create({ address: `${name}@demo.test` })
  await shop.post('c@demo.test', 'cancel')
  const announce = async (duration: string): Promise<unknown[]> => {
    await shop.pass(duration)
    for (const _ of [1, 2]) await handlersWith({})['mailbox.announce_renewals'](shop.platform, {})
    const { rows } = await sql<{ data: unknown }>`select data from events where type = 'billing.renewal_due'
      order by id`.execute(shop.platform.db)
    return rows.map(({ data }) => ['days', 'mailboxes', 'amount'].map((name) => at(data, name)))
  }
  assert.deepEqual(await announce('P20D'), [])
  assert.deepEqual(await announce('P5D'), [[7, 2, 1000]])
  assert.deepEqual(await announce('P1D'), [[7, 2, 1000]])
  assert.equal((await announce('P3DT12H')).length, 2)
})
