/** Quick setup in the dialect of Zapmail: domains, mailboxes and their export in one call. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { advanceSetups } from '../../sequencers/setups/advance.ts'
import { startSmartleadStandIn } from '../../testing/sequencers/smartlead.ts'
import type { StandIn } from '../../testing/sequencers/stand-in.ts'
import { at, textAt } from '../../testing/test-api.ts'
import { balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { publicPorts } from '../../testing/test-sequencers.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let tool: StandIn
const money = 20_000
const price = 300

before(async () => {
  u = await startTestVendor('zapmail', {
    environment: {
      ...publicPorts,
      MAILWRIGHT_BILLING: 'on',
      MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
      MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example',
    },
  })
  tool = await startSmartleadStandIn()
  await setPrice(u.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: price })
  await giveMoney(u.platform, u.scope, money)
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await tool[Symbol.asyncDispose]()
})

function setup(name: string, change: object = {}): object {
  const example = JSON.parse(JSON.stringify(u.exampleOf('quickSetup')).replaceAll('tryexample.com', name))
  return { ...example, ...change }
}

const statusOf = async (domain: string): Promise<string> =>
  textAt((await u.operate('getQuickSetupStatus', { query: { domain } })).json, 'data', 'status')

test('a domain needs somebody whom it is registered for, and an export an account', async () => {
  const nobody = await u.operate('quickSetup', { body: setup('quick.test', { exportApp: undefined }) })
  assert.equal(nobody.status, 400)
  assert.match(textAt(nobody.json, 'message'), /billing details/)
  const details = { ...Object(u.exampleOf('createBillingDetails')), workspaceId: u.scope.workspaceId }
  assert.equal((await u.operate('createBillingDetails', { body: details })).status, 200)
  const nowhere = await u.operate('quickSetup', { body: setup('quick.test') })
  assert.match(textAt(nowhere.json, 'message'), /no account at Smartlead/)
})

test('the documented example, to its end', async () => {
  const settings = { base_url: tool.url, calls_per_minute: 60_000 }
  const body = { name: 'Ours', platform: 'smartlead', settings, key: tool.key }
  assert.equal((await u.call('POST', '/v1/sequencers', { body })).status, 201)
  const started = await u.operate('quickSetup', { body: setup('quick.test') })
  assert.equal(started.status, 200, started.text)
  assert.deepEqual(
    [at(started.json, 'data', 'slotsNeeded'), at(started.json, 'data', 'invoiceUrl')],
    [0, null],
  )
  assert.equal(await statusOf('quick.test'), 'PENDING')
  await runJobs(u.platform)
  assert.equal(await statusOf('quick.test'), 'EXPORT_IN_PROGRESS')
  await advanceSetups(u.platform)
  await runJobs(u.platform)
  assert.equal(await statusOf('QUICK.test'), 'COMPLETED')
  assert.deepEqual([...tool.accounts.keys()], ['dana@quick.test'])
  const { balance } = await balanceOf(u.platform, u.scope.workspaceId)
  assert.equal(balance, money - 1000 - price)
  const native = await u.call('GET', `/v1/setups/${textAt(started.json, 'data', 'quickSetupBatchId')}`)
  assert.equal(native.status, 200)
})

test('a domain that is there, for the other provider, and as a file', async () => {
  await u.call('POST', '/v1/domains', { body: { name: 'there.test' } })
  const headers = { 'x-service-provider': 'MICROSOFT' }
  const body = setup('there.test', { exportApp: 'MANUAL' })
  assert.equal((await u.operate('quickSetup', { body, headers })).status, 200)
  await advanceSetups(u.platform)
  assert.equal(await statusOf('there.test'), 'COMPLETED')
  const mailbox = await u.call('GET', '/v1/mailboxes/dana@there.test')
  assert.equal(at(mailbox.json, 'product'), 'microsoft')
})

test('what is refused, and nothing of it stays', async () => {
  const before = await balanceOf(u.platform, u.scope.workspaceId)
  const many = Array.from({ length: 90 }, (_, n) => ({ username: `u${n}`, firstName: 'A', lastName: 'B' }))
  const wrong: [object, RegExp][] = [
    [{}, /domains is required/],
    [setup('new.test', { domains: [] }), /domains/],
    [setup('new.test', { mailboxes: { 'other.test': [] } }), /other\.test is not among the domains/],
    [setup('new.test', { exportApp: 'NOBODY' }), /Supported apps/],
    [setup('x.unsold'), /./],
    [setup('new.test', { mailboxes: { 'new.test': many } }), /Insufficient wallet balance/],
  ]
  for (const [body, message] of wrong) {
    const reply = await u.operate('quickSetup', { body })
    assert.equal(reply.status, 400, reply.text)
    assert.match(textAt(reply.json, 'message'), message)
    assert.equal((await u.call('GET', '/v1/domains/new.test')).status, 404)
  }
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), before)
  const other = await u.tenant()
  const foreign = { key: other.key, workspace: other.workspaceId, query: { domain: 'quick.test' } }
  assert.equal((await u.unchecked('getQuickSetupStatus', foreign)).status, 400)
  assert.equal((await u.unchecked('getQuickSetupStatus', { query: { domain: 'none.test' } })).status, 400)
})

test('no key, and the rate', () => requireRefusals(u, 'zapmail', /^\/v2\/quick-setup/))
test('every documented status was seen', () => u.requireSeen(/^\/v2\/quick-setup/))
