/** Domain orders that a wallet pays: put aside when they are placed, taken when they are done, given back when they fail. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { settleOrders } from '../domains/orders/settle-payment.ts'
import { at, listAt, refusal, textAt } from '../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice as setItemPrice } from '../testing/test-billing.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { startTestRegistrations, usd } from '../testing/test-registrations.ts'

const api = await startTestRegistrations({ MAILWRIGHT_BILLING: 'on' })
after(() => api[Symbol.asyncDispose]())
const { platform, scope, post, get, report, pass, register, quote, setPrice, purchases } = api
await platform.db
  .insertInto('billing_details')
  .values({ workspace_id: scope.workspaceId, tax_rate_basis_points: 1900, updated_at: new Date() })
  .execute()

const balance = () => balanceOf(platform, scope.workspaceId)
const give = (amount: number) => giveMoney(platform, scope, amount)
/** Makes what can be spent exactly this. */
const leave = async (amount: number) => await give(amount - (await balance()).balance)
const renewNoOther = () =>
  platform.db.updateTable('domain_registrations').set({ auto_renew: false }).execute()
const orderOf = async (name: string): Promise<unknown> => at((await report(name)).json, 'orders', 0)
const eventsOf = async (type: string): Promise<unknown[]> =>
  (
    await platform.db.selectFrom('events').select('data').where('type', '=', type).orderBy('id').execute()
  ).map(({ data }) => data)
const unpaid = (name: string, more: object = {}) => ({
  name,
  expected_price: usd(1000),
  wait_for_payment: true,
  ...more,
})

test('a preview is what is held, and what is held is what is billed', async () => {
  await leave(5000)
  const wanted = { name: 'paid.test', quote_id: await quote('paid.test') }
  const look = await post('/v1/domains/register', { ...wanted, preview: true })
  assert.deepEqual(at(look.json, 'charge'), usd(1190))
  assert.deepEqual(await balance(), { balance: 5000, held: 0 })
  const reply = await post('/v1/domains/register', wanted)
  assert.equal(at(reply.json, 'order', 'payment'), 'held')
  assert.deepEqual(await balance(), { balance: 3810, held: 1190 })
  await runJobs(platform)
  assert.deepEqual(await balance(), { balance: 3810, held: 0 })
  assert.equal(at(await orderOf('paid.test'), 'payment'), 'paid')
  const line = await platform.db.selectFrom('invoice_lines').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual(
    [line.item, line.subject_id, line.description, line.amount, line.tax, line.cost],
    [
      'domain_register',
      textAt(reply.json, 'domain', 'id'),
      'paid.test: registration for a year',
      1000,
      190,
      1000,
    ],
  )
  await assertBooks(platform)
})

test('what costs more than there is, is refused, and a preview says by how much', async () => {
  await leave(1189)
  const wanted = { name: 'dear.test', expected_price: usd(1000) }
  assert.equal(refusal(await post('/v1/domains/register', wanted)), '402 insufficient_funds')
  assert.equal((await get('/v1/domains/dear.test')).status, 404)
  const look = await post('/v1/domains/register', { ...wanted, preview: true })
  assert.deepEqual(at(look.json, 'notes'), ['The wallet lacks 0.01 USD for it.'])
  assert.deepEqual(at(look.json, 'charge'), usd(1190))
  const foreign = await post('/v1/domains/register', {
    ...wanted,
    expected_price: { amount: 1, currency: 'EUR' },
  })
  assert.equal(refusal(foreign), '409 item_not_priced')
  assert.deepEqual(await balance(), { balance: 1189, held: 0 })
})

test('what fails gives its money back, with which another goes on that waited', async () => {
  await leave(1190)
  const first = await post('/v1/domains/register', { name: 'taken-one.test', expected_price: usd(1000) })
  assert.equal(first.status, 201)
  const second = await post('/v1/domains/register', unpaid('after.test'))
  assert.deepEqual(
    [at(second.json, 'order', 'payment'), at(second.json, 'domain', 'state')],
    ['due', 'pending_payment'],
  )
  await runJobs(platform)
  assert.equal(at(await orderOf('taken-one.test'), 'payment'), 'released')
  assert.deepEqual(
    [at(await orderOf('after.test'), 'payment'), (await report('after.test')).state],
    ['paid', 'active'],
  )
  assert.deepEqual(await balance(), { balance: 0, held: 0 })
  await assertBooks(platform)
})

test('a price that is found to be another one is not paid', async () => {
  await leave(2000)
  await setPrice('register', 1001)
  await post('/v1/domains/register', { name: 'risen.test', expected_price: usd(1000) })
  await runJobs(platform)
  await setPrice('register', 1000)
  const order = await orderOf('risen.test')
  assert.deepEqual([at(order, 'failure_code'), at(order, 'payment')], ['price_changed', 'released'])
  assert.equal((await balance()).balance, 2000)
  // The name whose order failed can be ordered again, and waits for money like a new one.
  await leave(0)
  const again = await post('/v1/domains/register', unpaid('risen.test'))
  assert.equal(at(again.json, 'domain', 'state'), 'pending_payment')
  await give(1190)
  await runJobs(platform)
  assert.equal((await report('risen.test')).state, 'active')
  await assertBooks(platform)
})

test('an order waits for money for some days, and then its new domain goes too', async () => {
  await leave(100)
  await post('/v1/domains/register', unpaid('never.test'))
  await post('/v1/domains/register', unpaid('housed.test'))
  await setItemPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 0 })
  assert.equal((await post('/v1/mailboxes', { address: 'ann@housed.test' })).status, 201)
  await post('/v1/domains/register', unpaid('unwanted.test'))
  const told = (await eventsOf('billing.order_unpaid')).at(-1)
  assert.deepEqual([at(told, 'name'), at(told, 'missing_amount')], ['unwanted.test', 1090])
  assert.equal((await api.call('DELETE', '/v1/domains/unwanted.test')).status, 204)
  const refused = await post('/v1/domains/register', unpaid('never.test'))
  assert.equal(refusal(refused), '409 domain_taken')
  await pass('P2D')
  assert.equal((await report('never.test')).state, 'pending_payment')
  await pass('P1DT1H')
  assert.equal((await get('/v1/domains/never.test')).status, 404)
  assert.equal(textAt((await get('/v1/domains/housed.test')).json, 'state'), 'failed')
  const orders = listAt((await get('/v1/domain-orders?state=failed&limit=200')).json, 'data')
  for (const name of ['never.test', 'housed.test', 'unwanted.test']) {
    const order = orders.find((one) => at(one, 'name') === name)
    assert.deepEqual([at(order, 'failure_code'), at(order, 'payment')], ['unpaid', 'due'], name)
    assert.equal(await purchases(name), 0)
  }
  await leave(5000)
  await runJobs(platform)
  assert.equal((await balance()).balance, 5000)
  await assertBooks(platform)
})

test('a renewal waits for money until the domain ends, and is tried again until it is lost', async () => {
  await renewNoOther()
  await leave(3000)
  await register('short.test')
  await register('lost.test')
  await leave(0)
  await pass('P340D')
  const waiting = await orderOf('short.test')
  assert.deepEqual(
    [at(waiting, 'state'), at(waiting, 'payment'), at(waiting, 'automatic')],
    ['intent', 'due', true],
  )
  await give(1428)
  await runJobs(platform)
  assert.deepEqual(
    [at(await orderOf('short.test'), 'state'), at(await orderOf('lost.test'), 'payment')],
    ['done', 'due'],
  )
  await pass('P26D')
  assert.equal((await report('lost.test')).state, 'expired')
  assert.equal((await report('lost.test')).failure, 'unpaid')
  await pass('P2D')
  assert.equal(listAt((await report('lost.test')).json, 'orders').length, 2)
  await give(1428)
  await pass('P1D')
  assert.deepEqual(
    [(await report('lost.test')).state, at(await orderOf('lost.test'), 'payment')],
    ['active', 'paid'],
  )
  assert.equal(await purchases('lost.test'), 2)
  await assertBooks(platform)
})

test('an automatic renewal at a lower price takes the lower price', async () => {
  await renewNoOther()
  await leave(10_000)
  await register('cheap.test')
  await setPrice('renew', 900)
  await leave(1428)
  await pass('P340D')
  await setPrice('renew', 1200)
  const order = await orderOf('cheap.test')
  assert.deepEqual([at(order, 'price'), at(order, 'payment')], [usd(900), 'paid'])
  assert.deepEqual(await balance(), { balance: 1428 - 1071, held: 0 })
  await assertBooks(platform)
})

test('what a person ends gives its money back', async () => {
  await leave(1190)
  await post('/v1/domains/register', { name: 'doubt.test', expected_price: usd(1000) })
  const order = await orderOf('doubt.test')
  await platform.db
    .updateTable('domain_orders')
    .set({ state: 'review' })
    .where('id', '=', textAt(order, 'id'))
    .execute()
  const ended = await post(`/v1/domain-orders/${textAt(order, 'id')}/abandon`)
  assert.deepEqual([at(ended.json, 'payment'), at(ended.json, 'failure_code')], ['released', 'abandoned'])
  assert.deepEqual(await balance(), { balance: 1190, held: 0 })
  await runJobs(platform)
  await assertBooks(platform)
})

test('many orders at once, and money that comes to many: never more than there is', async () => {
  await leave(1190 * 3 + 5)
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      post('/v1/domains/register', { name: `many${at}.test`, expected_price: usd(1000) }),
    ),
  )
  assert.equal(replies.filter(({ status }) => status === 201).length, 3)
  assert.equal(replies.filter(({ status }) => status === 402).length, 9)
  for (let number = 0; number < 6; number++) await post('/v1/domains/register', unpaid(`queue${number}.test`))
  await give(1190 * 4)
  await Promise.all([1, 2, 3].map(() => settleOrders(platform, scope.workspaceId)))
  assert.deepEqual(await balance(), { balance: 5, held: 1190 * 7 })
  const { json } = await get('/v1/domain-orders?limit=200')
  const queued = listAt(json, 'data').filter((one) => textAt(one, 'name').startsWith('queue'))
  assert.deepEqual(
    queued.map((one) => at(one, 'payment')),
    ['held', 'held', 'held', 'held', 'due', 'due'],
  )
  await assertBooks(platform)
  await runJobs(platform)
  assert.deepEqual(await balance(), { balance: 5, held: 0 })
  await assertBooks(platform)
})
