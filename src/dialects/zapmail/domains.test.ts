/** Domains in the dialect of Zapmail: lists, filters, tags, what is set for them, and their removal. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let u: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
let other: Tenant
const ids: Record<string, string> = {}
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  const environment = { MAILWRIGHT_MAILBOXES_PER_DOMAIN: '2' }
  ;[u, slow] = await Promise.all([
    startTestVendor('zapmail', { environment, requestsPerMinute: 1e6 }),
    startTestVendor('zapmail', { requestsPerMinute: 1 }),
  ])
  await u.call('DELETE', '/v1/domains/demo.test')
  for (const [name, product] of [
    ['one.test', 'google'],
    ['two.test', null],
    ['three.test', 'microsoft'],
    ['wait.example', 'google'],
  ] as const) {
    const made = await u.call('POST', '/v1/domains', { body: { name } })
    assert.equal(made.status, 201, made.text)
    ids[name] = textAt(made.json, 'id')
    await u.call('PATCH', `/v1/domains/${name}`, { body: { product } })
  }
  for (const address of ['ann@one.test', 'bob@one.test', 'carl@two.test']) {
    const made = await u.call('POST', '/v1/mailboxes', { body: { address, first_name: 'A', last_name: 'B' } })
    assert.equal(made.status, 201, made.text)
  }
  other = await u.tenant()
})
after(() => Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]())))

const id = (name: string): string => ids[name] ?? unknownId
const named = (...names: string[]) => ({ domainIds: names.map(id) })
const namesOf = ({ json }: Reply): string[] =>
  listAt(json, 'data', 'domains').map((one) => textAt(one, 'domain'))
const microsoft = { headers: { 'x-service-provider': 'MICROSOFT' } }

async function expect(status: number, operation: string, options: VendorCall = {}): Promise<Reply> {
  const reply = await u.operate(operation, options)
  assert.equal(reply.status, status, reply.text)
  assert.equal(at(reply.json, 'status'), status)
  return reply
}

/** What the lists show of a domain. */
async function shown(name: string): Promise<unknown> {
  const { json } = await expect(200, 'listDomains', { query: { contains: name } })
  return at(json, 'data', 'domains', 0)
}

/** What the native API shows of it. */
async function native(name: string, more = ''): Promise<unknown> {
  return (await u.call('GET', `/v1/domains/${name}${more}`)).json
}

test('the domains of a provider are listed with their mailboxes, the newest first', async () => {
  const all = await expect(200, 'listDomains')
  assert.deepEqual(namesOf(all), ['wait.example', 'two.test', 'one.test'])
  assert.deepEqual(
    ['totalSearchedCount', 'currentPage', 'nextPage', 'totalPages'].map((name) => at(all.json, 'data', name)),
    [3, 1, 2, 1],
  )
  assert.deepEqual(namesOf(await expect(200, 'listDomains', microsoft)), ['three.test'])
  const second = await expect(200, 'listDomains', { query: { page: '2', limit: '2' } })
  assert.deepEqual([namesOf(second), at(second.json, 'data', 'totalPages')], [['one.test'], 2])
  const past = await expect(200, 'listDomains', { query: { page: '9', limit: '2' } })
  assert.deepEqual([namesOf(past), at(past.json, 'data', 'totalSearchedCount')], [[], 3])
  const one = await shown('one.t')
  assert.deepEqual(
    ['id', 'workspaceId', 'status', 'assignedMailboxesCount', 'autoRenew', 'forwardTo', 'catchAllEmail'].map(
      (name) => at(one, name),
    ),
    [id('one.test'), u.scope.workspaceId, 'ACTIVE', '2', false, null, null],
  )
  assert.deepEqual(
    listAt(one, 'mailboxes').map((mailbox) => at(mailbox, 'email')),
    ['ann@one.test', 'bob@one.test'],
  )
  assert.match(textAt(one, 'mailboxes', 0, 'password'), /./)
  const waiting = await shown('wait.example')
  assert.deepEqual([at(waiting, 'status'), at(waiting, 'dnsAuthenticationInProgress')], ['PENDING', true])
  assert.deepEqual(namesOf(await expect(200, 'listDomains', { key: other.key, workspace: null })), [])
})

test('a key that may only read sees no passwords, and changes nothing', async () => {
  const key = await u.key({ access: 'read' })
  const { json } = await expect(200, 'listDomains', { key, query: { contains: 'one.test' } })
  assert.equal(at(json, 'data', 'domains', 0, 'mailboxes', 0, 'password'), null)
  const calls: [operation: string, body: unknown][] = [
    ['removeUnusedDomains', { ids: [id('two.test')] }],
    ['addDmarcRecord', { ...named('two.test'), email: 'd@x.example' }],
    ['addDomainForwarding', { ...named('two.test'), forwardTo: 'x.example' }],
    ['enableCatchAll', { ...named('two.test'), email: 'carl@two.test' }],
    ['assignDomainTags', { tagIds: [], ...named('two.test') }],
  ]
  for (const [operation, body] of calls) {
    assert.equal((await u.unchecked(operation, { key, body })).status, 403, operation)
  }
  const mailbox = at((await u.call('GET', '/v1/mailboxes/ann@one.test')).json, 'id')
  const bound = await u.key({ mailboxId: String(mailbox), workspaceId: u.scope.workspaceId })
  assert.equal((await u.unchecked('listDomains', { key: bound })).status, 403)
})

test('what takes mailboxes now is active and below its limit', async () => {
  assert.deepEqual(namesOf(await expect(200, 'listAssignableDomains')), ['two.test'])
  assert.deepEqual(namesOf(await expect(200, 'listAssignableDomains', { query: { contains: 'one' } })), [])
})

test('filters in a body: status, text, tags and order; null is no filter but wrong', async () => {
  const filtered = async (body: object) => namesOf(await expect(200, 'listDomainsFiltered', { body }))
  assert.deepEqual(await filtered(Object(u.exampleOf('listDomainsFiltered'))), ['two.test', 'one.test'])
  assert.deepEqual(await filtered({ sortBy: 'ASC' }), ['one.test', 'two.test', 'wait.example'])
  assert.deepEqual(await filtered({ status: ['PENDING'], contains: '' }), ['wait.example'])
  assert.deepEqual(await filtered({ status: ['PENDING', 'ACTIVE'], contains: 'T.test' }), [])
  assert.deepEqual(await filtered({ contains: 'TWO' }), ['two.test'])
  assert.deepEqual(await filtered({ contains: '%' }), [])
  assert.deepEqual(await filtered({ tagIds: [unknownId] }), [])
  assert.deepEqual(await filtered({ tagIds: ['no id'] }), [])
  const paged = await expect(200, 'listDomainsFiltered', { body: {}, query: { page: '2', limit: '1' } })
  assert.deepEqual(namesOf(paged), ['two.test'])
  assert.equal((await u.at('POST', '/v2/domains')).status, 200)
  for (const body of [{ contains: null }, { status: null }, { status: ['GONE'] }, { tagIds: 'x' }]) {
    await expect(422, 'listDomainsFiltered', { body })
  }
})

test('tags are put on domains and taken off', async () => {
  const made = await u.operate('createDomainTags', { body: [{ name: 'Client A', tagColor: '#2196F3' }] })
  const tagIds = [textAt(made.json, 'data', 'tagIds', 0)]
  await expect(200, 'assignDomainTags', { body: { tagIds, ...named('one.test', 'wait.example') } })
  assert.deepEqual(
    listAt(await shown('one.test'), 'tags').map((tag) => at(tag, 'name')),
    ['Client A'],
  )
  assert.deepEqual(namesOf(await expect(200, 'listDomainsFiltered', { body: { tagIds } })), [
    'wait.example',
    'one.test',
  ])
  await expect(200, 'removeDomainTags', { body: { tagIds, status: ['ACTIVE'] } })
  assert.deepEqual(at(await shown('one.test'), 'tags'), [])
  assert.equal(listAt(await shown('wait.example'), 'tags').length, 1)
  await expect(200, 'removeDomainTags', { body: { tagIds, ...named('wait.example') } })
  await expect(400, 'assignDomainTags', { body: { tagIds: [unknownId], ...named('one.test') } })
  await expect(400, 'assignDomainTags', { body: { tagIds, domainIds: ['nonsense'] } })
  await expect(400, 'removeDomainTags', { body: { tagIds: [unknownId], ...named('one.test') } })
})

test('browsers are sent elsewhere, and no more', async () => {
  await expect(200, 'addDomainForwarding', {
    body: { ...named('one.test', 'two.test'), forwardTo: 'example.com' },
  })
  for (const name of ['one.test', 'two.test']) {
    const domain = await shown(name)
    assert.deepEqual(
      [at(domain, 'forwardTo'), at(domain, 'forwardToAddedOnReseller')],
      ['https://example.com', true],
    )
    assert.deepEqual(at(await native(name), 'redirect'), {
      url: 'https://example.com',
      status: 301,
      keep_path: true,
    })
  }
  await expect(200, 'addDomainForwarding', {
    body: { domainIds: [], contains: 'wait', forwardTo: 'https://x.example/y' },
  })
  const waiting = await shown('wait.example')
  assert.deepEqual(
    [at(waiting, 'forwardTo'), at(waiting, 'forwardToAddedOnReseller')],
    ['https://x.example/y', false],
  )
  await expect(200, 'removeDomainForwarding', { body: { domainId: id('one.test') } })
  assert.equal(at(await native('one.test'), 'redirect'), null)
  for (const forwardTo of ['http://x.example', 'one.test', 'two words', 'ftp://x.example']) {
    await expect(400, 'addDomainForwarding', { body: { ...named('one.test'), forwardTo } })
  }
  const all = { ...named('two.test', 'one.test'), forwardTo: 'www.one.test' }
  await expect(400, 'addDomainForwarding', { body: all })
  assert.equal(at(await shown('two.test'), 'forwardTo'), 'https://example.com', 'all or none')
  await expect(400, 'addDomainForwarding', {
    body: { domainIds: [], contains: 'none', forwardTo: 'x.example' },
  })
  await expect(400, 'removeDomainForwarding', { body: { domainId: unknownId } })
})

test('DMARC reports go to an address, too', async () => {
  const body = { ...Object(u.exampleOf('addDmarcRecord')), ...named('one.test') }
  await expect(200, 'addDmarcRecord', { body })
  const domain = await shown('one.test')
  assert.deepEqual(
    [at(domain, 'dmarcEmail'), at(domain, 'dmarcEmailAddedToReseller')],
    ['dmarc@example.com', true],
  )
  assert.equal(at(await native('one.test'), 'dmarc_report_address'), 'dmarc@example.com')
  await expect(400, 'addDmarcRecord', { body: { ...body, email: 'no address' } })
  await expect(400, 'addDmarcRecord', { body: { ...body, domainIds: [unknownId] } })
  await expect(422, 'addDmarcRecord', { body: { ...body, tagIds: null } })
  await expect(422, 'addDmarcRecord', { body: named('one.test') })
})

test('mail of a domain is copied to an address, and what it has no address for is caught', async () => {
  const body = { ...named('two.test'), email: 'ann@one.test', contains: '', status: [], tagIds: [] }
  await expect(200, 'enableEmailForwarding', { body })
  await expect(200, 'enableCatchAll', { body })
  const domain = await shown('two.test')
  assert.deepEqual(
    ['forwardingEmail', 'forwardingEmailAdded', 'catchAllEmail', 'catchAllEmailAdded'].map((name) =>
      at(domain, name),
    ),
    ['ann@one.test', true, 'ann@one.test', true],
  )
  assert.deepEqual(await native('two.test', '/forwarding'), { target: 'ann@one.test' })
  const ann = at((await u.call('GET', '/v1/mailboxes/ann@one.test')).json, 'id')
  assert.equal(at(await native('two.test', '/catch-all'), 'mailbox_id'), ann)
  await expect(200, 'enableCatchAll', { body: { ...named('wait.example'), email: 'x@far.example' } })
  assert.deepEqual(at(await native('wait.example', '/catch-all'), 'targets'), ['x@far.example'])
  for (const operation of ['enableEmailForwarding', 'enableCatchAll']) {
    await expect(400, operation, { body: { ...body, email: 'nobody@one.test' } })
    await expect(400, operation, { body: named('two.test') })
    await expect(400, operation, { body: { ...body, contains: null } })
    await expect(400, operation, { body: { ...body, email: 'a\u0000@far.example' } })
  }
  for (const operation of ['removeEmailForwarding', 'removeCatchAll']) {
    await expect(200, operation, { body: {} })
    await expect(200, operation, { body: named('two.test') })
    await expect(400, operation, { body: { domainIds: [unknownId] } })
  }
  const bare = await shown('two.test')
  assert.deepEqual([at(bare, 'forwardingEmail'), at(bare, 'catchAllEmail')], [null, null])
})

test('what cannot be done here says why', async () => {
  const moved = await expect(400, 'moveDomains', {
    body: { ...named('one.test'), workspaceId: unknownId },
    headers: { 'x-service-provider': 'GOOGLE' },
  })
  assert.match(textAt(moved.json, 'message'), /cannot be moved/)
  assert.equal(
    (await u.unchecked('moveDomains', { body: u.exampleOf('moveDomains'), workspace: null })).status,
    400,
  )
  const trusted = await expect(400, 'addGoogleClientId', { body: u.exampleOf('addGoogleClientId') })
  assert.match(textAt(trusted.json, 'message'), /tenant/)
})

test('domains without mailboxes are removed, all or none', async () => {
  await expect(400, 'removeUnusedDomains', { body: { ids: [id('wait.example'), id('one.test')] } })
  await expect(400, 'removeUnusedDomains', { body: {} })
  await expect(400, 'removeUnusedDomains', { body: { ids: ['x'] } })
  await expect(400, 'removeUnusedDomains', {
    body: { ids: [id('one.test')] },
    key: other.key,
    workspace: other.workspaceId,
  })
  assert.equal(at(await shown('wait.example'), 'id'), id('wait.example'))
  await expect(200, 'removeUnusedDomains', { body: { ids: [id('wait.example')] } })
  await expect(200, 'removeUnusedDomains', { body: named('three.test'), ...microsoft })
  assert.deepEqual(namesOf(await expect(200, 'listDomains')), ['two.test', 'one.test'])
  await expect(400, 'removeUnusedDomains', { body: { ids: [id('wait.example')] } })
})

test('a page is read in a number of statements that does not grow with it', async () => {
  const count = async (limit: string) =>
    await countStatements(async () => {
      await expect(200, 'listDomains', { query: { limit } })
    })
  await expect(200, 'listDomains')
  const [small, large] = [await count('1'), await count('10')]
  assert.equal(large, small)
  await runJobs(u.platform)
})

const own =
  /^\/v2\/domains(\/assignable|\/dmarc|\/forwarding|\/remove-forwarding|\/email-forwarding|\/catch-all|\/add-client-id|\/move-workspace|\/assign-tag|\/tags\/remove)?$/

test('no key, too many calls, and every documented status', async () => {
  const operations = u.contract.operations.filter(({ path }) => own.test(path))
  for (const { id: operation, bodies } of operations) {
    await expect(401, operation, { key: 'wrong', body: bodies[0] })
  }
  await slow.unchecked('listDomains')
  for (const operation of ['listDomains', 'listAssignableDomains']) {
    u.contract.check(operation, await slow.unchecked(operation))
  }
  u.requireSeen(own, {
    'addGoogleClientId 200': 'there is no tenant to trust it in',
    'moveDomains 200': 'domains stay in their workspace',
  })
})
