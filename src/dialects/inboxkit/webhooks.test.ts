/** The webhooks of InboxKit's dialect, sent by a node to an endpoint of the test, and held to the contract's schemas. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { type Received, runWebhooks, startEndpoint, type TestEndpoint } from '../../testing/test-webhooks.ts'

const stack = new AsyncDisposableStack()
let u: TestVendor
let endpoint: TestEndpoint
/** What the endpoint answers. */
let status = 200
before(async () => {
  const environment = { MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8', MAILWRIGHT_WEBHOOK_TIMEOUT: '2s' }
  u = stack.use(await startTestVendor('inboxkit', { environment }))
  endpoint = stack.use(await startEndpoint(() => ({ status })))
  await runWebhooks(stack, u.platform)
})
after(() => stack.disposeAsync())

const document = JSON.parse(
  readFileSync(new URL('../../../test/contracts/inboxkit.json', import.meta.url), 'utf8'),
)
const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema(document, 'contract')

/** Its body, after a look at it by the contract. */
function told(received: Received | undefined): unknown {
  assert.ok(received)
  const body: unknown = JSON.parse(received.body)
  const event = textAt(body, 'event')
  const pointer = `/webhooks/${event}/post/requestBody/content/application~1json/schema`
  const validate = ajv.compile({ $ref: `contract#${pointer}` })
  assert.ok(validate(body), JSON.stringify(validate.errors))
  assert.equal(received.headers['x-inboxkit-event'], event)
  assert.match(String(received.headers['x-inboxkit-timestamp']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(received.headers['user-agent'], 'InboxKit-Webhook/1.0')
  return body
}

const digestOf = (key: string): string => `sha256=${createHash('sha256').update(key).digest('hex')}`

async function hook(path: string, key = u.apiKey): Promise<void> {
  const body = { uid: u.scope.workspaceId, webhook_url: endpoint.url + path }
  const reply = await u.operate('updateWorkspaceWebhook', { key, body })
  assert.equal(reply.status, 200, reply.text)
}

/** What came for a mailbox or domain with this status, once it has come. */
async function comes(name: string, wanted: string): Promise<unknown> {
  const isIt = ({ body }: Received): boolean => {
    const data: unknown = at(JSON.parse(body), 'data')
    const subject = at(data, 'mailbox') ?? at(data, 'domain')
    return (at(subject, 'email') ?? at(subject, 'name')) === name && at(subject, 'status') === wanted
  }
  await endpoint.until((received) => received.some(isIt))
  return told(endpoint.received.find(isIt))
}

test('a domain and a mailbox are told of, with the secrets of the mailbox and the digest of the key', async () => {
  await hook('/first')
  await u.call('POST', '/v1/domains', { body: { name: 'told.test' } })
  const domain = await comes('told.test', 'active')
  assert.equal(at(domain, 'team_id'), u.scope.organizationId)
  assert.equal(at(domain, 'team_name'), 'Mailwright')
  assert.equal(at(domain, 'workspace_id'), u.scope.workspaceId)
  assert.equal(at(domain, 'data', 'domain', 'previous_status'), null)
  assert.equal(at(domain, 'data', 'domain', 'tld'), 'test')
  assert.equal(at(domain, 'data', 'domain', 'dns_propagation_status'), 'propagated')

  const made = await u.call('POST', '/v1/mailboxes', {
    body: { address: 'ada@told.test', first_name: 'Ada', last_name: 'Quill', tags: ['a'] },
  })
  const mailbox = await comes('ada@told.test', 'active')
  const shown = await u.call('GET', `/v1/mailboxes/${textAt(made.json, 'id')}/credentials`)
  const about = at(mailbox, 'data', 'mailbox')
  assert.equal(at(about, 'password'), at(shown.json, 'password'))
  assert.deepEqual([at(about, 'app_password'), at(about, 'secret')], [null, null])
  assert.deepEqual(
    [at(about, 'username'), at(about, 'first_name'), at(about, 'last_name')],
    ['ada', 'Ada', 'Quill'],
  )
  assert.deepEqual(
    [at(about, 'tags'), at(about, 'platform'), at(about, 'renewal_cycle')],
    [['a'], 'SMTP', 'monthly'],
  )
  assert.equal(at(mailbox, 'data', 'metadata', 'workspace_id'), u.scope.workspaceId)
  for (const { headers } of endpoint.received) {
    assert.equal(headers['x-inboxkit-signature'], digestOf(u.apiKey))
  }
})

test('no secret waits in the log, nor is a signature kept in it', async () => {
  const shown = await u.call('GET', '/v1/mailboxes/ada@told.test/credentials')
  const password = textAt(shown.json, 'password')
  const events = await u.platform.db.selectFrom('webhook_events').select('payload').execute()
  assert.ok(events.length >= 2)
  for (const { payload } of events) {
    assert.ok(!payload.includes(password))
    assert.equal(at(JSON.parse(payload), 'data', 'mailbox', 'password') ?? null, null)
  }
  const attempts = await u.platform.db.selectFrom('webhook_attempts').select('request_headers').execute()
  for (const { request_headers } of attempts) {
    assert.ok(!JSON.stringify(request_headers).includes(digestOf(u.apiKey)))
    assert.equal(request_headers['user-agent'], 'InboxKit-Webhook/1.0')
  }
})

test('suspension, resumption, cancellation, deletion and restoring, each with the status before', async () => {
  const path = '/v1/mailboxes/ben@told.test'
  await u.call('POST', '/v1/mailboxes', { body: { address: 'ben@told.test' } })
  await comes('ben@told.test', 'active')
  const steps = [
    ['POST', `${path}/suspend`, 'suspended', 'active'],
    ['POST', `${path}/resume`, 'active', 'suspended'],
    ['POST', `${path}/cancel`, 'scheduled_for_cancellation', 'active'],
    ['POST', `${path}/keep`, 'active', 'scheduled_for_cancellation'],
    ['DELETE', path, 'cancelled', 'active'],
    ['POST', `${path}/restore`, 'active', 'cancelled'],
  ] as const
  for (const [method, where, wanted, previous] of steps) {
    endpoint.received.length = 0
    const reply = await u.call(method, where, method === 'DELETE' ? {} : { body: {} })
    assert.ok(reply.status < 300, `${where}: ${reply.text}`)
    const body = await comes('ben@told.test', wanted)
    assert.equal(at(body, 'data', 'mailbox', 'previous_status'), previous, where)
    assert.equal(endpoint.received.length, 1, where)
  }
})

test('the second factor and the app password are told, as they are when it is sent', async () => {
  const path = '/v1/mailboxes/cem@told.test'
  const made = await u.operate('updateWorkspaceWebhook', {
    body: { uid: u.scope.workspaceId, webhook_url: `${endpoint.url}/again` },
  })
  assert.equal(made.status, 200)
  await u.call('POST', '/v1/mailboxes', { body: { address: 'cem@told.test' } })
  await comes('cem@told.test', 'active')
  const app = await u.call('POST', `${path}/app-passwords`, { body: { name: 'program' } })
  assert.equal(app.status, 201, app.text)
  status = 500
  endpoint.received.length = 0
  await u.call('POST', `${path}/suspend`, { body: {} })
  await comes('cem@told.test', 'suspended')
  const renewed = await u.call('POST', `${path}/password`, { body: {} })
  assert.ok(renewed.status < 300, renewed.text)
  const shown = await u.call('GET', `${path}/credentials`)
  status = 200
  endpoint.received.length = 0
  u.platform.clock.advance?.('PT1H')
  const body = await comes('cem@told.test', 'suspended')
  assert.equal(at(body, 'data', 'mailbox', 'password'), at(shown.json, 'password'))
  assert.equal(at(body, 'data', 'mailbox', 'app_password'), at(app.json, 'password'))
})

test('the key that sets the URL last is the one whose digest is sent, also when it is revoked', async () => {
  const key = await u.key()
  await hook('/other', key)
  const listed = await u.call('GET', '/v1/api-keys?limit=200')
  const id = textAt(listAt(listed.json, 'data').at(-1), 'id')
  assert.equal((await u.call('DELETE', `/v1/api-keys/${id}`)).status, 204)
  endpoint.received.length = 0
  await u.call('POST', '/v1/domains', { body: { name: 'later.test' } })
  await comes('later.test', 'active')
  assert.equal(endpoint.received[0]?.headers['x-inboxkit-signature'], digestOf(key))
  assert.equal(endpoint.received[0]?.path, '/hook/other')
})

test('a domain that goes is told of; without a URL nothing is', async () => {
  endpoint.received.length = 0
  await u.call('DELETE', '/v1/domains/later.test')
  await runJobs(u.platform)
  const gone = await comes('later.test', 'deleted')
  assert.equal(at(gone, 'data', 'domain', 'previous_status'), 'active')
  const body = { uid: u.scope.workspaceId, webhook_url: null }
  assert.equal((await u.operate('updateWorkspace', { body })).status, 200)
  endpoint.received.length = 0
  await u.call('POST', '/v1/domains', { body: { name: 'quiet.test' } })
  await hook('/third')
  await u.call('POST', '/v1/domains', { body: { name: 'loud.test' } })
  await comes('loud.test', 'active')
  assert.equal(endpoint.received.length, 1)
})
