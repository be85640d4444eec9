/** The account, the wallet and plans in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { consentWording } from '../../billing/payments/auto-settings.ts'
import { type StripeStandIn, startStripeStandIn } from '../../testing/stripe-stand-in.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { assertBooks, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let stripe: StripeStandIn
let u: TestVendor
/** One without billing and payments. */
let bare: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
before(async () => {
  stripe = await startStripeStandIn()
  u = await startTestVendor('inboxkit', { environment: stripe.environment })
  bare = await startTestVendor('inboxkit')
  slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
})
after(async () => {
  await assertBooks(u.platform)
  for (const one of [u, bare, slow]) await one[Symbol.asyncDispose]()
  await stripe[Symbol.asyncDispose]()
})

const reads = [
  'getAccountDetails',
  'getPricingPlans',
  'getSubscription',
  'getWallet',
  'listWalletLogs',
  'getBillingPortalLink',
] as const
const changes = [
  'changeSubscriptionPlan',
  'cancelSubscription',
  'addWalletCredits',
  'updateAutoTopup',
] as const

function fields(reply: Reply, ...names: string[]): unknown[] {
  assert.equal(reply.status, 200, reply.text)
  return names.map((name) => at(reply.json, name))
}

const walletOf = async (options = {}): Promise<unknown[]> =>
  fields(await u.operate('getWallet', options), 'total_credits', 'credits_used', 'credits_remaining')

test('without billing all is free, and nothing is sold', async () => {
  const account = await bare.operate('getAccountDetails', { workspace: null })
  assert.deepEqual(account.json, {
    error: false,
    message: 'Account details retrieved successfully',
    team: 'Mailwright',
    credits_remaining: 0,
    total_credits: 0,
    cost_per_google_mailbox: 0,
    cost_per_ms_outlook_mailbox: 0,
    credits_per_google_mailbox: 0,
    credits_per_ms_outlook_mailbox: 0,
    auto_topup_enabled: false,
    auto_topup_config: null,
  })
  const wallet = await bare.operate('getWallet', { workspace: null })
  assert.deepEqual(fields(wallet, 'message', 'credits_remaining', 'auto_topup_add_credits'), [
    'Wallet Details',
    0,
    null,
  ])
  assert.deepEqual(fields(await bare.operate('getPricingPlans'), 'plans'), [[]])
  assert.deepEqual(fields(await bare.operate('listWalletLogs'), 'logs', 'total', 'pages', 'limit'), [
    [],
    0,
    0,
    10,
  ])
  assert.equal((await bare.operate('getSubscription')).status, 404)
  assert.equal((await bare.operate('cancelSubscription')).status, 404)
  for (const [id, body] of [
    ['changeSubscriptionPlan', { plan: 'Professional' }],
    ['addWalletCredits', { credits: 10 }],
    ['updateAutoTopup', bare.exampleOf('updateAutoTopup')],
  ] as const) {
    const reply = await bare.operate(id, { body })
    assert.deepEqual([reply.status, at(reply.json, 'error')], [400, true], id)
  }
  assert.equal((await bare.unchecked('getBillingPortalLink')).status, 400)
})

test('what mailboxes cost is what the service costs that makes them', async () => {
  await setPrice(u.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 325 })
  const names = ['cost_per_google_mailbox', 'credits_per_ms_outlook_mailbox']
  assert.deepEqual(fields(await u.operate('getAccountDetails'), ...names), [3.25, 3.25])
})

test('the wallet: what came, what was used, what is left, and each movement', async () => {
  assert.deepEqual(await walletOf(), [0, 0, 0])
  await giveMoney(u.platform, u.scope, 5050)
  await u.call('POST', '/v1/domains', { body: { name: 'paid.test' } })
  const bought = await u.call('POST', '/v1/mailboxes', { body: { address: 'ann@paid.test' } })
  assert.equal(bought.status, 201, bought.text)
  assert.deepEqual(await walletOf(), [50.5, 3.25, 47.25])
  const logs = await u.operate('listWalletLogs', { query: { limit: '1', page: '2' } })
  assert.deepEqual(fields(logs, 'total', 'pages', 'current_page', 'limit'), [2, 2, 2, 1])
  const [first] = listAt(logs.json, 'logs')
  assert.deepEqual(
    ['type', 'credits'].map((name) => at(first, name)),
    ['top_up', 50.5],
  )
  const all = await u.operate('listWalletLogs')
  assert.deepEqual(
    listAt(all.json, 'logs').map((row) => [at(row, 'type'), at(row, 'credits')]),
    [
      ['charge', -3.25],
      ['top_up', 50.5],
    ],
  )
  assert.equal((await u.unchecked('listWalletLogs', { query: { page: '0' } })).status, 400)
})

test('a workspace that is named has its own wallet; one that cannot be meant is not looked at', async () => {
  const made = await u.operate('createWorkspace', { body: { name: 'Poor' } })
  assert.deepEqual(await walletOf({ workspace: textAt(made.json, 'uid') }), [0, 0, 0])
  const other = await u.tenant()
  for (const workspace of [null, 'nonsense', other.workspaceId]) {
    assert.deepEqual(await walletOf({ workspace }), [50.5, 3.25, 47.25])
  }
  assert.deepEqual(await walletOf({ key: other.key, workspace: u.scope.workspaceId }), [0, 0, 0])
})

test('plans are listed by cycle, subscribed to, changed and cancelled', async () => {
  await makePlan(u.platform, { code: 'team', monthly: 1000 })
  await makePlan(u.platform, { code: 'large', monthly: 2000 })
  const plans = listAt((await u.operate('getPricingPlans')).json, 'plans')
  assert.deepEqual(plans[0], { name: 'team', cycle: 'monthly', price: 10 })
  assert.equal(plans.length, 4)
  const none = await u.operate('changeSubscriptionPlan', { body: { cycle: 'yearly' } })
  assert.deepEqual(none.json, { error: true, message: 'plan is required' })
  const dear = await u.operate('changeSubscriptionPlan', { body: { plan: 'large', cycle: 'annual' } })
  assert.deepEqual([dear.status, at(dear.json, 'message')], [402, 'Insufficient wallet balance'])
  assert.equal((await u.operate('getSubscription')).status, 404)

  const taken = await u.operate('changeSubscriptionPlan', { body: { plan: 'Team' } })
  assert.equal(taken.status, 200, taken.text)
  const shown = await u.operate('getSubscription')
  const subscription = at(shown.json, 'subscription')
  assert.deepEqual(
    ['plan', 'cycle', 'status', 'cancel_at_period_end'].map((name) => at(subscription, name)),
    ['team', 'monthly', 'active', false],
  )
  assert.match(textAt(subscription, 'renews_at'), /^\d{4}-/)
  const account = await u.operate('getAccountDetails')
  assert.deepEqual(at(account.json, 'current_plan'), { name: 'team', cycle: 'monthly' })
  const native = await u.call('GET', '/v1/subscriptions')
  assert.ok(listAt(native.json, 'data').some((row) => at(row, 'plan', 'code') === 'team'))

  assert.equal((await u.at('PUT', '/billing/subscription', { body: { plan: 'large' } })).status, 200)
  const larger = await u.operate('getSubscription')
  assert.equal(at(larger.json, 'subscription', 'plan'), 'large')
  const back = await u.at('POST', '/billing/change-plan', { body: { plan: 'team', cycle: 'monthly' } })
  assert.equal(back.status, 200, back.text)
  const still = await u.operate('getSubscription')
  assert.equal(at(still.json, 'subscription', 'plan'), 'large', 'what costs less waits')

  const cancelled = await u.operate('cancelSubscription')
  assert.equal(cancelled.status, 200, cancelled.text)
  const ending = await u.operate('getSubscription')
  assert.deepEqual(
    [at(ending.json, 'subscription', 'cancel_at_period_end'), at(ending.json, 'subscription', 'renews_at')],
    [true, null],
  )
  assert.equal((await u.at('DELETE', '/billing/subscription')).status, 200)
  assert.equal((await u.at('POST', '/billing/cancel-subscription', { body: {} })).status, 200)
})

test('plans of the same name are told apart by their codes', async () => {
  await u.platform.db.updateTable('plans').set({ name: 'Same' }).execute()
  const both = await u.operate('changeSubscriptionPlan', { body: { plan: 'same' } })
  assert.deepEqual(
    [both.status, at(both.json, 'message')],
    [400, 'Several plans are named "same": give the code of one.'],
  )
  assert.equal((await u.operate('changeSubscriptionPlan', { body: { plan: 'large' } })).status, 200)
})

test('credits are added by a page of the payment provider, and the link for cards is made', async () => {
  const before = await walletOf()
  const reply = await u.operate('addWalletCredits', { body: { credits: 20.5 } })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers.get('cache-control'), 'no-store')
  const sessionId = textAt(reply.json, 'session_id')
  assert.ok(textAt(reply.json, 'url').endsWith(sessionId))
  stripe.pay(sessionId, 'pm_card_visa')
  await stripe.webhooks.deliver(`${u.base}/v1/payments/stripe/webhook`)
  await runJobs(u.platform)
  const [total, used, left] = await walletOf()
  assert.deepEqual([total, used, left], [Number(before[0]) + 20.5, before[1], Number(before[2]) + 20.5])
  for (const path of ['/billing/add-credits', '/billing/wallet/add', '/billing/credits']) {
    assert.equal((await u.at('POST', path, { body: { credits: 10 } })).status, 200, path)
  }
  const link = await u.operate('getBillingPortalLink')
  assert.match(String(fields(link, 'url')[0]), /^http/)
  assert.match(textAt((await u.at('GET', '/billing/portal')).json, 'url'), /^http/)
})

test('automatic top-ups need the consent that is given elsewhere', async () => {
  const body = u.exampleOf('updateAutoTopup')
  const refused = await u.operate('updateAutoTopup', { body })
  assert.deepEqual([refused.status, at(refused.json, 'error')], [400, true])
  assert.match(textAt(refused.json, 'message'), /has to agree/)
  const agreed = await u.call('PATCH', '/v1/wallet/auto-top-up', {
    body: { enabled: true, consent: consentWording.version },
  })
  assert.equal(agreed.status, 200, agreed.text)
  const set = await u.operate('updateAutoTopup', { body })
  assert.equal(set.status, 200, set.text)
  const names = ['auto_topup_enabled', 'auto_topup_trigger_drops_below', 'auto_topup_add_credits']
  assert.deepEqual(fields(await u.operate('getWallet'), ...names), [true, 20, 100])
  const account = await u.operate('getAccountDetails')
  assert.deepEqual(at(account.json, 'auto_topup_config'), {
    auto_topup_trigger_drops_below: 20,
    auto_topup_add_credits: 100,
  })
  const off = await u.operate('updateAutoTopup', { body: { auto_topup_enabled: false } })
  assert.equal(off.status, 200, off.text)
  assert.deepEqual(fields(await u.operate('getWallet'), ...names), [false, null, null])
  assert.equal(at((await u.call('GET', '/v1/wallet/auto-top-up')).json, 'enabled'), false)
})

test('what is refused: another form, no key, keys that may not', async () => {
  for (const credits of [0, -1, 0.001, 1e15, 'x', null]) {
    assert.equal((await u.operate('addWalletCredits', { body: { credits } })).status, 400)
  }
  for (const body of [{}, { auto_topup_enabled: 'yes' }, { auto_topup_enabled: true, odd: 1 }]) {
    assert.equal((await u.operate('updateAutoTopup', { body })).status, 400)
  }
  for (const body of [{ cycle: 'weekly' }, { plan: 'none' }, { odd: 1 }, '{']) {
    assert.equal((await u.operate('changeSubscriptionPlan', { body })).status, 400)
  }
  assert.equal((await u.operate('cancelSubscription', { body: { odd: 1 } })).status, 400)
  const readOnly = await u.key({ access: 'read' })
  const mailbox = await u.call('GET', '/v1/mailboxes/ann@paid.test')
  const bound = await u.key({ workspaceId: u.scope.workspaceId, mailboxId: textAt(mailbox.json, 'id') })
  const bodies = {
    changeSubscriptionPlan: { plan: 'team' },
    cancelSubscription: {},
    addWalletCredits: { credits: 10 },
    updateAutoTopup: { auto_topup_enabled: false },
  }
  for (const id of changes) {
    for (const key of [readOnly, bound]) {
      assert.equal((await u.unchecked(id, { key, body: bodies[id] })).status, 403, id)
    }
  }
  for (const id of reads) assert.equal((await u.unchecked(id, { key: bound })).status, 403, id)
  for (const id of [...reads, ...changes]) {
    const reply = await u.operate(id, { key: 'wrong', body: {} })
    assert.deepEqual(reply.json, { code: 401, message: 'jwt malformed' }, id)
  }
})

test('too many calls', async () => {
  await slow.unchecked('getWallet')
  for (const id of ['getWallet', 'getAccountDetails']) {
    assert.equal((await slow.operate(id)).status, 429, id)
  }
})

test('every documented status was seen', () => {
  u.requireSeen(/^\/(billing|account)/, {
    'getAccountDetails 429': 'seen at the slow one',
    'getWallet 429': 'seen at the slow one',
    'addWalletCredits 402': 'the customer pays at a page: the wallet has nothing to be short of',
    'cancelSubscription 404': 'seen at the bare one',
  })
})
