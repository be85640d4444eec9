/** Plans, slots and invoices in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney } from '../../testing/test-billing.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
before(async () => {
  const environment = { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_PUBLIC_URL: 'https://mail.example.com/' }
  u = await startTestVendor('zapmail', { environment })
  await makePlan(u.platform, { code: 'starter', slots: 2, monthly: 3900, slot: 350 })
  await makePlan(u.platform, { code: 'growth', slots: 30, monthly: 9900, slot: 325 })
})
after(() => u[Symbol.asyncDispose]())

const paths = /^\/v2\/(subscriptions|payment|wallet\/buy)/
const provider = { 'x-service-provider': 'GOOGLE' }
const messageOf = ({ status, json }: Reply): string => `${status} ${at(json, 'message')}`

async function list(query: Record<string, string> = {}): Promise<unknown[]> {
  const reply = await u.operate('listSubscriptions', { query })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data')
}
const purchase = (query: Record<string, string>) =>
  u.operate('purchaseSubscription', { query, headers: provider })
const buySlots = (quantity: string, options = {}) =>
  u.operate('buyAddonMailboxes', { query: { quantity }, ...options })
const current = async (): Promise<string> => textAt(await list(), 0, 'subscriptionId')

test('without a plan: none is listed, no slots can be bought, and an empty wallet buys none', async () => {
  assert.deepEqual(await list(), [])
  assert.equal(messageOf(await buySlots('5')), '400 There is no plan that mailboxes could be added to.')
  assert.equal(messageOf(await purchase({ planName: 'Starter' })), '400 Insufficient wallet balance')
})

test('a plan is bought by its name, from the wallet, and listed', async () => {
  await giveMoney(u.platform, u.scope, 10_000)
  for (const [query, message] of [
    [{ planName: 'Starter', billingCycle: 'QUARTERLY' }, 'a quarter'],
    [{ planName: 'Pro' }, 'starter, growth'],
    [{}, 'planName'],
  ] as const) {
    const reply = await purchase(query)
    assert.equal(reply.status, 400)
    assert.match(textAt(reply.json, 'message'), new RegExp(message))
  }
  const noProvider = await u.operate('purchaseSubscription', { query: { planName: 'Starter' } })
  assert.equal(messageOf(noProvider), '400 x-service-provider is required')
  const bought = await purchase({ planName: 'Starter', billingCycle: 'MONTHLY' })
  assert.equal(bought.status, 200, bought.text)
  const link = /^https:\/\/mail\.example\.com(\/v1\/invoices\/[\w-]+\/pdf)$/
  const path = link.exec(textAt(bought.json, 'paymentLink'))?.[1] ?? ''
  assert.equal((await u.call('GET', path)).status, 200)
  const [one] = await list()
  assert.deepEqual(
    ['plan', 'uniquePlanKey', 'subscriptionStatus', 'price', 'totalMailboxQuantity'].map((name) =>
      at(one, name),
    ),
    ['STARTER', 'starter', 'ACTIVE', 39, 2],
  )
  assert.equal(textAt(one, 'subscriptionId'), `sub_${textAt(one, 'id')}`)
  assert.match(textAt(one, 'invoiceDetails'), link)
  assert.equal((await balanceOf(u.platform, u.scope.workspaceId)).balance, 6100)
  assert.equal((await purchase({ planName: 'growth' })).status, 400)
})

test('slots are bought beside the plan, as far as the wallet goes', async () => {
  const bought = await buySlots('3')
  assert.equal(bought.status, 200, bought.text)
  assert.match(textAt(bought.json, 'paymentLink'), /^https:\/\/mail\.example\.com\/v1\/invoices\//)
  assert.match(textAt(bought.json, 'message'), /^Mailbox purchase is processed successfully/)
  const { balance } = await balanceOf(u.platform, u.scope.workspaceId)
  assert.equal(balance, 6100 - 3 * 350)
  assert.equal(at(await list(), 0, 'totalMailboxQuantity'), 5)
  assert.equal(at(await list(), 0, 'price'), 39 + 3 * 3.5)
  assert.equal(messageOf(await buySlots('99')), '400 Insufficient wallet balance')
  for (const wrong of ['0', '-1', 'x', '1.5', '999999']) assert.equal((await buySlots(wrong)).status, 400)
  const reader = await u.key({ access: 'read' })
  const refused = await u.unchecked('buyAddonMailboxes', { query: { quantity: '1' }, key: reader })
  assert.equal(refused.status, 403)
})

test('the mailboxes that have its slots are listed without secrets', async () => {
  for (const name of ['ann', 'bob']) {
    const body = { address: `${name}@demo.test`, first_name: 'Ann', last_name: 'Lee' }
    assert.equal((await u.call('POST', '/v1/mailboxes', { body })).status, 201)
  }
  const subscriptionId = await current()
  const reply = await u.operate('listSubscriptionMailboxes', { body: { subscriptionId } })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    listAt(reply.json, 'data').map((one) => [at(one, 'email'), at(one, 'username'), at(one, 'lastName')]),
    [
      ['ann@demo.test', 'ann', 'Lee'],
      ['bob@demo.test', 'bob', 'Lee'],
    ],
  )
  assert.ok(!/password/i.test(reply.text))
})

test('an upgrade begins at once; a smaller plan waits', async () => {
  const subscriptionId = await current()
  const upgrade = (more: object) => u.operate('upgradeSubscription', { body: { subscriptionId, ...more } })
  const short = await upgrade({ lookupKey: 'zap_mail_growth' })
  assert.equal(messageOf(short), '400 Insufficient wallet balance')
  await giveMoney(u.platform, u.scope, 10_000)
  const done = await upgrade({ lookupKey: 'zap_mail_growth' })
  assert.deepEqual([done.status, done.json], [200, {}])
  assert.deepEqual([at(await list(), 0, 'plan'), at(await list(), 0, 'totalMailboxQuantity')], ['GROWTH', 33])
  assert.equal((await upgrade({ uniquePlanKey: 'starter' })).status, 200)
  assert.deepEqual(
    [at(await list(), 0, 'plan'), at(await list(), 0, 'planUpgradeCancelPossible')],
    ['GROWTH', true],
  )
  assert.equal((await upgrade({ uniquePlanKey: 'growth' })).status, 200)
  assert.equal(at(await list(), 0, 'planUpgradeCancelPossible'), false)
  assert.equal((await upgrade({})).status, 400)
  assert.equal((await upgrade({ lookupKey: 'none' })).status, 400)
})

test('the invoices beside a subscription have links', async () => {
  const subscriptionId = await current()
  const reply = await u.operate('getSubscriptionInvoices', { body: { subscriptionId } })
  assert.equal(reply.status, 200, reply.text)
  assert.match(textAt(reply.json, 'data', 'invoiceUrl'), /\/v1\/invoices\/[\w-]+\/pdf$/)
  const native = listAt((await u.call('GET', '/v1/invoices')).json, 'data')
  assert.deepEqual(
    listAt(reply.json, 'data', 'invoices').map((one) => [at(one, 'id'), at(one, 'number')]),
    native.map((one) => [at(one, 'id'), at(one, 'number')]),
  )
})

test('it is cancelled for the end of its period, and that is taken back', async () => {
  const subscriptionId = await current()
  const cancel = (revertCancellation: boolean) =>
    u.operate('cancelSubscription', { body: { subscriptionId, revertCancellation } })
  const isEnding = async () =>
    at((await u.call('GET', `/v1/subscriptions/${subscriptionId.slice(4)}`)).json, 'cancel_at_period_end')
  assert.equal((await cancel(false)).status, 200)
  assert.equal(await isEnding(), true)
  assert.equal((await list({ status: 'CANCELLED', contains: '' })).length, 1)
  assert.equal((await list({ status: 'ACTIVE' })).length, 0)
  assert.equal((await cancel(true)).status, 200)
  assert.equal(await isEnding(), false)
  assert.equal((await list({ status: '', contains: 'growth' })).length, 1)
  assert.equal((await list({ contains: 'starter' })).length, 0)
})

test('one that is over is still listed; what is another’s or none is refused', async () => {
  const subscriptionId = await current()
  const { key, workspaceId } = await u.tenant()
  const bodies: Record<string, object> = {
    cancelSubscription: { revertCancellation: false },
    upgradeSubscription: { lookupKey: 'growth' },
    listSubscriptionMailboxes: {},
    getSubscriptionInvoices: {},
  }
  for (const [id, more] of Object.entries(bodies)) {
    const ask = async (wanted: string, options = {}) =>
      await u.operate(id, { body: { ...more, subscriptionId: wanted }, ...options })
    const theirs = await ask(subscriptionId, { key, workspace: workspaceId })
    const missing = await ask('sub_00000000-0000-7000-8000-000000000000')
    const odd = await ask('sub_1P0000000000000000000000')
    assert.deepEqual([theirs.status, theirs.text, odd.text], [400, missing.text, missing.text])
    assert.equal((await u.operate(id, { body: { subscriptionId: 7 } })).status, 400)
  }
  const now = { body: { at: 'now' } }
  const ended = await u.call('POST', `/v1/subscriptions/${subscriptionId.slice(4)}/cancel`, now)
  assert.equal(ended.status, 200, ended.text)
  assert.deepEqual(
    (await list()).map((one) => at(one, 'subscriptionStatus')),
    ['CANCELLED'],
  )
  const left = await u.operate('listSubscriptionMailboxes', { body: { subscriptionId } })
  assert.deepEqual(at(left.json, 'data'), [])
  const again = await u.operate('cancelSubscription', { body: { subscriptionId, revertCancellation: true } })
  assert.equal(again.status, 400)
  await assertBooks(u.platform)
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
