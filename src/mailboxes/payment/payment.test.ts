/** Mailboxes are bought: paid at once, put aside, by slots, or waiting; the books add up after each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { at, refusal, textAt } from '../../testing/test-api.ts'
import { assertBooks, setPrice } from '../../testing/test-billing.ts'
import { givePlan, linesOf, openShop, shown } from '../../testing/test-shop.ts'
import { activateWaitingMailboxes } from '../domain-activation.ts'

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

test('one that waits and changes its period is one unit, not two', async () => {
  await using shop = await openShop(10_000)
  await sql`delete from prices where period = 'yearly'`.execute(shop.platform.db)
  const steps = [{ from: 2, unit_amount: 4000 }]
  const yearly = { item: 'mailbox' as const, service: 'local' as const, period: 'yearly' as const }
  await setPrice(shop.platform, { ...yearly, unit_amount: 5000, steps })
  assert.equal((await shop.call('POST', '/v1/domains', { body: { name: 'later.example' } })).status, 201)
  const change = async (name: string): Promise<unknown> =>
    at(
      (await shop.call('PATCH', `/v1/mailboxes/${name}@later.example`, { body: { period: 'yearly' } })).json,
      'period',
    )
  for (const name of ['a', 'b'])
    assert.equal((await shop.create({ address: `${name}@later.example` })).status, 201)
  assert.deepEqual(await shop.money(), { balance: 9000, held: 1000 })
  assert.equal(await change('a'), 'yearly')
  assert.deepEqual(await shop.money(), { balance: 4500, held: 5500 })
  assert.equal(await change('b'), 'yearly')
  assert.deepEqual(await shop.money(), { balance: 1000, held: 9000 })
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
