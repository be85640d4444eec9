import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { type NamecomStandIn, startNamecomStandIn } from '../../testing/namecom-stand-in.ts'
import { endOfTerm } from '../../testing/registration-terms.ts'
import { testConfig } from '../../testing/test-platform.ts'
import type { RegisterOrder, Registrar } from './driver.ts'
import { createNamecom } from './namecom.ts'

await using stack = new AsyncDisposableStack()
const vendor: NamecomStandIn = stack.use(await startNamecomStandIn())
const running = stack.move()
after(() => running.disposeAsync())

function driver(token = vendor.token): Registrar {
  const config = testConfig({
    MAILWRIGHT_NAMECOM_USERNAME: vendor.username,
    MAILWRIGHT_NAMECOM_TOKEN: token,
    MAILWRIGHT_NAMECOM_API_URL: vendor.url,
  })
  const made = createNamecom({ config })
  assert.ok(made)
  return made
}
const never = new AbortController().signal

beforeEach(() => {
  vendor.owned.clear()
  vendor.purchases.length = 0
  vendor.next.clear()
})

const usd = (amount: number) => ({ amount, currency: 'USD' })
const contact = {
  first_name: 'Ann',
  last_name: 'Example',
  organization: null,
  email: 'ann@example.org',
  phone: '+49.301234567',
  address1: 'Street 1',
  address2: null,
  city: 'Berlin',
  state: null,
  zip: '10115',
  country: 'DE',
}
let keys = 0
const order = (more: Partial<RegisterOrder> = {}): RegisterOrder => ({
  name: 'new.example',
  years: 1,
  contact,
  expectedCost: usd(1299),
  premium: false,
  idempotencyKey: `key-${++keys}`,
  ...more,
})

test('without user name and token there is no such registrar', () => {
  assert.equal(createNamecom({ config: testConfig({}) }), null)
})

test('fifty names are asked for in one call', async () => {
  const names = Array.from({ length: 50 }, (_, at) => `name${at}.example`)
  const before = vendor.requests.length
  const results = await driver().check(names, 1, never)
  assert.equal(vendor.requests.length, before + 1)
  assert.deepEqual(
    results.map(({ name, cost }) => [name, cost?.amount]),
    names.map((name) => [name, 1299]),
  )
})

test('what a check says', async () => {
  const names = ['new.example', 'gone.example', 'premium.example', 'auction.example']
  const results = await driver().check(names, 1, never)
  assert.deepEqual(
    results.map(({ availability, premium, cost }) => [availability, premium, cost?.amount ?? null]),
    [
      ['available', false, 1299],
      ['taken', false, null],
      ['available', true, 125_000],
      ['unsupported', false, null],
    ],
  )
  assert.deepEqual((await driver().check(['new.example'], 3, never))[0]?.cost, usd(3897))
})

test('registered for a contact, read back, delegated, renewed', async () => {
  const namecom = driver()
  assert.equal(await namecom.get('new.example'), null)
  const bought = await namecom.register(order())
  const expiresAt = endOfTerm(1)
  assert.deepEqual(bought, { state: 'done', expiresAt, reference: 'order 1' })
  assert.equal(Reflect.get(Object(vendor.owned.get('new.example')?.registrant), 'firstName'), 'Ann')
  await namecom.setNameservers('new.example', ['a.ns.example'])
  assert.deepEqual(await namecom.get('new.example'), {
    state: 'active',
    expiresAt,
    nameservers: ['a.ns.example'],
    locked: true,
  })
  assert.deepEqual(await namecom.renewalCost('new.example', 2), { cost: usd(3098), premium: false })
  const renewed = await namecom.renew({
    ...order({ years: 2, expectedCost: usd(3098) }),
    currentExpiry: expiresAt,
  })
  assert.deepEqual(renewed.expiresAt, endOfTerm(3))
})

test('a renewal that is there already is not bought again', async () => {
  const namecom = driver()
  await namecom.register(order())
  const currentExpiry = endOfTerm(1)
  await namecom.renew({ ...order(), currentExpiry })
  const again = await namecom.renew({ ...order(), currentExpiry })
  assert.deepEqual(again.expiresAt, endOfTerm(2))
  assert.equal(vendor.purchases.filter(({ call }) => call === 'renew').length, 1)
})

test('a premium name is bought at exactly its price', async () => {
  const premium = { name: 'premium.example', premium: true }
  await driver().register(order({ ...premium, expectedCost: usd(125_000) }))
  vendor.owned.clear()
  await assert.rejects(driver().register(order({ ...premium, expectedCost: usd(124_999) })), {
    kind: 'refused',
    reason: 'price_changed',
  })
})

test('a registry that takes its time', async () => {
  const bought = await driver().register(order({ name: 'slow.example' }))
  assert.deepEqual([bought.state, bought.expiresAt], ['pending', null])
  assert.equal((await driver().get('slow.example'))?.state, 'pending')
})

test('the same key buys once, with another body it is uncertain', async () => {
  const namecom = driver()
  await namecom.register(order({ idempotencyKey: 'once' }))
  await namecom.register(order({ idempotencyKey: 'once' }))
  assert.equal(vendor.purchases.length, 1)
  await assert.rejects(namecom.register(order({ idempotencyKey: 'once', years: 2 })), { kind: 'uncertain' })
})

const failures: [status: number, message: string, expected: object][] = [
  [401, 'Unauthenticated', { kind: 'busy' }],
  [402, 'Insufficient credit', { kind: 'busy', remote: '402: Insufficient credit' }],
  [403, 'Forbidden', { kind: 'busy' }],
  [404, 'Not Found', { kind: 'refused' }],
  [422, 'Wrong purchase price', { kind: 'refused', reason: 'price_changed' }],
  [422, 'Domain is not available', { kind: 'refused', reason: 'domain_unavailable' }],
  [422, 'The TLD needs more', { kind: 'refused', reason: 'registrar_refused' }],
  [429, 'Slow down', { kind: 'busy' }],
  [451, 'Sanctions', { kind: 'refused' }],
  [500, 'Oops', { kind: 'uncertain' }],
  [502, 'Bad gateway', { kind: 'uncertain' }],
  [504, 'Gateway timeout', { kind: 'uncertain' }],
]
for (const [status, message, expected] of failures) {
  test(`a purchase and ${status} ${message}`, async () => {
    vendor.next.set('create', { when: 'instead', reply: { status, body: { message } } })
    await assert.rejects(driver().register(order()), expected)
  })
}

test('no secret is in what is told of a failure', async () => {
  const secret = Buffer.from(`${vendor.username}:wrong-token`).toString('base64')
  await assert.rejects(driver('wrong-token').register(order()), (error: Error) => {
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, new RegExp(`wrong-token|${secret}`))
    return true
  })
})
