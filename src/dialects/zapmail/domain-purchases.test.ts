/** Domains searched, bought and renewed in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type StripeStandIn, startStripeStandIn } from '../../testing/stripe-stand-in.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { balanceOf, giveMoney } from '../../testing/test-billing.ts'
import { handlersWith, runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let stripe: StripeStandIn
let offsetMs = 0
/** With payments online. */
let u: TestVendor
/** With billing and payments by hand. */
let manual: TestVendor
/** Without billing; it answers each caller twice in a minute. */
let slow: TestVendor
let other: Tenant

const contact = {
  first_name: 'Dana',
  last_name: 'Reyes',
  email: 'dana@example.com',
  phone: '+1.5550100',
  address1: '1 Main Street',
  city: 'Springfield',
  zip: '12345',
  country: 'US',
}

before(async () => {
  stripe = await startStripeStandIn(() => Math.floor((Date.now() + offsetMs) / 1000))
  const more = { MAILWRIGHT_DNS_ZONE: 'mw.example', MAILWRIGHT_BILLING: 'on', MAILWRIGHT_TEST_CLOCK: '1' }
  ;[u, manual, slow] = await Promise.all([
    startTestVendor('zapmail', { environment: { ...stripe.environment, ...more }, requestsPerMinute: 1e6 }),
    startTestVendor('zapmail', { environment: more, requestsPerMinute: 1e6 }),
    startTestVendor('zapmail', { environment: { MAILWRIGHT_DNS_ZONE: 'mw.example' }, requestsPerMinute: 3 }),
  ])
  other = await u.tenant()
})
after(async () => {
  await Promise.all([u, manual, slow].map((one) => one[Symbol.asyncDispose]()))
  await stripe[Symbol.asyncDispose]()
})

async function expect(status: number, operation: string, options: VendorCall = {}, on = u): Promise<Reply> {
  const reply = u.contract.check(operation, await on.unchecked(operation, options))
  assert.equal(reply.status, status, reply.text)
  assert.equal(at(reply.json, 'status'), status)
  return reply
}

const buy = (names: string[], more: object = {}, on = u, status = 200) =>
  expect(
    status,
    'buyDomains',
    { body: { domains: names.map((domainName) => ({ domainName, years: 1 })), useWallet: true, ...more } },
    on,
  )

/** What the native API says of a registration: the state of the domain and of its newest order, and the payment. */
async function native(name: string, on = u): Promise<unknown[]> {
  const { json } = await on.call('GET', `/v1/domains/${name}/registration`)
  return [at(json, 'domain', 'state'), at(json, 'orders', 0, 'kind'), at(json, 'orders', 0, 'payment')]
}

async function idOf(name: string): Promise<string> {
  return textAt((await u.call('GET', `/v1/domains/${name}`)).json, 'id')
}

async function leave(amount: number): Promise<void> {
  await giveMoney(u.platform, u.scope, amount - (await balanceOf(u.platform, u.scope.workspaceId)).balance)
  await runJobs(u.platform) // what the money was for that has come
}

test('a name is looked for with those like it', async () => {
  const exact = await expect(200, 'listAvailableDomains', {
    body: { domainName: 'tryexample.test', years: 2 },
  })
  assert.deepEqual(at(exact.json, 'data', 'exactMatch'), {
    domainName: 'tryexample.test',
    status: 'AVAILABLE',
    isPremiumDomain: false,
    domainPrice: '20.00',
    renewPrice: '12.00',
  })
  const like = listAt(exact.json, 'data', 'availableDomains').map((one) => textAt(one, 'domainName'))
  assert.ok(like.includes('gettryexample.test') && !like.includes('tryexample.test'), like.join())
  const taken = await expect(200, 'listAvailableDomains', {
    body: { domainName: 'taken-it.test', tlds: ['.test'] },
  })
  assert.equal(at(taken.json, 'data', 'exactMatch', 'status'), 'UNAVAILABLE')
  const word = await expect(200, 'listAvailableDomains', { body: { domainName: 'shop', tlds: ['test'] } })
  assert.equal(at(word.json, 'data', 'exactMatch'), null)
  assert.equal(at(word.json, 'data', 'availableDomains', 0, 'domainName'), 'shop.test')
  await expect(400, 'listAvailableDomains', { body: { domainName: '!!' } })
  await expect(400, 'listAvailableDomains', { body: { domainName: 'x.test', years: 0 } })
})

test('names are priced one by one', async () => {
  const { json } = await expect(200, 'checkDomainAvailability', {
    body: { domainNames: ['a-name.test', 'taken-x.test', 'premium-x.test', 'no name'] },
  })
  assert.deepEqual(
    listAt(json, 'data', 'domains').map((one) => [
      at(one, 'domainName'),
      at(one, 'status'),
      at(one, 'isPremiumDomain'),
      at(one, 'domainPrice'),
    ]),
    [
      ['a-name.test', 'AVAILABLE', false, '10.00'],
      ['taken-x.test', 'UNAVAILABLE', false, '0.00'],
      ['premium-x.test', 'AVAILABLE', true, '2500.00'],
      ['no name', 'UNAVAILABLE', false, '0.00'],
    ],
  )
  assert.deepEqual(
    ['total', 'available', 'unavailable'].map((name) => at(json, 'data', name)),
    [4, 2, 2],
  )
  await expect(400, 'checkDomainAvailability', { body: { domainNames: Array(21).fill('x.test') } })
})

test('names are made of keywords, as many as are wanted, all in the first answer', async () => {
  const headers = { 'x-service-provider': 'GOOGLE' }
  const body = { keywords: ['example', 'outreach'], tlds: ['test'], desiredCount: 5 }
  const { json } = await expect(200, 'findAiDomains', { headers, body })
  const names = listAt(json, 'data', 'domains').map((one) => textAt(one, 'domainName'))
  assert.deepEqual([at(json, 'data', 'status'), at(json, 'data', 'totalDomains')], ['completed', 5])
  assert.deepEqual([names[0], new Set(names).size], ['exampleoutreach.test', 5])
  await expect(400, 'findAiDomains', { body })
  await expect(400, 'findAiDomains', { headers, body: { ...body, keywords: ['!'] } })
})

test('nothing is bought without a person that it is registered for', async () => {
  const { json } = await buy(['nobody.test'], {}, u, 400)
  assert.match(textAt(json, 'message'), /billing details/)
  for (const one of [u, manual, slow]) {
    assert.equal((await one.call('POST', '/v1/contacts', { body: contact })).status, 201)
  }
})

test('the wallet pays for all names at once, which are not renewed by themselves', async () => {
  await leave(5000)
  const bought = await buy(['b-paid.test', 'a-paid.test'])
  assert.deepEqual([at(bought.json, 'message'), at(bought.json, 'data')], ['Domains purchased', {}])
  assert.equal((await balanceOf(u.platform, u.scope.workspaceId)).held, 2000)
  const { json: listed } = await u.operate('listDomains', { query: { contains: 'a-paid' } })
  assert.equal(at(listed, 'data', 'domains', 0, 'status'), 'PENDING')
  await runJobs(u.platform)
  assert.deepEqual(await native('a-paid.test'), ['active', 'register', 'paid'])
  const { json } = await u.operate('listDomains', { query: { contains: 'a-paid' } })
  const domain = at(json, 'data', 'domains', 0)
  assert.deepEqual([at(domain, 'status'), at(domain, 'autoRenew')], ['ACTIVE', false])
  assert.match(textAt(domain, 'expireOn'), /^20/)
  assert.equal(at((await u.call('GET', '/v1/domains/a-paid.test')).json, 'product'), 'google')
})

test('what cannot be bought refuses all of them', async () => {
  for (const names of [
    ['ok.test', 'taken-a.test'],
    ['ok.test', 'no name'],
    ['ok.test', 'OK.test'],
    ['ok.test', 'a-paid.test'],
  ]) {
    await buy(names, {}, u, 400)
  }
  await buy(['ok.test'], { enableDnsShield: true }, u, 400)
  await expect(400, 'buyDomains', { body: { domains: [{ domainName: 'ok.test' }] } })
  assert.equal((await u.call('GET', '/v1/domains/ok.test')).status, 404)
  const key = await u.key({ access: 'read' })
  const body = { domains: [{ domainName: 'ok.test', years: 1 }], useWallet: true }
  assert.equal((await u.unchecked('buyDomains', { key, body })).status, 403)
})

test('a wallet that has too little is no error: the orders wait, and the rest can be paid', async () => {
  await leave(1400)
  const bought = await buy(['c-short.test', 'd-short.test'])
  const sessionId = textAt(bought.json, 'invoiceLink').split('/').at(-1) ?? ''
  assert.equal(stripe.state.sessions.get(sessionId)?.amount_total, 600)
  await runJobs(u.platform)
  assert.deepEqual(await native('c-short.test'), ['active', 'register', 'paid'])
  assert.deepEqual(await native('d-short.test'), ['pending_payment', 'register', 'due'])
  stripe.pay(sessionId, 'pm_card_visa')
  await stripe.webhooks.deliver(`${u.base}/v1/payments/stripe/webhook`)
  await runJobs(u.platform)
  assert.deepEqual(await native('d-short.test'), ['active', 'register', 'paid'])
})

test('without the wallet nothing is taken from it: all waits for the payment that is linked', async () => {
  await leave(5000)
  const bought = await buy(['linked.test'], { useWallet: undefined })
  const link = textAt(bought.json, 'paymentLink')
  assert.equal(at(bought.json, 'data', 'paymentLink'), link)
  await runJobs(u.platform)
  assert.deepEqual(await native('linked.test'), ['pending_payment', 'register', 'due'])
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), { balance: 5000, held: 0 })
  stripe.pay(link.split('/').at(-1) ?? '', 'pm_card_visa')
  await stripe.webhooks.deliver(`${u.base}/v1/payments/stripe/webhook`)
  await runJobs(u.platform)
  assert.deepEqual(await native('linked.test'), ['active', 'register', 'paid'])
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), { balance: 5000, held: 0 })
})

test('a provider that does not answer keeps nothing from being ordered; asked again, it gives the link', async () => {
  await leave(0)
  const silent = () => stripe.faults.push({ path: /checkout\/sessions/, fault: 500 })
  for (let times = 0; times < 5; times++) silent()
  const waits = await buy(['mute.test'])
  assert.equal(at(waits.json, 'invoiceLink'), undefined)
  assert.deepEqual(await native('mute.test'), ['pending_payment', 'register', 'due'])
  stripe.faults.length = 0
  const again = await buy(['mute.test'])
  assert.match(textAt(again.json, 'invoiceLink'), /^http/)
  await leave(1000)
  assert.deepEqual(await native('mute.test'), ['active', 'register', 'paid'])
})

test('with payments by hand only the wallet pays, and an order waits for it', async () => {
  const { json } = await buy(['hand.test'], { useWallet: false }, manual, 400)
  assert.match(textAt(json, 'message'), /./)
  assert.equal((await manual.call('GET', '/v1/domains/hand.test')).status, 404)
  const waits = await buy(['hand.test'], {}, manual)
  assert.equal(at(waits.json, 'invoiceLink'), undefined)
  assert.deepEqual(await native('hand.test', manual), ['pending_payment', 'register', 'due'])
})

test('what ends soon is listed, priced and renewed', async () => {
  const none = await expect(200, 'listRenewableDomains', { body: {} })
  assert.deepEqual([at(none.json, 'data', 'domains'), at(none.json, 'data', 'totalCount')], [[], 0])
  await u.call('POST', '/v1/test/clock', { body: { advance: 'P10M15D' } })
  offsetMs = u.platform.clock.now().getTime() - Date.now()
  assert.equal((await u.at('POST', '/v2/domains/renewal-soon')).status, 200)
  const soon = await expect(200, 'listRenewableDomains', {
    body: { contains: 'PAID' },
    query: { limit: '1' },
  })
  assert.deepEqual(
    ['totalSearchedCount', 'totalPages', 'totalCount'].map((name) => at(soon.json, 'data', name)),
    [2, 2, 6],
  )
  assert.equal(at(soon.json, 'data', 'domains', 0, 'serviceProvider'), 'GOOGLE')
  const past = await expect(200, 'listRenewableDomains', { body: {}, query: { page: '9' } })
  assert.equal(at(past.json, 'data', 'totalSearchedCount'), 6)
  const microsoft = { headers: { 'x-service-provider': 'MICROSOFT' }, body: {} }
  assert.deepEqual(at((await expect(200, 'listRenewableDomains', microsoft)).json, 'data', 'domains'), [])
  for (const body of [{ contains: null }, { tagIds: null }])
    await expect(422, 'listRenewableDomains', { body })

  const [a, demo] = [await idOf('a-paid.test'), await idOf('demo.test')]
  const priced = await expect(200, 'getRenewalPrice', { body: { domainIds: [a, demo] } })
  assert.deepEqual(at(priced.json, 'data'), [
    {
      domainId: a,
      domainName: 'a-paid.test',
      domainPrice: '12.00',
      isPremiumDomain: false,
      renewPrice: '12.00',
      status: 'UNAVAILABLE',
    },
  ])
  const all = await expect(200, 'getRenewalPrice', { body: { contains: 'short' } })
  assert.equal(listAt(all.json, 'data').length, 2)
  await expect(400, 'getRenewalPrice', { body: { domainIds: ['x'] } })

  await leave(1200)
  const renewed = await expect(200, 'renewDomains', { body: { domainIds: [a] } })
  assert.deepEqual(at(renewed.json, 'data'), {
    paymentLink: null,
    domains: ['a-paid.test'],
    domainIds: [a],
    useWallet: true,
  })
  await runJobs(u.platform)
  assert.deepEqual(await native('a-paid.test'), ['active', 'renew', 'paid'])
  const short = await expect(200, 'renewDomains', { body: { contains: 'short' } })
  assert.equal(listAt(short.json, 'data', 'domains').length, 2)
  const session = stripe.state.sessions.get(textAt(short.json, 'data', 'paymentLink').split('/').at(-1) ?? '')
  assert.equal(session?.amount_total, 2400)
  await expect(400, 'renewDomains', { body: {} })
  await expect(400, 'renewDomains', { body: { domainIds: [demo] } })
  await expect(400, 'renewDomains', { body: { domainIds: [a], ...{} }, key: other.key, workspace: null })
  await expect(400, 'renewDomains', { body: { contains: 'nothing' } })
})

test('domains are renewed by themselves, or not; by the default of the workspace from the start', async () => {
  const ids = [await idOf('a-paid.test'), await idOf('b-paid.test')]
  const renews = async (name: string) =>
    at((await u.call('GET', `/v1/domains/${name}/registration`)).json, 'auto_renew')
  await expect(200, 'updateAutoRenew', { body: { domainIds: ids, autoRenew: true } })
  assert.deepEqual([await renews('a-paid.test'), await renews('b-paid.test')], [true, true])
  await expect(200, 'updateAutoRenew', { body: { domainIds: [], contains: 'a-', autoRenew: false } })
  assert.deepEqual([await renews('a-paid.test'), await renews('b-paid.test')], [false, true])
  const demo = await idOf('demo.test')
  await expect(400, 'updateAutoRenew', { body: { domainIds: [...ids, demo], autoRenew: false } })
  assert.equal(await renews('b-paid.test'), true)
  await expect(200, 'updateAutoRenew', { body: { domainIds: [], autoRenew: false } })
  assert.equal(await renews('b-paid.test'), false)
  const on = { domainRenewalSettings: true }
  assert.equal((await u.unchecked('updateDomainRenewalSettings', { body: on })).status, 200)
  await leave(1000)
  await buy(['kept.test'])
  assert.equal(await renews('kept.test'), true)
})

const own =
  /^\/v2\/domains\/(available|available-bulk|ai-finder|buy|renewal-soon|get-renewal-price|renew|update-auto-renew)$/

test('no key, too many calls, and every documented status', async () => {
  const free = await buy(['unbilled.test'], { useWallet: false }, slow)
  assert.equal(at(free.json, 'message'), 'Domains purchased')
  for (const { id: operation, bodies } of u.contract.operations.filter(({ path }) => own.test(path))) {
    await expect(401, operation, { key: 'wrong', body: bodies[0] })
  }
  for (let calls = 0; calls < 3; calls++) await slow.unchecked('listDomains')
  for (const operation of ['listAvailableDomains', 'checkDomainAvailability', 'buyDomains']) {
    await expect(429, operation, { body: {} }, slow)
  }
  await runJobs(slow.platform, handlersWith({}))
  u.requireSeen(own)
})
