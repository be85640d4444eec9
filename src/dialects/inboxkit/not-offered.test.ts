/** What of InboxKit is not offered: reads are empty, and what would buy or start it says so. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let uid = ''
const unknownId = '00000000-0000-4000-8000-000000000000'
const paths =
  /^\/(warmup\/|prewarm\/|inbox-placement\/|mailboxes\/(consent-request|client-id-request)|infra-guard\/(pricing|stats))/

before(async () => {
  u = await startTestVendor('inboxkit')
  uid = textAt((await u.call('POST', '/v1/mailboxes', { body: { address: 'ada@demo.test' } })).json, 'id')
})
after(() => u[Symbol.asyncDispose]())

const page = { total: 0, pages: 0, current_page: 1 }
const empty: [id: string, call: VendorCall, expected: object][] = [
  [
    'listWarmups',
    { body: { page: 1, limit: 100, status: 'active' } },
    { subscriptions: [], ...page, limit: 100 },
  ],
  ['listWarmups', {}, { subscriptions: [], ...page, limit: 10 }],
  ['getWarmupPricing', {}, { price_per_month: 0 }],
  [
    'getWarmupStats',
    {},
    { stats: { activeCount: 0, pendingCount: 0, pausedCount: 0, avgHealthScore: 0, monthlyTotal: 0 } },
  ],
  [
    'searchPrewarmedDomains',
    { body: { keyword: 'x', page: 2 } },
    { domains: [], ...page, current_page: 2, limit: 10 },
  ],
  ['searchPrewarmedDomains', {}, { domains: [], ...page, limit: 10 }],
  ['listConsentRequests', { query: { limit: '5', offset: '10' } }, { data: [], total: 0 }],
  ['listClientIdRequests', {}, { data: [], ...page, limit: 20 }],
  ['listInboxPlacementTests', {}, { data: [], total: 0 }],
  ['listScheduledInboxPlacementTests', {}, { data: [], total: 0 }],
  ['getInfraGuardPricing', {}, { pricing: { price_per_month: 0 } }],
  ['getInfraGuardStats', {}, { stats: { monitored_domains: 0, open_alerts: 0 } }],
]
for (const [id, call, expected] of empty) {
  test(`${id} ${JSON.stringify(call)} is empty`, async () => {
    const reply = await u.operate(id, call)
    assert.equal(reply.status, 200, reply.text)
    const { error, message, ...rest } = Object(reply.json)
    assert.deepEqual([error, typeof message, rest], [false, 'string', expected])
  })
}

const refused: [id: string, message: RegExp, body?: object][] = [
  ['addWarmup', /not offered/],
  ['buyPrewarmedMailboxes', /no prewarmed domains/],
  ['initiateConsentRequest', /Nobody clicks/],
  ['initiateClientIdRequest', /Nobody clicks/, { client_id: 'x' }],
  [
    'initiateClientIdAndConsentRequest',
    /Nobody clicks/,
    { client_id: 'x', consent_url: 'https://idp.example' },
  ],
]
for (const [id, message, body] of refused) {
  test(`${id} is refused`, async () => {
    const reply = await u.operate(id, { body: body ?? u.exampleOf(id) })
    assert.deepEqual([reply.status, at(reply.json, 'error')], [400, true])
    assert.match(textAt(reply.json, 'message'), message)
    const unknown = await u.operate(id, { body: { odd: 1 } })
    assert.doesNotMatch(textAt(unknown.json, 'message'), message, 'a bad body is told as such')
  })
}

test('no mailbox has a warm-up that could be ended', async () => {
  for (const [id, did] of [
    ['cancelWarmup', 'cancelled'],
    ['pauseWarmup', 'paused'],
    ['resumeWarmup', 'resumed'],
  ] as const) {
    const reply = await u.operate(id, { body: { mailbox_uids: [uid, unknownId, 'none'] } })
    assert.equal(at(reply.json, 'message'), `Processed 3 mailbox(es): 0 ${did}, 3 failed`)
    assert.deepEqual(at(reply.json, 'results'), {
      success: [],
      failed: [
        { mailbox_uid: uid, error: 'It has no warmup subscription' },
        { mailbox_uid: unknownId, error: 'Mailbox not found' },
        { mailbox_uid: 'none', error: 'Mailbox not found' },
      ],
    })
    const key = await u.key({ access: 'read' })
    assert.equal((await u.unchecked(id, { key, body: { mailbox_uids: [uid] } })).status, 403)
  }
})

test('what was never asked for is not found', async () => {
  const consent = await u.operate('getConsentRequestStatus', { ids: [unknownId] })
  assert.deepEqual(consent.json, { error: true, message: 'Consent request not found' })
  const order = await u.operate('checkPrewarmOrderStatus', { query: { order_id: unknownId } })
  assert.deepEqual(order.json, { error: true, message: 'Order not found' })
  assert.equal(
    (await u.operate('checkPrewarmOrderStatus', { query: { order_id: 'x'.repeat(101) } })).status,
    400,
  )
  for (const path of [`/prewarm/orders/${unknownId}`, '/prewarm/status']) {
    assert.equal((await u.at('GET', path)).status, 404)
  }
  assert.deepEqual((await u.at('POST', '/prewarm/list')).json, (await u.at('GET', '/prewarm/search')).json)
})

test('every documented status was seen, but for what is not offered', async () => {
  await provokeUsual(u, paths)
  const never = 'It is not offered, and so never done.'
  const free = 'It is not sold, so that no wallet is too short for it.'
  u.requireSeen(paths, {
    'addWarmup 200': never,
    'addWarmup 402': free,
    'buyPrewarmedMailboxes 200': never,
    'buyPrewarmedMailboxes 402': free,
    'checkPrewarmOrderStatus 200': never,
    'initiateConsentRequest 200': never,
    'initiateClientIdRequest 200': never,
    'initiateClientIdAndConsentRequest 200': never,
    'getConsentRequestStatus 200': never,
  })
})
