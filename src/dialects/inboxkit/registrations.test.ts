/** Domains bought and renewed in the dialect of InboxKit: out of the wallet, or by a payment that they wait for. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type StripeStandIn, startStripeStandIn } from '../../testing/stripe-stand-in.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let stripe: StripeStandIn
/** Pays online. */
let u: TestVendor
/** Bills, and is paid by hand. */
let byHand: TestVendor
/** Does not bill. */
let free: TestVendor

before(async () => {
  stripe = await startStripeStandIn(() => Math.floor(Date.now() / 1000))
  u = await startTestVendor('inboxkit', {
    environment: { MAILWRIGHT_DNS_ZONE: 'mw.example', ...stripe.environment },
  })
  byHand = await startTestVendor('inboxkit', { environment: { MAILWRIGHT_BILLING: 'on' } })
  free = await startTestVendor('inboxkit')
})
after(async () => {
  await Promise.all([u, byHand, free].map((one) => one[Symbol.asyncDispose]()))
  await stripe[Symbol.asyncDispose]()
})

const unknownId = '00000000-0000-4000-8000-000000000000'

/** The documented body for other names, with more. */
function bodyFor(names: string[], more: object = {}, contact: object = {}): object {
  const { contact_details } = Object(u.exampleOf('registerDomains'))
  return {
    domains: names.map((name) => ({ name, registration_years: 1 })),
    contact_details: { ...contact_details, ...contact },
    ...more,
  }
}

async function stateOf(name: string, api: TestVendor = u): Promise<string> {
  return textAt((await api.call('GET', `/v1/domains/${name}`)).json, 'state')
}

async function settle(): Promise<void> {
  await stripe.webhooks.deliver(`${u.base}/v1/payments/stripe/webhook`)
  await runJobs(u.platform)
}

/** Pays what a reply's page is for. */
async function pay(reply: Reply): Promise<void> {
  stripe.pay(textAt(reply.json, 'session_id'), 'pm_card_visa')
  await settle()
}

test('out of the wallet: registered at once, and set up as asked', async () => {
  await giveMoney(u.platform, u.scope, 2500)
  const more = {
    use_wallet_balance: true,
    dmarc_email: 'reports@northwind.test',
    catch_all_email: 'inbox@one-name.test',
    domain_forwarding_url: 'https://northwind.example',
  }
  await setPrice(u.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 0 })
  await u.call('POST', '/v1/domains', { body: { name: 'northwind.test' } })
  await u.call('POST', '/v1/mailboxes', { body: { address: 'inbox@northwind.test' } })
  const catchAll = { ...more, catch_all_email: 'inbox@northwind.test' }
  const reply = await u.operate('registerDomains', {
    body: bodyFor(['two-name.test', 'one-name.test'], catchAll),
  })
  assert.equal(reply.status, 200, reply.text)
  const { domain_uids: ids, ...rest } = Object(reply.json)
  assert.deepEqual(rest, {
    error: false,
    message: 'Domains registration initiated successfully',
    domains_count: 2,
    total_cost: 20,
    payment_type: 'wallet',
    contact_details: { first_name: 'Ada', last_name: 'Quill', email: 'ada@northwind.example' },
  })
  const shown = await u.call('GET', '/v1/domains/two-name.test')
  assert.equal(at(shown.json, 'id'), ids[0], 'in the order of the request')
  assert.equal(at(shown.json, 'redirect', 'url'), 'https://northwind.example')
  assert.equal(at(shown.json, 'dmarc_report_address'), 'reports@northwind.test')
  const goal = await u.call('GET', '/v1/domains/one-name.test/catch-all')
  assert.notEqual(at(goal.json, 'mailbox_id'), null, goal.text)
  await runJobs(u.platform)
  assert.equal(await stateOf('two-name.test'), 'active')
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), { balance: 500, held: 0 })
  const contacts = await u.call('GET', '/v1/contacts')
  assert.equal(at(contacts.json, 'data', '0', 'phone'), '+1.5550100')
  const listed = await u.operate('listDomains', { body: { keyword: 'two-name' } })
  const row = Object(at(listed.json, 'domains', '0'))
  assert.deepEqual(
    [row.connection_type, row.price, row.registration_years, row.renewal_status, row.status],
    ['purchased', 10, 1, 'na', 'active'],
  )
  assert.match(row.renewal_date, /^\d{4}-/)
})

test('a wallet that is short: all of it waits for one payment of what is missing', async () => {
  const body = bodyFor(['short-a.test', 'short-b.test'], { use_wallet_balance: true })
  const reply = await u.operate('registerDomains', { body })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    [at(reply.json, 'message'), at(reply.json, 'total_cost'), at(reply.json, 'payment_type')],
    ['Payment session created successfully', 20, undefined],
  )
  assert.deepEqual(
    [await stateOf('short-a.test'), await stateOf('short-b.test')],
    Array(2).fill('pending_payment'),
  )
  const listed = await u.operate('listDomains', { body: { keyword: 'short-a' } })
  assert.equal(at(listed.json, 'domains', '0', 'status'), 'cart')
  assert.equal(at((await u.call('GET', '/v1/wallet/top-ups')).json, 'data', '0', 'amount'), 1500)
  await pay(reply)
  assert.deepEqual([await stateOf('short-a.test'), await stateOf('short-b.test')], ['active', 'active'])
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), { balance: 0, held: 0 })
  const contacts = await u.call('GET', '/v1/contacts')
  assert.equal(listAt(contacts.json, 'data').length, 1, 'the same contact is kept once')
})

test('without the wallet: a payment of all of it, also where the wallet has enough; asked again, another page', async () => {
  await giveMoney(u.platform, u.scope, 5000)
  const first = await u.operate('registerDomains', { body: bodyFor(['page-a.test']) })
  assert.equal(at(first.json, 'total_cost'), 10)
  assert.equal(await stateOf('page-a.test'), 'pending_payment')
  assert.equal((await balanceOf(u.platform, u.scope.workspaceId)).balance, 5000)
  const again = await u.operate('registerDomains', { body: bodyFor(['page-a.test', 'page-b.test']) })
  assert.equal(again.status, 200, again.text)
  assert.notEqual(at(again.json, 'session_id'), at(first.json, 'session_id'))
  assert.deepEqual(at(again.json, 'domain_uids', '0'), at(first.json, 'domain_uids', '0'))
  assert.equal(at(again.json, 'total_cost'), 20)
  await pay(again)
  assert.deepEqual([await stateOf('page-a.test'), await stateOf('page-b.test')], ['active', 'active'])
  await assertBooks(u.platform)
})

test('what waits for a payment can be paid out of the wallet after all', async () => {
  await u.operate('registerDomains', { body: bodyFor(['later-a.test']) })
  const other = { ...bodyFor([]), domains: [{ name: 'later-a.test', registration_years: 2 }] }
  assert.equal(
    (await u.operate('registerDomains', { body: other })).status,
    409,
    'for other years it is another',
  )
  const body = bodyFor(['later-a.test', 'later-b.test'], { use_wallet_balance: true })
  const reply = await u.operate('registerDomains', { body })
  assert.deepEqual([at(reply.json, 'payment_type'), at(reply.json, 'total_cost')], ['wallet', 20], reply.text)
  await runJobs(u.platform)
  assert.deepEqual([await stateOf('later-a.test'), await stateOf('later-b.test')], ['active', 'active'])
  await assertBooks(u.platform)
})

test('all or none: one that is taken keeps the others from being bought', async () => {
  const before = await balanceOf(u.platform, u.scope.workspaceId)
  const wallet = { use_wallet_balance: true }
  const taken = await u.operate('registerDomains', { body: bodyFor(['free-a.test', 'taken-b.test'], wallet) })
  assert.deepEqual([taken.status, at(taken.json, 'error')], [409, true], taken.text)
  const own = await u.operate('registerDomains', { body: bodyFor(['free-a.test', 'northwind.test'], wallet) })
  assert.equal(own.status, 409)
  assert.equal((await u.call('GET', '/v1/domains/free-a.test')).status, 404)
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), before)
})

test('without payments online the wallet is all there is; without billing nothing is paid', async () => {
  for (const wallet of [true, false]) {
    const body = bodyFor(['hand.test'], { use_wallet_balance: wallet })
    const reply = await byHand.operate('registerDomains', { body })
    assert.equal(reply.status, 400)
    assert.match(textAt(reply.json, 'message'), /takes no payments online/)
    assert.equal((await byHand.call('GET', '/v1/domains/hand.test')).status, 404)
  }
  await giveMoney(byHand.platform, byHand.scope, 1000)
  const paid = await byHand.operate('registerDomains', {
    body: bodyFor(['hand.test'], { use_wallet_balance: true }),
  })
  assert.equal(at(paid.json, 'payment_type'), 'wallet', paid.text)
  const unbilled = await free.operate('registerDomains', { body: bodyFor(['gratis.test']) })
  assert.deepEqual([at(unbilled.json, 'payment_type'), at(unbilled.json, 'total_cost')], ['wallet', 10])
  await runJobs(free.platform)
  assert.equal(await stateOf('gratis.test', free), 'active')
})

test('what is refused', async () => {
  const bad: object[] = [
    {},
    bodyFor([]),
    bodyFor(['no name']),
    bodyFor(['twice.test', 'TWICE.test']),
    bodyFor(['x.com']),
    bodyFor(['x.test'], { more: 1 }),
    bodyFor(['x.test'], { domain_forwarding_url: 'http://plain.example', use_wallet_balance: true }),
    bodyFor(['x.test'], { catch_all_email: 'no address', use_wallet_balance: true }),
    bodyFor(['x.test'], {}, { phone: '030 1234' }),
    bodyFor(['x.test'], {}, { phone: undefined }),
    bodyFor(['x.test'], {}, { country: 'Germany' }),
    bodyFor(['x.test'], {}, { first_name: 'A\nB' }),
    { ...bodyFor([]), domains: [{ name: 'x.test', registration_years: 11 }] },
  ]
  for (const body of bad) {
    assert.equal((await u.operate('registerDomains', { body })).status, 400, JSON.stringify(body))
  }
  const body = bodyFor(['x.test'], { use_wallet_balance: true })
  assert.equal((await u.operate('registerDomains', { body, key: 'wrong' })).status, 401)
  assert.equal((await u.operate('registerDomains', { body, workspace: unknownId })).status, 404)
  const readOnly = await u.key({ access: 'read' })
  assert.equal((await u.unchecked('registerDomains', { body, key: readOnly })).status, 403)
  assert.equal((await u.call('GET', '/v1/domains/x.test')).status, 404)
})

test('renewals are ordered for the wallet, and told', async () => {
  const id = textAt((await u.call('GET', '/v1/domains/two-name.test')).json, 'id')
  const before = await u.operate('checkDomainRenewalStatus', { query: { uid: id } })
  assert.deepEqual([at(before.json, 'renewal_status'), at(before.json, 'name')], ['na', 'two-name.test'])
  const asked = await u.operate('requestDomainRenewal', { body: { uids: [id], registration_years: 2 } })
  assert.equal(asked.status, 200, asked.text)
  const pending = await u.operate('checkDomainRenewalStatus', { query: { uid: id } })
  assert.equal(at(pending.json, 'renewal_status'), 'pending')
  assert.equal(
    (await u.operate('requestDomainRenewal', { body: { uids: [id] } })).status,
    400,
    'one is under way',
  )
  await runJobs(u.platform)
  for (const path of ['renewal-status', 'renewal', 'renewals/status']) {
    const { json } = await u.at('GET', `/domains/${path}?uid=${id}`)
    assert.equal(at(json, 'renewal_status'), 'completed', path)
    const years = new Date(textAt(json, 'renewal_date')).getUTCFullYear() - new Date().getUTCFullYear()
    assert.equal(years, 3)
  }
  await assertBooks(u.platform)
})

test('renewals that are refused', async () => {
  const { balance } = await balanceOf(u.platform, u.scope.workspaceId)
  assert.ok(balance < 9 * 1200, 'too little for nine years')
  const id = textAt((await u.call('GET', '/v1/domains/one-name.test')).json, 'id')
  const dear = await u.operate('requestDomainRenewal', { body: { uids: [id], registration_years: 9 } })
  assert.equal(dear.status, 402, dear.text)
  assert.equal(at(dear.json, 'message'), 'Insufficient wallet balance')
  const connected = textAt((await u.call('GET', '/v1/domains/northwind.test')).json, 'id')
  const other = await u.tenant()
  for (const [uid, status] of [
    [unknownId, 404],
    ['nonsense', 404],
    [connected, 404],
  ] as const) {
    assert.equal((await u.operate('requestDomainRenewal', { body: { uids: [uid] } })).status, status)
  }
  const theirs = { key: other.key, workspace: other.workspaceId }
  assert.equal((await u.operate('requestDomainRenewal', { body: { uids: [id] }, ...theirs })).status, 404)
  assert.equal((await u.operate('checkDomainRenewalStatus', { query: { uid: id }, ...theirs })).status, 404)
  for (const body of [{}, { uids: [] }, { uids: [id], registration_years: 0 }]) {
    assert.equal((await u.operate('requestDomainRenewal', { body })).status, 400)
  }
  assert.equal((await u.operate('checkDomainRenewalStatus')).status, 400)
  for (const name of ['requestDomainRenewal', 'checkDomainRenewalStatus']) {
    assert.equal((await u.operate(name, { key: 'wrong', body: {} })).status, 401)
  }
  for (const path of ['renewal', 'renewals/request']) {
    assert.equal((await u.at('POST', `/domains/${path}`, { body: { uids: [unknownId] } })).status, 404)
  }
})

test('every documented status was seen', () =>
  u.requireSeen(/^\/domains\/(register|request-renewal|renewal-status)/))
