import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startJsonServer } from '../../testing/json-server.ts'
import { type PorkbunStandIn, startPorkbunStandIn } from '../../testing/porkbun-stand-in.ts'
import { endOfTerm } from '../../testing/registration-terms.ts'
import { testConfig } from '../../testing/test-platform.ts'
import type { RegisterOrder, Registrar } from './driver.ts'
import { createPorkbun } from './porkbun.ts'

await using stack = new AsyncDisposableStack()
const vendor: PorkbunStandIn = stack.use(await startPorkbunStandIn())
const running = stack.move()
after(() => running.disposeAsync())

function driver(secret = vendor.keys.secret): Registrar {
  const config = testConfig({
    MAILWRIGHT_PORKBUN_API_KEY: vendor.keys.api,
    MAILWRIGHT_PORKBUN_SECRET_KEY: secret,
    MAILWRIGHT_PORKBUN_API_URL: `${vendor.url}/`,
  })
  const made = createPorkbun({ config })
  assert.ok(made)
  return made
}
const never = new AbortController().signal

beforeEach(() => {
  vendor.owned.clear()
  vendor.charges.length = 0
  vendor.next.clear()
  vendor.terms.minDuration = 1
  vendor.prices.register = '11.08'
})

let keys = 0
const order = (more: Partial<RegisterOrder> = {}): RegisterOrder => ({
  name: 'new.example',
  years: 1,
  contact: null,
  expectedCost: { amount: 1108, currency: 'USD' },
  premium: false,
  idempotencyKey: `key-${++keys}`,
  ...more,
})

test('without both keys there is no such registrar', () => {
  assert.equal(createPorkbun({ config: testConfig({}) }), null)
})

test('what a check says, in cents', async () => {
  const [free, gone, premium] = await driver().check(
    ['new.example', 'gone.example', 'premium.example'],
    1,
    never,
  )
  assert.deepEqual(free, {
    name: 'new.example',
    availability: 'available',
    premium: false,
    cost: { amount: 1108, currency: 'USD' },
    renewalCost: { amount: 1250, currency: 'USD' },
    reason: null,
  })
  assert.deepEqual([gone?.availability, gone?.cost], ['taken', null])
  assert.equal(premium?.availability, 'unsupported')
})

test('names are sold for the shortest term only', async () => {
  vendor.terms.minDuration = 2
  const one = await driver().check(['new.example'], 1, never)
  assert.equal(one[0]?.availability, 'unsupported')
  const two = await driver().check(['new.example'], 2, never)
  assert.deepEqual(two[0]?.cost, { amount: 1108, currency: 'USD' })
})

test('a price that is no price is not guessed at', async () => {
  vendor.prices.register = 'call us'
  assert.equal((await driver().check(['new.example'], 1, never))[0]?.availability, 'unknown')
})

test('registered, read back, delegated, renewed', async () => {
  const porkbun = driver()
  assert.equal(await porkbun.get('new.example'), null)
  const bought = await porkbun.register(order())
  assert.deepEqual(bought, { state: 'done', expiresAt: null, reference: 'order 1001' })
  await porkbun.setNameservers('new.example', ['a.ns.example', 'b.ns.example'])
  const expiresAt = endOfTerm(1)
  assert.deepEqual(await porkbun.get('new.example'), {
    state: 'active',
    expiresAt,
    nameservers: ['a.ns.example', 'b.ns.example'],
    locked: true,
  })
  const renewal = await porkbun.renewalCost('new.example', 1)
  assert.deepEqual(renewal, { cost: { amount: 1250, currency: 'USD' }, premium: false })
  assert.equal(await porkbun.renewalCost('new.example', 2), null)
  const expectedCost = { amount: 1250, currency: 'USD' }
  await porkbun.renew({ ...order({ expectedCost }), currentExpiry: expiresAt })
  assert.deepEqual((await porkbun.get('new.example'))?.expiresAt, endOfTerm(2))
  assert.deepEqual(
    vendor.charges.map(({ call, cents }) => [call, cents]),
    [
      ['create', 1108],
      ['renew', 1250],
    ],
  )
})

test('the same key buys once, with another body it is uncertain', async () => {
  const porkbun = driver()
  const idempotencyKey = 'once'
  await porkbun.register(order({ idempotencyKey }))
  await porkbun.register(order({ idempotencyKey }))
  assert.equal(vendor.charges.length, 1)
  await assert.rejects(porkbun.register(order({ idempotencyKey, name: 'other.example' })), {
    kind: 'uncertain',
  })
})

const failures: [what: string, reply: Parameters<typeof vendor.next.set>[1], expected: object][] = [
  [
    'another price, with 400',
    {
      when: 'instead',
      reply: { status: 400, body: { status: 'ERROR', code: 'COST_MISMATCH', message: 'no' } },
    },
    { kind: 'refused', reason: 'price_changed', remote: 'COST_MISMATCH: no' },
  ],
  [
    'taken, with 200',
    { when: 'instead', reply: { status: 200, body: { status: 'ERROR', code: 'DOMAIN_NOT_AVAILABLE' } } },
    { kind: 'refused', reason: 'domain_unavailable' },
  ],
  [
    'some other error',
    { when: 'instead', reply: { status: 400, body: { status: 'ERROR', code: 'FRAUD_BLOCK' } } },
    { kind: 'refused', reason: 'registrar_refused' },
  ],
  [
    'no money in the account',
    { when: 'instead', reply: { status: 400, body: { status: 'ERROR', code: 'INSUFFICIENT_FUNDS' } } },
    { kind: 'busy' },
  ],
  [
    'the account is not verified',
    { when: 'instead', reply: { status: 400, body: { status: 'ERROR', code: 'VERIFICATION_REQUIRED' } } },
    { kind: 'busy' },
  ],
  [
    'the key is in use',
    { when: 'instead', reply: { status: 409, body: { status: 'ERROR', code: 'IDEMPOTENCY_KEY_IN_USE' } } },
    { kind: 'uncertain' },
  ],
  ['too many requests', { when: 'instead', reply: { status: 429 } }, { kind: 'busy' }],
  ['a bad gateway', { when: 'instead', reply: { status: 502, body: '<html>' } }, { kind: 'uncertain' }],
  ['a gateway that gave up', { when: 'then', reply: { status: 504 } }, { kind: 'uncertain' }],
  ['an answer that is lost', { when: 'then', reply: 'lost' }, { kind: 'uncertain' }],
  [
    'a page in place of JSON',
    { when: 'instead', reply: { status: 200, body: '<html>' } },
    { kind: 'uncertain' },
  ],
  [
    'too much of an answer',
    { when: 'instead', reply: { status: 200, body: 'x'.repeat(2 * 1024 ** 2) } },
    { kind: 'uncertain' },
  ],
]
for (const [what, reply, expected] of failures) {
  test(`a purchase and ${what}`, async () => {
    vendor.next.set('create', reply)
    await assert.rejects(driver().register(order()), expected)
  })
}

test('no secret is in what is told of a failure', async () => {
  await assert.rejects(driver('sk1_wrong').register(order()), (error: Error) => {
    const text = `${error.message} ${error.stack} ${JSON.stringify(error)}`
    assert.doesNotMatch(text, /sk1_wrong|pk1_stand_in/)
    return true
  })
})

test('a registrar that is not there is busy: nothing can have been done', async () => {
  const closed = await startJsonServer(() => 'lost')
  await closed[Symbol.asyncDispose]()
  const config = testConfig({
    MAILWRIGHT_PORKBUN_API_KEY: 'pk',
    MAILWRIGHT_PORKBUN_SECRET_KEY: 'sk',
    MAILWRIGHT_PORKBUN_API_URL: closed.url,
  })
  await assert.rejects(async () => createPorkbun({ config })?.register(order()), { kind: 'busy' })
})

test('the eleventh check waits for the vendor’s rate', async () => {
  vendor.requests.length = 0
  const names = Array.from({ length: 11 }, (_, at) => `name${at}.example`)
  const patience = new AbortController()
  const refused = assert.rejects(driver().check(names, 1, patience.signal), {
    name: 'RegistrarFailure',
    kind: 'busy',
  })
  for (let tries = 0; vendor.requests.length < 10 && tries < 2000; tries++) await sleep(5)
  await sleep(300)
  patience.abort()
  await refused
  assert.equal(vendor.requests.length, 10)
})
