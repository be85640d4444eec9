/** What mailboxes sent, in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { addSent } from '../../testing/test-figures.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let ada: TestMailbox
let ben: TestMailbox
let domain = ''
const paths = /^\/(email-insights|infra-guard)\//
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  u = await startTestVendor('inboxkit')
  ada = await u.createMailbox('ada@demo.test')
  ben = await u.createMailbox('ben@demo.test')
  domain = textAt((await u.call('GET', '/v1/domains/demo.test')).json, 'id')
  await addSent(u.platform, ada.owner, { state: 'delivered', count: 45 })
  await addSent(u.platform, ada.owner, { state: 'bounced', count: 15, daysAgo: 12 })
  await addSent(u.platform, ben.owner, { state: 'delivered', count: 20, daysAgo: 8 })
})
after(() => u[Symbol.asyncDispose]())

async function dataOf(id: string, call: Parameters<TestVendor['operate']>[1] = {}): Promise<unknown> {
  const reply = await u.operate(id, call)
  assert.deepEqual([reply.status, at(reply.json, 'success')], [200, true], reply.text)
  return at(reply.json, 'data')
}

test('health and figures of a mailbox', async () => {
  const { last_event_at: last, ...health } = Object(
    await dataOf('getInsightsMailboxHealth', { ids: [ada.mailboxId] }),
  )
  assert.deepEqual(health, { status: 'active', bounce_rate_30d: 25, total_7d: 45, total_30d: 60 })
  assert.ok(Math.abs(Date.parse(last) - Date.now()) < 60_000)
  const quiet = await dataOf('getInsightsMailboxHealth', { ids: [ben.mailboxId] })
  assert.deepEqual([at(quiet, 'status'), at(quiet, 'total_30d')], ['inactive', 20])
  const { mailboxId } = await u.createMailbox('new@demo.test')
  assert.deepEqual(await dataOf('getInsightsMailboxHealth', { ids: [mailboxId] }), {
    status: 'inactive',
    total_7d: 0,
    total_30d: 0,
    last_event_at: '0001-01-01T00:00:00Z',
  })
  const { last_event_at: _, ...stats } = Object(
    await dataOf('getInsightsMailboxStats', { ids: [ada.mailboxId] }),
  )
  assert.deepEqual(stats, {
    total_7d: 45,
    bounced_7d: 0,
    bounce_rate_7d: 0,
    total_30d: 60,
    bounced_30d: 15,
    bounce_rate_30d: 25,
  })
})

test('figures of the workspace, and day by day', async () => {
  const overview = await dataOf('getInsightsOverview')
  const names = [
    'total_7d',
    'total_30d',
    'bounced_30d',
    'bounce_rate_30d',
    'active_mailboxes_7d',
    'active_mailboxes_30d',
  ]
  assert.deepEqual(
    names.map((name) => at(overview, name)),
    [45, 80, 15, 18.75, 1, 2],
  )
  const days = listAt(await dataOf('getInsightsActivity'), 'activity')
  assert.equal(days.length, 30)
  assert.deepEqual(days.at(-1), { date: new Date().toISOString().slice(0, 10), sent: 45, bounced: 0 })
})

test('health of all mailboxes by pages, in as many statements however many there are', async () => {
  const health = await dataOf('getInsightsMailboxesHealth')
  const rows = listAt(health, 'mailboxes')
  assert.deepEqual([at(health, 'total'), rows.length], [3, 3])
  const row = rows.find((one) => at(one, 'uid') === ada.mailboxId)
  assert.deepEqual([at(row, 'email'), at(row, 'bounce_rate_30d')], ['ada@demo.test', 25])
  const page = await dataOf('getInsightsMailboxesHealth', { query: { limit: '1', page: '3' } })
  assert.deepEqual([at(page, 'pages'), at(page, 'mailboxes', 0, 'uid')], [3, ada.mailboxId])
  const count = (limit: string): Promise<number> =>
    countStatements(() => u.operate('getInsightsMailboxesHealth', { query: { limit } }))
  await count('1')
  assert.equal(await count('1'), await count('3'))
  assert.equal((await u.unchecked('getInsightsMailboxesHealth', { query: { page: '0' } })).status, 400)
})

test('of which mailboxes too much bounces is by the policy of the workspace', async () => {
  const worst = listAt(await dataOf('getInsightsHighBounce'), 'mailboxes')
  assert.deepEqual(
    worst.map((one) => [at(one, 'uid'), at(one, 'email'), at(one, 'bounce_rate_30d')]),
    [[ada.mailboxId, 'ada@demo.test', 25]],
  )
  const policy = `/v1/workspaces/${u.scope.workspaceId}/delivery-policy`
  const put = await u.call('PUT', policy, { body: { pause_bounce_percent: 30 } })
  assert.equal(put.status, 200, put.text)
  assert.deepEqual(await dataOf('getInsightsHighBounce'), { mailboxes: [] })
})

test('bounces of a domain', async () => {
  const metrics = async (query: Record<string, string>): Promise<unknown> => {
    const reply = await u.operate('getInfraGuardBounceMetrics', { query: { uid: domain, ...query } })
    assert.equal(reply.status, 200, reply.text)
    return at(reply.json, 'metrics')
  }
  assert.deepEqual(await metrics({}), {
    uid: domain,
    domain: 'demo.test',
    period_days: 30,
    total_sent: 80,
    total_bounced: 15,
    bounce_rate: 18.75,
    by_class: { unknown_recipient: 15 },
  })
  assert.equal(at(await metrics({ period_days: '365' }), 'period_days'), 30)
  const week = await metrics({ period_days: '7' })
  assert.deepEqual([at(week, 'total_sent'), at(week, 'bounce_rate')], [45, 0])
})

test('what is refused', async () => {
  for (const uid of [unknownId, 'none', 'ada@demo.test']) {
    for (const id of ['getInsightsMailboxHealth', 'getInsightsMailboxStats']) {
      const { json } = await u.operate(id, { ids: [uid] })
      assert.deepEqual(json, { error: true, message: 'Mailbox not found' })
    }
  }
  for (const uid of [unknownId, 'none', 'demo.test']) {
    const { json } = await u.operate('getInfraGuardBounceMetrics', { query: { uid } })
    assert.deepEqual(json, { error: true, message: 'Domain not found' })
  }
  for (const query of [{}, { uid: domain, period_days: '0' }]) {
    assert.equal((await u.operate('getInfraGuardBounceMetrics', { query: { ...query } })).status, 400)
  }
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  assert.equal((await u.operate('getInsightsMailboxStats', { ...theirs, ids: [ada.mailboxId] })).status, 404)
  assert.equal(
    (await u.operate('getInfraGuardBounceMetrics', { ...theirs, query: { uid: domain } })).status,
    404,
  )
  assert.equal(at(await dataOf('getInsightsOverview', theirs), 'total_30d'), 0)
})

test('a key of one mailbox sees the figures of that alone', async () => {
  const key = await u.key({ mailboxId: ben.mailboxId, workspaceId: u.scope.workspaceId })
  assert.equal(at(await dataOf('getInsightsOverview', { key }), 'total_30d'), 20)
  assert.equal(listAt(await dataOf('getInsightsMailboxesHealth', { key }), 'mailboxes').length, 1)
  assert.deepEqual(await dataOf('getInsightsHighBounce', { key }), { mailboxes: [] })
  assert.equal((await u.operate('getInsightsMailboxHealth', { key, ids: [ada.mailboxId] })).status, 404)
  const reading = await u.key({ access: 'read' })
  assert.equal(at(await dataOf('getInsightsOverview', { key: reading }), 'total_30d'), 80)
})

test('every documented status was seen', async () => {
  await u.operate('getInfraGuardPricing')
  await u.operate('getInfraGuardStats')
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
