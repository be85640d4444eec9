/** Webhooks in the dialect of Zapmail: endpoints, and what they are sent. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { makeMailboxes, publicPorts } from '../../testing/test-sequencers.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { runWebhooks, startEndpoint, type TestEndpoint } from '../../testing/test-webhooks.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'
import { webhookEventTypes } from './webhook-events.ts'

let u: TestVendor
let endpoint: TestEndpoint
const stack = new AsyncDisposableStack()
before(async () => {
  const environment = { ...publicPorts, MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8' }
  u = stack.use(await startTestVendor('zapmail', { environment }))
  endpoint = stack.use(await startEndpoint())
  await runWebhooks(stack, u.platform)
})
after(() => stack.disposeAsync())

const paths = /^\/v2\/webhook/
const create = (body: object, options = {}): Promise<Reply> =>
  u.operate('createWebhookEndpoint', { body, ...options })
const list = async (options = {}): Promise<unknown[]> => {
  const reply = await u.operate('listWebhookEndpoints', options)
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data')
}
const update = (id: string, body: object, options = {}): Promise<Reply> =>
  u.operate('updateWebhookEndpoint', { ids: [id], body, ...options })

/** Of the contract's schema of what is sent. */
function eventValidator(): ValidateFunction {
  const file = new URL('../../../test/contracts/zapmail.json', import.meta.url)
  const document: AnySchema = JSON.parse(readFileSync(file, 'utf8'))
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajv.addSchema(document, 'contract')
  return ajv.compile({ $ref: 'contract#/components/schemas/WebhookEvent' })
}

test('the events that there are', async () => {
  const reply = await u.operate('listWebhookEventTypes')
  assert.deepEqual(at(reply.json, 'data'), [...webhookEventTypes])
})

test('an endpoint is made with a secret that is shown once, and hears of mailboxes, domains and exports', async () => {
  const enabled_events = [
    'mailbox.updated',
    'domain.updated',
    'export.started',
    'export.completed',
    'export.failed',
    'placement_test.status_changed',
  ]
  const made = await create({ url: endpoint.url, enabled_events })
  assert.equal(made.status, 200, made.text)
  const secret = textAt(made.json, 'data', 'secret')
  assert.ok(!JSON.stringify(await list()).includes(secret))
  assert.deepEqual(at(await list(), 0, 'enabled_events'), enabled_events)
  assert.deepEqual(listAt((await u.call('GET', '/v1/webhooks')).json, 'data'), [])

  await u.call('POST', '/v1/domains', { body: { name: 'told.test' } })
  const box = await u.call('POST', '/v1/mailboxes', {
    body: { address: 'ann@told.test', first_name: 'Ann', last_name: 'Lee' },
  })
  await u.call('POST', `/v1/mailboxes/${textAt(box.json, 'id')}/suspend`)
  const [other] = await makeMailboxes(u, 1)
  const exported = await u.operate('exportMailboxes', { body: { apps: ['MANUAL'], ids: [other?.id] } })
  await u.operate('exportMailboxes', { body: { apps: ['MANUAL'], ids: [textAt(box.json, 'id')] } })
  const parsed = () => endpoint.received.map(({ body }): unknown => JSON.parse(body))
  const ofType = (type: string) => parsed().filter((one) => at(one, 'type') === type)
  await endpoint.until(() => ofType('export.failed').length > 0 && ofType('export.completed').length > 0)

  const isDocumented = eventValidator()
  for (const { body } of endpoint.received)
    assert.ok(isDocumented(JSON.parse(body)), `${body} ${JSON.stringify(isDocumented.errors)}`)
  const [first] = endpoint.received
  const header = String(first?.headers['x-zapmail-signature'])
  const [, seconds = '', signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? []
  const expected = createHmac('sha256', secret).update(`${seconds}.${first?.body}`).digest('hex')
  assert.equal(signature, expected)

  const domain = ofType('domain.updated').find(
    (one) => at(one, 'data', 'domainDetails', 'domain') === 'told.test',
  )
  assert.equal(at(domain, 'data', 'domainDetails', 'status'), 'ACTIVE')
  assert.match(textAt(domain, 'id'), /^evt_/)
  assert.equal(at(domain, 'api_version'), '2026-07-01')
  assert.ok(Math.abs(Number(at(domain, 'created')) - Date.now() / 1000) < 60)
  const suspended = ofType('mailbox.updated').find(
    (one) => at(one, 'data', 'mailboxDetails', 'status') === 'SUSPENDED',
  )
  assert.deepEqual(at(suspended, 'data', 'previousState'), { status: 'ACTIVE' })
  assert.deepEqual(
    ['username', 'domain', 'firstName', 'lastName'].map((name) =>
      at(suspended, 'data', 'mailboxDetails', name),
    ),
    ['ann', 'told.test', 'Ann', 'Lee'],
  )
  const exportId = at(exported.json, 'data', 'exportId')
  for (const [type, status] of [
    ['export.started', 'STARTED'],
    ['export.completed', 'COMPLETED'],
  ] as const) {
    const told = ofType(type).find((one) => at(one, 'data', 'export_id') === exportId)
    assert.deepEqual([at(told, 'data', 'export_status'), at(told, 'data', 'app_name')], [status, 'MANUAL'])
    assert.equal(at(told, 'data', 'mailboxes', 0, 'email'), other?.address)
  }
  assert.match(textAt(ofType('export.failed'), 0, 'data', 'error'), /^ann@told\.test: /)
})

test('it is changed, disabled and enabled again', async () => {
  const id = textAt(await list(), 0, 'id')
  const disabled = await update(id, { status: 'DISABLED' })
  assert.equal(at(disabled.json, 'data', 'status'), 'DISABLED')
  const before = endpoint.received.length
  await makeMailboxes(u, 1)
  const changed = await update(id, { status: 'ENABLED', enabled_events: ['domain.updated'] })
  assert.deepEqual(
    [at(changed.json, 'data', 'status'), at(changed.json, 'data', 'enabled_events')],
    ['ENABLED', ['domain.updated']],
  )
  await u.call('POST', '/v1/domains', { body: { name: 'later.test' } })
  await endpoint.until((received) => received.some(({ body }) => body.includes('later.test')))
  const since = endpoint.received.slice(before).map(({ body }): unknown => at(JSON.parse(body), 'type'))
  assert.deepEqual(since, ['domain.updated'])
  const moved = await update(id, { url: 'https://hooks.example.com/other' })
  assert.equal(at(moved.json, 'data', 'url'), 'https://hooks.example.com/other')
})

test('what is refused is told with 422, an unknown event with those that there are', async () => {
  const { key, workspaceId } = await u.tenant()
  const id = textAt(await list(), 0, 'id')
  const url = 'https://hooks.example.com/x'
  const unknown = await create({ url, enabled_events: ['mailbox.updated', 'workspace.created'] })
  assert.equal(unknown.status, 422)
  for (const type of webhookEventTypes) assert.ok(textAt(unknown.json, 'message').includes(type))
  const events = { enabled_events: ['mailbox.updated'] }
  for (const body of [
    {},
    { url, enabled_events: [] },
    { url, enabled_events: ['mailbox.updated', 'mailbox.updated'] },
    { url: 'ftp://x', ...events },
    { url: 'https://10.0.0.1/', ...events },
    { url: null, ...events },
  ])
    assert.equal((await create(body)).status, 422, JSON.stringify(body))
  for (const body of [{ url: 'none' }, { status: 'PAUSED' }, { enabled_events: ['x'] }])
    assert.equal((await update(id, body)).status, 422)
  const theirs = await update(id, { status: 'DISABLED' }, { key, workspace: workspaceId })
  const missing = await update('00000000-0000-7000-8000-000000000000', { status: 'DISABLED' })
  assert.deepEqual([theirs.status, theirs.text], [422, missing.text])
  assert.deepEqual(await list({ key, workspace: workspaceId }), [])
  const reader = await u.key({ access: 'read' })
  assert.equal(
    (await u.unchecked('createWebhookEndpoint', { body: { url, ...events }, key: reader })).status,
    403,
  )
  assert.equal((await u.unchecked('updateWebhookEndpoint', { ids: [id], body: {}, key: reader })).status, 403)
})

test('it is removed', async () => {
  const id = textAt(await list(), 0, 'id')
  const { key, workspaceId } = await u.tenant()
  const theirs = await u.at('DELETE', `/v2/webhooks/endpoints/${id}`, { key, workspace: workspaceId })
  assert.equal(theirs.status, 422)
  assert.equal((await u.at('DELETE', `/v2/webhooks/endpoints/${id}`)).status, 200)
  assert.deepEqual(await list(), [])
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
