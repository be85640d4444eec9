/**
 * Every operation of the contract: its documented example goes in, every documented status comes out, and each reply is
 * held to its schema.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { giveMoney, setPrice } from '../../testing/test-billing.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { type InboxedUpCall, startTestInboxedUp, type TestInboxedUp } from '../../testing/test-inboxedup.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'

let dns: TestDns
let u: TestInboxedUp
/** One that answers each caller once in a minute. */
let slow: TestInboxedUp
/** One without name servers, without billing. */
let bare: TestInboxedUp

const made = { batch: '', domain: '', other: '', request: '', subscription: '' }
const unknownId = '00000000-0000-4000-8000-000000000000'
const slots = 20

before(async () => {
  dns = await startTestDns()
  const environment = {
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example',
    MAILWRIGHT_BILLING: 'on',
    MAILWRIGHT_NAMESERVERS: 'ns1.platform.example,ns2.platform.example',
    MAILWRIGHT_DOMAINS_PER_WORKSPACE: '6',
  }
  u = await startTestInboxedUp({ environment })
  slow = await startTestInboxedUp({ requestsPerMinute: 1 })
  bare = await startTestInboxedUp({
    environment: { MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example' },
  })
  await makePlan(u.platform, { code: 'team', slots, monthly: 1000 })
  await setPrice(u.platform, { item: 'mailbox', unit_amount: 500, period: 'monthly', service: 'local' })
  await giveMoney(u.platform, u.scope, 1000)
  const subscribed = await u.call('POST', '/v1/subscriptions', { body: { plan: 'team', period: 'monthly' } })
  assert.equal(subscribed.status, 201, subscribed.text)
  made.subscription = `sub_${textAt(subscribed.json, 'id')}`
})
after(async () => {
  await Promise.all([u, slow, bare].map((one) => one[Symbol.asyncDispose]()))
  await dns[Symbol.asyncDispose]()
})

function exampleOf(id: string): unknown {
  return u.contract.operation(id).bodies[0]
}

/** What the parameter of an operation's path names. */
function idFor(id: string): string {
  if (id === 'getBatchStatus') return made.batch
  if (id === 'getMailboxRequest') return made.request
  return id.includes('Subscription') ? made.subscription : made.domain
}

/** Calls an operation with its documented example on what there is. */
function example(id: string, more: InboxedUpCall = {}): Promise<Reply> {
  return u.operate(id, { id: idFor(id), body: exampleOf(id), ...more })
}

function expect(reply: Reply, status: number, ...members: [path: string, value: unknown][]): void {
  assert.equal(reply.status, status, reply.text)
  for (const [path, value] of members) assert.deepEqual(at(reply.json, ...path.split('.')), value, path)
  assert.equal(at(reply.json, 'success'), status < 400)
}

async function activate(name: string): Promise<void> {
  await u.platform.db.updateTable('domains').set({ state: 'active' }).where('name', '=', name).execute()
}

test('the documented examples, in the order of a life', async () => {
  const submitted = await example('submitDomains')
  expect(submitted, 201, ['status', 'QUEUED'], ['total', 2], ['domains.0.status', 'QUEUED'])
  made.batch = textAt(submitted.json, 'batchId')
  made.domain = textAt(submitted.json, 'domains', 0, 'id')
  made.other = textAt(submitted.json, 'domains', 1, 'id')
  expect(await example('getDomain'), 200, ['data.status', 'QUEUED'], ['data.ns1', null])
  expect(await example('getBatchStatus'), 200, ['data.queued', 2], ['data.groups', []])
  await runJobs(u.platform)
  expect(
    await example('getDomain'),
    200,
    ['data.status', 'PENDING_NS'],
    ['data.ns1', 'ns1.platform.example'],
    ['data.ns2', 'ns2.platform.example'],
  )
  const batch = await example('getBatchStatus')
  expect(batch, 200, ['data.status', 'PENDING_NS'], ['data.pending_ns', 2], ['data.groups.length', 1])
  expect(await example('verifyDomainNsPropagation'), 200, ['data.verified', false])
  await activate('northfield-mail.example')
  expect(await example('getBatchStatus'), 200, ['data.status', 'PARTIAL'], ['data.active', 1])
  expect(await example('listDomains'), 200, ['data.length', 3])
  const asked = await example('requestMailboxes')
  expect(
    asked,
    201,
    ['status', 'pending'],
    ['type', 'microsoft'],
    ['mailboxes.1.mailboxUsername', 'ben.ruiz'],
  )
  made.request = textAt(asked.json, 'requestId')
  expect(
    await example('getMailboxRequest'),
    200,
    ['data.status', 'COMPLETED'],
    ['data.type', 'MICROSOFT'],
    ['data.domainId', made.domain],
    ['data.domainStatus', 'ACTIVE'],
    ['data.adminNotes', null],
    ['data.mailboxes.0.firstName', 'Ada'],
  )
  expect(await example('listMailboxRequests'), 200, ['data.length', 1], ['data.0.id', made.request])
  const shown = await u.call('GET', '/v1/mailboxes/ada.northfield@northfield-mail.example')
  assert.deepEqual([at(shown.json, 'product'), at(shown.json, 'service')], ['microsoft', 'local'])
  const account = await example('getAccountOverview')
  expect(account, 200, ['data.customer.email', 'ops@owner.example'], ['data.customer.name', 'Default'])
  expect(account, 200, [
    'data.allocations.0',
    { type: 'MICROSOFT', allocated: slots, used: 2, remaining: slots - 2 },
  ])
  expect(account, 200, [
    'data.allocations.1',
    { type: 'GOOGLE', allocated: slots - 2, used: 0, remaining: slots - 2 },
  ])
  expect(account, 200, ['data.summary.totalDomains', 3], ['data.summary.activeDomains', 2])
  expect(account, 200, ['data.summary.pendingMailboxRequests', 0], ['data.summary.activeApiKeys', 1])
  const plans = await example('listActiveSubscriptions')
  expect(plans, 200, ['data.0.id', made.subscription], ['data.0.quantity', slots], ['data.0.notes', null])
  expect(await example('updateSubscriptionNotes'), 200, ['data.notes', 'Moved to the Q3 campaign'])
  expect(await example('updateSubscriptionNotes', { body: { notes: '' } }), 200, ['data.notes', null])
  const removed = { id: made.other }
  expect(await example('removeDomain', removed), 200)
  expect(await example('removeDomain', removed), 404)
  expect(
    await example('getBatchStatus'),
    200,
    ['data.total', 2],
    ['data.failed', 1],
    ['data.status', 'PARTIAL'],
  )
})

test('no key: 401, for every operation', async () => {
  for (const { id } of u.contract.operations) {
    for (const key of [null, 'mw_none', 'a b']) {
      expect(await example(id, { key }), 401, ['error', 'Unauthorized'])
    }
  }
})

test('an unknown id, one of another kind and a foreign one: 404', async () => {
  const other = await u.tenant()
  for (const { id, path } of u.contract.operations) {
    if (!path.includes('{')) continue
    const odd = idFor(id) === made.domain ? made.request : made.domain
    const prefix = idFor(id).replace(/_.*/, '_')
    for (const text of [prefix + unknownId, odd, 'x y', idFor(id).slice(prefix.length)]) {
      expect(await example(id, { id: text }), 404, ['error', 'Not found'])
    }
    expect(await example(id, { key: other.key }), 404, ['error', 'Not found'])
  }
  const asked = await example('requestMailboxes', { key: other.key })
  expect(asked, 403)
  const none = { ...Object(exampleOf('requestMailboxes')), domain: 'none.example' }
  const missing = await example('requestMailboxes', { key: other.key, body: none })
  assert.equal(missing.text, asked.text.replace('northfield-mail.example', 'none.example'))
  for (const id of ['listDomains', 'listMailboxRequests', 'listActiveSubscriptions']) {
    const { json } = await example(id, { key: other.key })
    assert.equal(listAt(json, 'data').filter((one) => !textAt(one, 'domain').endsWith('.test')).length, 0)
  }
})

const request = (change: object) => ({
  ...Object(u.contract.operation('requestMailboxes').bodies[0]),
  ...change,
})
const person = (mailboxUsername: string) => ({ firstName: 'A', lastName: 'B', mailboxUsername })
const people = (...names: string[]) => ({ mailboxes: names.map(person) })

const wrong: [id: string, body: () => unknown, status: number, error: RegExp][] = [
  ['submitDomains', () => ({}), 400, /domains is missing/],
  ['submitDomains', () => ({ domains: [] }), 400, /domains/],
  ['submitDomains', () => ({ domains: [5] }), 400, /domains\.0/],
  ['submitDomains', () => '{', 400, /./],
  ['submitDomains', () => ({ domains: ['not a name'] }), 400, /not a domain name/],
  ['submitDomains', () => ({ domains: ['northfield-mail.example'] }), 422, /already connected/],
  ['requestMailboxes', () => request({ type: undefined }), 400, /type is missing/],
  ['requestMailboxes', () => request({ type: 'MICROSOFT' }), 400, /must be one of: google, microsoft, smtp/],
  ['requestMailboxes', () => request({ mailboxes: [] }), 400, /mailboxes/],
  [
    'requestMailboxes',
    () => request({ mailboxes: [{ firstName: 'A', lastName: 'B' }] }),
    400,
    /mailboxUsername/,
  ],
  ['requestMailboxes', () => request(people('a b')), 400, /./],
  ['requestMailboxes', () => request(people('a@b')), 400, /./],
  ['requestMailboxes', () => request({ mailboxes: [{ ...person('x'), firstName: 'a\0b' }] }), 400, /./],
  ['requestMailboxes', () => request({ domain: 'not a name' }), 400, /not a domain name/],
  ['requestMailboxes', () => request({ domain: 'none.example' }), 403, /not connected/],
  ['requestMailboxes', () => request({}), 422, /in use/],
  ['requestMailboxes', () => request(people('new', 'ada.northfield')), 422, /in use/],
  ['requestMailboxes', () => request(people('new', 'NEW')), 422, /./],
  ['updateSubscriptionNotes', () => ({}), 400, /notes is missing/],
  ['updateSubscriptionNotes', () => ({ notes: 5 }), 400, /notes/],
  ['updateSubscriptionNotes', () => ({ notes: 'x'.repeat(2001) }), 400, /notes/],
]
for (const [index, [id, body, status, error]] of wrong.entries()) {
  test(`refused: ${id} ${index}`, async () => {
    const reply = await example(id, { body: body() })
    expect(reply, status)
    assert.match(textAt(reply.json, 'error'), error)
    const { rows } = await u.platform.pool.query(`select 1 from addresses where address like 'new@%'`)
    assert.equal(rows.length, 0)
  })
}

test('some domains of a batch cannot be had: they count as failed', async () => {
  const reply = await example('submitDomains', {
    body: { domains: ['sandbox.test', 'northfield-mail.example'] },
  })
  expect(
    reply,
    201,
    ['total', 2],
    ['status', 'PARTIAL'],
    ['domains.length', 1],
    ['domains.0.status', 'ACTIVE'],
  )
  assert.match(textAt(reply.json, 'message'), /1 of 2 .*northfield-mail\.example is already connected/)
  const batch = await u.operate('getBatchStatus', { id: textAt(reply.json, 'batchId') })
  expect(batch, 200, ['data.active', 1], ['data.failed', 1], ['data.groups.0.domains.length', 1])
})

test('mailboxes in a domain that is not active: 422', async () => {
  await u.operate('submitDomains', { body: { domains: ['slow.example'] } })
  const reply = await example('requestMailboxes', { body: request({ domain: 'slow.example' }) })
  expect(reply, 422)
  assert.match(textAt(reply.json, 'error'), /slow\.example is pending_nameservers/)
})

test('limits of a type: per domain a rule, of the workspace an allocation; nothing of a refused request stays', async () => {
  const limit = (body: object) => u.call('PUT', '/v1/mailbox-limits', { body })
  assert.equal((await limit({ per: 'domain', product: 'microsoft', mailboxes_max: 3 })).status, 200)
  const two = await example('requestMailboxes', { body: request(people('c', 'd')) })
  expect(two, 422)
  assert.match(textAt(two.json, 'error'), /3 mailboxes of the product microsoft, and has 3/)
  expect(await example('requestMailboxes', { body: request(people('c')) }), 201)
  expect(await example('requestMailboxes', { body: request({ type: 'google', ...people('e') }) }), 201)
  await limit({ per: 'workspace', product: 'google', mailboxes_max: 1 })
  const account = await example('getAccountOverview')
  expect(account, 200, ['data.allocations.1', { type: 'GOOGLE', allocated: 1, used: 1, remaining: 0 }])
  expect(await example('requestMailboxes', { body: request({ type: 'google', ...people('f') }) }), 403)
  const spent = slots - 4
  const many = Array.from({ length: spent + 1 }, (_, n) => `s${n}`)
  const more = await example('requestMailboxes', { body: request({ type: 'smtp', ...people(...many) }) })
  expect(more, 403) // the slots are used up, and there is no money for one more
  const all = await example('requestMailboxes', {
    body: request({ type: 'smtp', ...people(...many.slice(1)) }),
  })
  expect(all, 201)
  const full = await example('getAccountOverview')
  expect(full, 200, ['data.allocations.2', { type: 'SMTP', allocated: spent, used: spent, remaining: 0 }])
  expect(full, 200, ['data.allocations.0', { type: 'MICROSOFT', allocated: 3, used: 3, remaining: 0 }])
})

test('who may only read, and who is bound to a mailbox: 403', async () => {
  const reading = await u.key({ access: 'read' })
  for (const id of [
    'submitDomains',
    'removeDomain',
    'verifyDomainNsPropagation',
    'updateSubscriptionNotes',
  ]) {
    const reply = await u.unchecked(id, { id: idFor(id), body: exampleOf(id), key: reading })
    expect(reply, 403)
  }
  expect(await example('requestMailboxes', { key: reading }), 403)
  const box = await u.call('GET', '/v1/mailboxes/ada.northfield@northfield-mail.example')
  const bound = await u.key({ workspaceId: u.scope.workspaceId, mailboxId: textAt(box.json, 'id') })
  for (const { id } of u.contract.operations) {
    const reply = await u.unchecked(id, { id: idFor(id), body: exampleOf(id), key: bound })
    expect(reply, 403)
  }
})

test('a key of a workspace sees that one, and not the organization’s people', async () => {
  const { json } = await u.call('POST', '/v1/workspaces', { body: { name: 'Second' } })
  const key = await u.key({ workspaceId: textAt(json, 'id') })
  const account = await example('getAccountOverview', { key })
  expect(account, 200, ['data.customer.name', 'Second'], ['data.customer.email', 'nobody@customer.invalid'])
  expect(account, 200, ['data.summary.totalDomains', 0], ['data.allocations.0.remaining', 10_000])
  expect(await example('listDomains', { key }), 200, ['data', []])
})

test('the rate is passed: 429', async () => {
  assert.equal((await slow.operate('listDomains')).status, 200)
  for (const { id } of slow.contract.operations) {
    const reply = await slow.unchecked(id, { body: exampleOf(id) })
    expect(reply, 429)
    assert.ok(Number(reply.headers.get('retry-after')) > 0)
  }
})

test('without name servers a domain waits for its records, and nobody is told a pair', async () => {
  const submitted = await bare.operate('submitDomains', { body: { domains: ['hand.example'] } })
  await runJobs(bare.platform)
  const domain = await bare.operate('getDomain', { id: textAt(submitted.json, 'domains', 0, 'id') })
  expect(domain, 200, ['data.status', 'PENDING_NS'], ['data.ns1', null], ['data.ns2', null])
  const batch = await bare.operate('getBatchStatus', { id: textAt(submitted.json, 'batchId') })
  expect(batch, 200, ['data.pending_ns', 1], ['data.groups', []])
  expect(await bare.operate('listActiveSubscriptions'), 200, ['data', []])
})

test('a service that somebody fulfils: pending, in progress, completed with the note, or failed with its place back', async () => {
  const path = `/v1/workspaces/${bare.scope.workspaceId}/service-mapping`
  const mapping = await bare.call('PUT', path, { body: { microsoft: 'microsoft' } })
  assert.equal(at(mapping.json, 'microsoft'), 'microsoft')
  await bare.call('PUT', '/v1/mailbox-limits', {
    body: { per: 'domain', product: 'microsoft', mailboxes_max: 2 },
  })
  const ask = (...names: string[]) =>
    bare.operate('requestMailboxes', { body: request({ domain: 'demo.test', ...people(...names) }) })
  const id = textAt((await ask('ann', 'bob')).json, 'requestId')
  const shows = async (status: string, notes: string | null) =>
    expect(
      await bare.operate('getMailboxRequest', { id }),
      200,
      ['data.status', status],
      ['data.adminNotes', notes],
    )
  await shows('PENDING', null)
  const account = await bare.operate('getAccountOverview')
  expect(account, 200, ['data.summary.pendingMailboxRequests', 1], ['data.allocations.0.used', 2])
  expect(await ask('carl'), 422)
  const { json } = await bare.call('GET', '/v1/mailbox-requests')
  const [first, second] = listAt(json, 'data').map((one) => `/v1/mailbox-requests/${textAt(one, 'id')}`)
  const say = (which = '', body: object) => bare.call('PATCH', which, { body })
  await say(first, { state: 'completed', note: 'Up.' })
  await shows('IN_PROGRESS', 'Up.')
  await say(second, { state: 'failed', note: 'Up.' })
  await shows('COMPLETED', 'Up.')
  expect(await ask('carl'), 201)
  expect(await bare.operate('listMailboxRequests'), 200, ['data.length', 2], ['data.0.status', 'PENDING'])
})

test('the paths that the contract is not sure of, and those that it does not know', async () => {
  const headers = { authorization: `Bearer ${u.apiKey}` }
  const at2 = (method: string, path: string, body?: unknown) =>
    u.call(method, `/inboxedup${path}`, { key: null, headers, body })
  const noted = await at2('PATCH', `/subscriptions/${made.subscription}/notes`, { notes: 'x' })
  expect(noted, 200, ['data.notes', 'x'])
  expect(await at2('GET', '/none'), 404, ['error', 'Not found'])
  const { json } = await u.call('GET', '/inboxedup/openapi.json', { key: null })
  assert.equal(at(json, 'components', 'securitySchemes', 'bearer', 'scheme'), 'bearer')
  assert.ok(at(json, 'paths', '/domains/{id}/verify', 'post'))
})

/** What is documented and cannot come about here. */
const exceptions: Record<string, string> = {}

test('every documented status was seen, but those that cannot come about', () => {
  assert.deepEqual(u.contract.unseen().sort(), Object.keys(exceptions).sort())
})
