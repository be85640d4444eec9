/** What the vendor has a stock of and this server has not: lists are empty, and what would buy says why it does not. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
before(async () => (u = await startTestVendor('zapmail', { requestsPerMinute: 1e6 })))
after(() => u[Symbol.asyncDispose]())

const own = /^\/v2\/(aged-domains|prewarmed-domains|dns-shield)\//
const headers = { 'x-service-provider': 'GOOGLE' }

test('nothing is on sale, and nothing was bought', async () => {
  const lists: [operation: string, data: unknown][] = [
    ['listAgedDomains', { domains: [] }],
    [
      'listPrewarmedDomains',
      { total: 0, totalDomainsUnsold: 0, currentPage: 2, nextPage: 3, totalPages: 0, domains: [] },
    ],
    ['getPrewarmedDomainCount', { google: 0, microsoft: 0 }],
    [
      'listPrewarmedSubscriptions',
      { total: 0, currentPage: 2, nextPage: 3, totalPages: 0, subscriptions: [] },
    ],
    [
      'listDnsShieldDomains',
      { totalSearchedCount: 0, currentPage: 2, nextPage: 3, totalPages: 0, domains: [] },
    ],
    ['getDnsShieldSlots', { totalAvailableSlots: 0, subscriptions: [] }],
    ['listDnsShieldSubscriptions', []],
    ['listDnsShieldAllocatedDomains', { domains: [] }],
  ]
  for (const [operation, data] of lists) {
    const query = { page: '2', limit: '10', subscriptionId: 'sub_1' }
    const reply = await u.operate(operation, { query })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(at(reply.json, 'data'), data, operation)
  }
})

test('what would buy is refused with a reason; no key; every documented status', async () => {
  for (const { id, method, bodies } of u.contract.operations.filter(({ path }) => own.test(path))) {
    if (method === 'POST') {
      const reply = await u.operate(id, { body: bodies[0] ?? {}, headers, query: { planType: 'starter' } })
      assert.equal(reply.status, 400, id)
      assert.match(String(at(reply.json, 'message')), /no stock|not offered/, id)
    }
    assert.equal((await u.operate(id, { key: null, body: bodies[0] })).status, 401, id)
  }
  const unsaid = await u.operate('purchaseAgedDomains', { body: u.exampleOf('purchaseAgedDomains') })
  assert.match(String(at(unsaid.json, 'message')), /x-service-provider/)
  const sold = 'there is nothing to sell'
  u.requireSeen(own, {
    'purchaseAgedDomains 200': sold,
    'purchasePrewarmedSubscription 200': sold,
    'assignPrewarmedDomains 200': sold,
    'allocateDnsShieldDomains 200': sold,
    'purchaseDnsShield 200': sold,
    'upgradeDnsShieldPlan 200': sold,
    'cancelDnsShieldSubscription 200': sold,
  })
})
