/** The wallet in the dialect of Zapmail, with the real SDK of Stripe talking to a local one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { consentWording } from '../../billing/payments/auto-settings.ts'
import { type StripeStandIn, startStripeStandIn } from '../../testing/stripe-stand-in.ts'
import { at, type Reply, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let stripe: StripeStandIn
before(async () => {
  stripe = await startStripeStandIn(() => Math.floor(Date.now() / 1000))
  u = await startTestVendor('zapmail', { environment: stripe.environment })
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await stripe[Symbol.asyncDispose]()
})

const paths = /^\/v2\/wallet\/(balance|enable)/
const wallet = async (): Promise<unknown> => {
  const reply = await u.operate('getWalletBalance')
  assert.equal(reply.status, 200, reply.text)
  return at(reply.json, 'data')
}
const recharge = (body: object): Promise<Reply> => u.operate('enableAutoRecharge', { body })
const native = async (): Promise<unknown> => (await u.call('GET', '/v1/wallet/auto-top-up')).json

test('an empty wallet', async () => {
  const data = await wallet()
  assert.deepEqual([at(data, 'walletBalance'), at(data, 'autoRechargeEnabled')], [0, false])
})

test('without a card the reply has a link, and nothing is switched on', async () => {
  const reply = await recharge({ enable: true, threshold: 25 })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(textAt(reply.json, 'message'), 'Add your payment method to enable auto-recharge')
  assert.match(textAt(reply.json, 'paymentLink'), /^http/)
  assert.equal(at(await wallet(), 'autoRechargeEnabled'), false)
})

test('a top-up is paid at its link', async () => {
  const reply = await u.operate('addWalletBalance', { body: u.exampleOf('addWalletBalance') })
  assert.equal(reply.status, 200, reply.text)
  const link = textAt(reply.json, 'paymentLink')
  assert.equal(at(reply.json, 'data'), undefined)
  assert.equal(at(await wallet(), 'walletBalance'), 0)
  stripe.pay(link.split('/').at(-1) ?? '')
  await stripe.webhooks.deliver(`${u.base}/v1/payments/stripe/webhook`)
  await runJobs(u.platform)
  assert.equal(at(await wallet(), 'walletBalance'), 100)
})

test('it is switched on by the consent of who pays, natively; then its sums are changed here, and it is switched off', async () => {
  const early = await recharge({ enable: true, threshold: 25 })
  assert.equal(early.status, 400)
  assert.match(textAt(early.json, 'message'), /has to agree/)
  assert.equal(at(await native(), 'enabled'), false)
  const { version: consent } = consentWording
  const body = {
    enabled: true,
    threshold: 1000,
    amount: 5000,
    daily_cap: 40_000,
    monthly_cap: 80_000,
    consent,
  }
  const agreed = await u.call('PATCH', '/v1/wallet/auto-top-up', { body })
  assert.equal(agreed.status, 200, agreed.text)
  const reply = await recharge({ enable: true, threshold: 25, minimumRechargeAmount: 300.5 })
  assert.equal(reply.status, 200, reply.text)
  const data = await wallet()
  assert.deepEqual(
    [at(data, 'autoRechargeEnabled'), at(data, 'autoRechargeDetails')],
    [true, { threshold: 25, minimumRechargeAmount: 300.5 }],
  )
  assert.equal((await recharge({ enable: true, minimumRechargeAmount: 900 })).status, 400, 'above the cap')
  assert.equal((await recharge({ enable: true })).status, 200)
  assert.deepEqual([at(await native(), 'threshold'), at(await native(), 'amount')], [2000, 5000])
  assert.equal((await recharge({ enable: false })).status, 200)
  assert.equal(at(await native(), 'enabled'), false)
})

test('what is refused', async () => {
  for (const amount of [0, -1, '5', null, 0.001, 1e300]) {
    assert.equal((await u.operate('addWalletBalance', { body: { amount } })).status, 400)
  }
  for (const body of [
    {},
    { enable: 'yes' },
    { enable: true, threshold: -1 },
    { enable: true, threshold: 0.001 },
  ])
    assert.equal((await recharge(body)).status, 400)
  const reader = await u.key({ access: 'read' })
  for (const [id, body] of [
    ['addWalletBalance', { amount: 10 }],
    ['enableAutoRecharge', { enable: true }],
    ['enableAutoRecharge', { enable: false }],
  ] as const)
    assert.equal((await u.unchecked(id, { body, key: reader })).status, 403)
  const { key, workspaceId } = await u.tenant()
  const theirs = await u.operate('getWalletBalance', { key, workspace: workspaceId })
  assert.equal(at(theirs.json, 'data', 'walletBalance'), 0)
})

test('where payments are made by hand there is no link', async () => {
  await using plain = await startTestVendor('zapmail', { environment: { MAILWRIGHT_BILLING: 'on' } })
  for (const [id, body] of [
    ['addWalletBalance', { amount: 10 }],
    ['enableAutoRecharge', { enable: true }],
  ] as const)
    assert.equal((await plain.operate(id, { body })).status, 400)
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
