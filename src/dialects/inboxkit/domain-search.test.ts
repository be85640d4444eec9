/** Names that can be registered, in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
before(async () => {
  u = await startTestVendor('inboxkit')
  slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
})
after(() => Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]())))

const unknownId = '00000000-0000-4000-8000-000000000000'
const names = (json: unknown): string[] => listAt(json, 'domains').map((row) => textAt(row, 'name'))

test('a keyword gives names with their price for the term, page by page', async () => {
  const body = { keyword: 'North Wind', tlds: ['.test'], num: 2 }
  const first = await u.operate('searchDomains', { body })
  assert.deepEqual(names(first.json), ['northwind.test', 'getnorthwind.test'])
  assert.deepEqual(at(first.json, 'domains', '0'), {
    name: 'northwind.test',
    tld: 'test',
    available: true,
    price: 10,
    is_premium: false,
  })
  const next = await u.operate('searchDomains', { body: { ...body, page: 2, registration_years: 3 } })
  assert.deepEqual(names(next.json), ['trynorthwind.test', 'northwindhq.test'])
  assert.equal(at(next.json, 'domains', '0', 'price'), 30)
  const usual = await u.operate('searchDomains', { body: { keyword: 'northwind' } })
  assert.equal(names(usual.json).length, 10, 'where no registrar sells others, those of the sandbox')
})

test('the documented example: nobody sells .com here, and what cannot be had is shown on demand', async () => {
  const body = u.exampleOf('searchDomains')
  assert.deepEqual(names((await u.operate('searchDomains', { body })).json), [])
  const shown = await u.operate('searchDomains', { body: { ...Object(body), show_unavailable: true } })
  assert.equal(at(shown.json, 'domains', '0', 'available'), false)
  assert.equal(at(shown.json, 'domains', '0', 'google_workspace_available'), true)
})

test('one name is answered whether it can be had or not', async () => {
  const flags = { check_banned: true, check_ms365_workspace_availability: true }
  const free = await u.operate('searchDomains', { body: { domain: 'Premium-one.test', ...flags } })
  assert.deepEqual(listAt(free.json, 'domains').length, 1)
  assert.equal(at(free.json, 'domains', '0', 'is_premium'), true)
  assert.equal(at(free.json, 'domains', '0', 'banned'), false)
  assert.equal(at(free.json, 'domains', '0', 'ms365_workspace_available'), true)
  const taken = await u.operate('searchDomains', { body: { domain: 'taken-one.test' } })
  assert.deepEqual(
    [names(taken.json), at(taken.json, 'domains', '0', 'available')],
    [['taken-one.test'], false],
  )
})

test('availability and price of one name, with and without a workspace', async () => {
  for (const workspace of [u.scope.workspaceId, null, unknownId]) {
    const reply = await u.operate('checkDomainAvailability', { workspace, query: { domain: 'fresh.test' } })
    assert.deepEqual(reply.json, {
      error: false,
      message: 'Domain is available for registration',
      banned: false,
      available: true,
      registration_price: 10,
      renewal_price: 12,
    })
  }
  const taken = await u.operate('checkDomainAvailability', { query: { domain: 'taken-x.test' } })
  assert.deepEqual(taken.json, {
    error: false,
    message: 'Domain is not available for registration',
    banned: false,
    available: false,
  })
  for (const path of ['/domains/check?domain=fresh.test', '/domains/availability/fresh.test']) {
    assert.equal(at((await u.at('GET', path)).json, 'available'), true, path)
  }
})

test('nothing is banned that could be registered', async () => {
  const free = await u.operate('checkDomainBanned', { query: { domain: 'fresh.test' } })
  assert.equal(at(free.json, 'banned'), false)
  assert.equal(at((await u.at('GET', '/domains/banned/co.uk')).json, 'banned'), true)
})

test('mailboxes of which product can be had', async () => {
  const body = u.exampleOf('checkWorkspaceAvailability')
  const reply = await u.operate('checkWorkspaceAvailability', { body, workspace: null })
  assert.deepEqual(at(reply.json, 'result', '0'), {
    domain: 'northwindmail.net',
    google_workspace_available: true,
    ms365_workspace_available: true,
  })
  assert.equal((await u.at('POST', '/domains/workspace-availability', { body })).status, 200)
})

test('what is refused', async () => {
  const bad = [
    {},
    { keyword: 'x', domain: 'y.test' },
    { keyword: '...' },
    { keyword: 'x', tlds: ['.nosuch'] },
    { keyword: 'x', tlds: ['.io'] },
    { keyword: 'x', registration_years: 11 },
    { keyword: 'x', num: 0 },
    { domain: 'no name' },
    { keyword: 'x', color: 'red' },
    '{',
  ]
  for (const body of bad) {
    assert.equal((await u.operate('searchDomains', { body })).status, 400, JSON.stringify(body))
  }
  for (const id of ['checkDomainAvailability', 'checkDomainBanned']) {
    assert.equal((await u.operate(id)).status, 400)
    assert.equal((await u.operate(id, { query: { domain: 'no name' } })).status, 400)
  }
  for (const body of [{}, { domains: [] }, { domains: ['no name'] }]) {
    assert.equal((await u.operate('checkWorkspaceAvailability', { body })).status, 400)
  }
  const ids = ['searchDomains', 'checkDomainAvailability', 'checkDomainBanned', 'checkWorkspaceAvailability']
  for (const id of ids) {
    const query = { domain: 'x.test' }
    const body = { keyword: 'x', domains: ['x.test'] }
    assert.equal((await u.operate(id, { key: 'wrong', query, body })).status, 401)
  }
  const query = { domain: 'x.test' }
  const elsewhere = { workspace: unknownId, query, body: { keyword: 'x' } }
  for (const id of ['searchDomains', 'checkDomainBanned']) {
    assert.equal((await u.operate(id, elsewhere)).status, 404)
  }
})

test('a key that is bound to one mailbox looks nothing up', async () => {
  const made = await u.call('POST', '/v1/domains', { body: { name: 'own.test' } })
  assert.equal(made.status, 201)
  const mailbox = await u.call('POST', '/v1/mailboxes', { body: { address: 'ann@own.test' } })
  const key = await u.key({ workspaceId: u.scope.workspaceId, mailboxId: textAt(mailbox.json, 'id') })
  const found = await u.unchecked('checkDomainAvailability', { key, query: { domain: 'x.test' } })
  assert.equal(found.status, 403, found.text)
})

test('too many calls', async () => {
  const query = { domain: 'x.test' }
  await slow.unchecked('checkDomainAvailability', { query })
  for (const id of ['checkDomainAvailability', 'searchDomains']) {
    const reply = await slow.operate(id, { query, body: { keyword: 'x' } })
    assert.equal(reply.status, 429)
    u.contract.check(id, reply)
  }
})

test('every documented status was seen', () =>
  u.requireSeen(/^\/domains\/(search|banned|available|check-workspace)/, {
    'checkDomainAvailability 404': 'it names no workspace and nothing that could be missing',
    'checkWorkspaceAvailability 404': 'the same',
  }))
