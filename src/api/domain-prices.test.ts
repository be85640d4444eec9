import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../testing/test-api.ts'
import { startTestRegistrations, type TestRegistrations, usd } from '../testing/test-registrations.ts'

let api: TestRegistrations
before(async () => {
  api = await startTestRegistrations()
})
after(() => api[Symbol.asyncDispose]())

async function set(price: object): Promise<void> {
  const reply = await api.post('/v1/prices', price)
  assert.equal(reply.status, 201, reply.text)
}

async function offer(name: string, years = 1, key?: string): Promise<{ price: unknown; renewal: unknown }> {
  const { json } = await api.post(
    '/v1/domains/search',
    { names: [name], years },
    key === undefined ? {} : { key },
  )
  return { price: at(json, 'data', 0, 'price'), renewal: at(json, 'data', 0, 'renew_price') }
}

test('a price of a suffix replaces the markup, for all years, and not for premium names', async () => {
  await api.call('PUT', '/v1/domain-markups/*', { body: { currency: 'USD', fixed_amount: 55 } })
  const before = await offer('a.test')
  const premium = await offer('premium-a.test')
  await set({ item: 'domain_register', tld: '*', unit_amount: 700 })
  await set({ item: 'domain_register', tld: '.TEST', unit_amount: 900 })
  assert.deepEqual(await offer('a.test'), { price: usd(900), renewal: before.renewal })
  assert.deepEqual((await offer('a.test', 3)).price, usd(2700))
  assert.deepEqual(await offer('premium-a.test'), premium)
  await set({ item: 'domain_renew', tld: 'test', unit_amount: 950 })
  assert.deepEqual((await offer('a.test')).renewal, usd(950))
  // One of another currency than the wallet's is nobody's.
  await set({ item: 'domain_register', tld: 'test', unit_amount: 1, currency: 'EUR' })
  assert.deepEqual((await offer('a.test')).price, usd(900))
})

test('a special price is its workspace’s alone', async () => {
  const tenant = await api.tenant()
  await set({ item: 'domain_register', tld: 'test', unit_amount: 123, workspace_id: tenant.workspaceId })
  assert.deepEqual((await offer('b.test', 2, tenant.key)).price, usd(246))
  assert.deepEqual((await offer('b.test', 2)).price, usd(1800))
})

test('what was quoted is what is ordered, also when the price changes; the registrar’s cost stays known', async () => {
  const quote = await api.quote('c.test')
  await set({ item: 'domain_register', tld: 'test', unit_amount: 5000 })
  const reply = await api.post('/v1/domains/register', { name: 'c.test', quote_id: quote })
  assert.equal(reply.status, 201, reply.text)
  const order = await api.platform.db
    .selectFrom('domain_orders')
    .select(['price_amount', 'cost_amount'])
    .where('id', '=', textAt(reply.json, 'order', 'id'))
    .executeTakeFirstOrThrow()
  assert.equal(order.price_amount, 900)
  assert.notEqual(order.cost_amount, 900)
})

test('a renewal is quoted at the price that was set', async () => {
  await api.register('d.test')
  const { json } = await api.post('/v1/domains/d.test/renewal-quotes', { years: 2 })
  assert.deepEqual(at(json, 'price'), usd(1900))
})
