/** Products by API: which service makes them, limits for them, and notes of the plan that pays. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { engineOf, setEngines } from '../mailboxes/engines.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { giveMoney } from '../testing/test-billing.ts'
import { makePlan } from '../testing/test-subscriptions.ts'

let api: TestApi
let path: string
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  path = `/v1/workspaces/${api.scope.workspaceId}/service-mapping`
})
after(() => api[Symbol.asyncDispose]())

const local = { google: 'local', microsoft: 'local', azure: 'local', smtp: 'local', smtp_dedicated: 'local' }

/** What the log says of that, in its order. */
async function told(type: string): Promise<unknown[]> {
  const query = api.platform.db.selectFrom('events').select('data').where('type', '=', type)
  return (await query.orderBy('id').execute()).map(({ data }) => data)
}

test('everything is local until a workspace says otherwise; put replaces all, and is told', async () => {
  assert.deepEqual((await api.call('GET', path)).json, local)
  const google = { ...local, google: 'google' }
  assert.deepEqual((await api.call('PUT', path, { body: { google: 'google' } })).json, google)
  assert.deepEqual((await api.call('GET', path)).json, google)
  assert.deepEqual((await api.call('PUT', path, { body: {} })).json, local)
  const [, last] = await told('workspace.service_mapping_changed')
  assert.deepEqual(last, {
    workspace_id: api.scope.workspaceId,
    before: google,
    mapping: local,
  })
})

test('what is no product or no service, what is not set up here, and who may only read, are refused', async () => {
  const put = (body: object, key = api.apiKey) => api.call('PUT', path, { body, key })
  assert.equal(refusal(await put({ pop: 'local' })), '400 invalid_request')
  assert.equal(refusal(await put({ smtp: 'other' })), '400 invalid_request')
  assert.equal(refusal(await put({}, await api.key({ access: 'read' }))), '403 forbidden')
  const { key } = await api.tenant()
  assert.equal(refusal(await put({}, key)), '404 workspace_not_found')
  const services = ['local', 'google', 'microsoft'] as const
  const all = services.flatMap((service) => {
    const engine = engineOf(api.platform, service)
    return engine === null ? [] : [[service, engine] as const]
  })
  setEngines(api.platform, new Map(all.filter(([service]) => service === 'local')))
  assert.equal(refusal(await put({ smtp: 'google' })), '422 service_unavailable')
  setEngines(api.platform, new Map(all))
})

test('a limit of a product stands beside that of all, and mailboxes of no product do not count for it', async () => {
  const put = (body: object) => api.call('PUT', '/v1/mailbox-limits', { body: { per: 'domain', ...body } })
  const one = await put({ product: 'smtp', mailboxes_max: 1 })
  const other = await put({ mailboxes_max: 50 })
  assert.notEqual(textAt(one.json, 'id'), textAt(other.json, 'id'))
  assert.equal(textAt((await put({ product: 'smtp', mailboxes_max: 0 })).json, 'id'), textAt(one.json, 'id'))
  assert.equal(at(other.json, 'product'), null)
})

test('notes of a plan: set, kept by other changes, cleared; alone they cost nothing', async () => {
  await makePlan(api.platform, { code: 'team', monthly: 1000, slot: 100 })
  await giveMoney(api.platform, api.scope, 1100)
  const made = await api.call('POST', '/v1/subscriptions', { body: { plan: 'team', period: 'monthly' } })
  const subscription = `/v1/subscriptions/${textAt(made.json, 'id')}`
  const change = (body: object, headers = {}) => api.call('PATCH', subscription, { body, headers })
  assert.equal(at(made.json, 'notes'), null)
  const noted = await change({ notes: 'Team north' })
  assert.equal(at(noted.json, 'notes'), 'Team north')
  assert.equal(refusal(await change({ notes: 'x' }, { 'if-match': '"1"' })), '412 edit_conflict')
  const both = await change({ notes: 'Team south', extra_slots: 1 })
  assert.deepEqual([at(both.json, 'notes'), at(both.json, 'extra_slots')], ['Team south', 1])
  assert.equal(at((await change({ notes: '' })).json, 'notes'), null)
  assert.equal(refusal(await change({ notes: 'x'.repeat(2001) })), '400 invalid_request')
  assert.equal((await told('billing.subscription_notes_changed')).length, 3)
})
