/** What cannot be had in the dialect of Zapmail: said so, by empty lists or in words. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
before(async () => (u = await startTestVendor('zapmail')))
after(() => u[Symbol.asyncDispose]())

const paths = /^\/v2\/(placement-tests|zap-sites|zapwarm)/
const there = { page: '1', limit: '10' }

test('there are no tests, credits, subscriptions and scores', async () => {
  const empty = {
    listPlacementTestSubscriptions: [],
    listPlacementTestOrders: { testGroups: [] },
    listPlacementTestMailboxes: { domains: [] },
    listZapwarmEligibleMailboxes: { mailboxes: [] },
    getZapwarmScore: { mailboxes: [] },
    stopZapwarm: null,
  }
  for (const [id, data] of Object.entries(empty)) {
    const body = u.exampleOf(id)
    const reply = await u.operate(id, { query: there, ...(body === undefined ? {} : { body }) })
    assert.deepEqual([reply.status, at(reply.json, 'data')], [200, data], reply.text)
  }
  const report = await u.operate('getPlacementTestReport')
  assert.deepEqual(
    [at(report.json, 'data', 'totalEmails'), at(report.json, 'data', 'inboxRate')],
    [0, '0.00%'],
  )
  const credits = await u.operate('getPlacementTestCredits')
  assert.deepEqual(
    [at(credits.json, 'data', 'totalAvailableCredits'), at(credits.json, 'data', 'nextResetDate')],
    [0, null],
  )
})

test('what would buy, start or change one is refused with a sentence', async () => {
  const refusing = {
    getPlacementTestOrderReport: /placement tests/,
    purchasePlacementTest: /Placement tests/,
    purchasePlacementTestPlan: /Placement tests/,
    cancelPlacementTestSubscription: /placement tests/,
    createZapSite: /Landing pages/,
  }
  const provider = { 'x-service-provider': 'GOOGLE' }
  for (const [id, sentence] of Object.entries(refusing)) {
    const reply = await u.operate(id, { body: u.exampleOf(id), headers: provider })
    assert.equal(reply.status, 400)
    assert.match(textAt(reply.json, 'message'), sentence)
  }
  const others = {
    scanZapSite: /Landing pages/,
    getZapSite: /landing pages/,
    updateZapSite: /landing pages/,
    regenerateZapSite: /landing pages/,
    deployZapSite: /landing pages/,
    startZapwarm: /Warm-up/,
  }
  for (const [id, sentence] of Object.entries(others)) {
    const reply = await u.unchecked(id, { ids: ['site'], body: u.exampleOf(id), headers: provider })
    assert.match(textAt(reply.json, 'message'), sentence)
    assert.deepEqual([reply.status, at(reply.json, 'status')], [400, 400])
  }
  const deployed = await u.at('POST', '/v2/zap-sites/site/deploy', { body: {}, headers: provider })
  assert.equal(deployed.status, 400, deployed.text)
})

test('each asks for a key', async () => {
  for (const { id, path } of u.contract.operations) {
    if (!paths.test(path)) continue
    const body = u.exampleOf(id)
    const reply = await u.operate(id, { ids: ['x'], key: 'wrong', ...(body === undefined ? {} : { body }) })
    assert.deepEqual(reply.json, { status: 401, message: 'Unauthorized', data: null })
  }
})

test('every documented status was seen, but for what is not offered', () => {
  const reason = 'not offered'
  const ids = [
    'getPlacementTestOrderReport',
    'purchasePlacementTest',
    'purchasePlacementTestPlan',
    'cancelPlacementTestSubscription',
    'scanZapSite',
    'createZapSite',
    'getZapSite',
    'updateZapSite',
    'regenerateZapSite',
    'deployZapSite',
    'startZapwarm',
  ]
  u.requireSeen(paths, Object.fromEntries(ids.map((id) => [`${id} 200`, reason])))
})
