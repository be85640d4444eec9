/** How much there is of each product in workspaces. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../testing/count-statements.ts'
import { startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { giveMoney } from '../testing/test-billing.ts'
import { makePlan } from '../testing/test-subscriptions.ts'
import { countByProduct } from './product-counts.ts'

let api: TestApi
let second: string
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  await makePlan(api.platform, { code: 'team', slots: 4, monthly: 1000 })
  await giveMoney(api.platform, api.scope, 1000)
  const made = await api.call('POST', '/v1/workspaces', { body: { name: 'Second' } })
  second = textAt(made.json, 'id')
  const body = { plan: 'team', period: 'monthly' }
  assert.equal((await api.call('POST', '/v1/subscriptions', { body })).status, 201)
  for (const name of ['one.test', 'two.test']) await api.call('POST', '/v1/domains', { body: { name } })
  const microsoft = { body: { product: 'microsoft' } }
  assert.equal((await api.call('PATCH', '/v1/domains/two.test', microsoft)).status, 200)
  for (const address of ['ann@one.test', 'bob@one.test'])
    assert.equal((await api.call('POST', '/v1/mailboxes', { body: { address } })).status, 201)
  assert.equal((await api.call('POST', '/v1/mailboxes/bob@one.test/suspend')).status, 200)
})
after(() => api[Symbol.asyncDispose]())

test('of one workspace, of another that has nothing, and of both', async () => {
  const { workspaceId } = api.scope
  const countsOf = await countByProduct(api.platform.db, [workspaceId, second], [workspaceId, second])
  const none = { domains: 0, mailboxes: 0, active: 0, freeSlots: 0 }
  const own = { mailboxes: 2, active: 1, freeSlots: 2 }
  // demo.test is there from the start.
  assert.deepEqual(countsOf(workspaceId, ['google', null]), { ...own, domains: 2 })
  assert.deepEqual(countsOf(workspaceId, ['microsoft']), { ...none, domains: 1, freeSlots: 2 })
  assert.deepEqual(countsOf(second, ['google', 'microsoft', null]), none)
  assert.deepEqual(countsOf(null, ['google', 'microsoft', null]), { ...own, domains: 3 })
})

test('slots are for what the workspace’s services make', async () => {
  const { workspaceId } = api.scope
  const row = { workspace_id: workspaceId, product: 'microsoft', service: 'microsoft' } as const
  await api.platform.db.insertInto('service_mappings').values(row).execute()
  const countsOf = await countByProduct(api.platform.db, [workspaceId], [])
  assert.equal(countsOf(null, ['microsoft']).freeSlots, 0)
  assert.equal(countsOf(null, ['google']).freeSlots, 2)
})

test('three statements, however many workspaces', async () => {
  const ids = [api.scope.workspaceId, second]
  assert.equal(await countStatements(() => countByProduct(api.platform.db, ids, ids)), 3)
  assert.equal(await countStatements(() => countByProduct(api.platform.db, ids.slice(1), [])), 3)
})
