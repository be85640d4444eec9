/** Lists with their filters and orders, ids and times, and what is another's. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startTestScaleway, type TestScaleway } from '../../testing/test-scaleway.ts'

let s: TestScaleway
let stranger: Tenant
let otherProject: string
const ids = { domain: '', pending: '', mailbox: '', second: '', alias: '' }

const password = 'correct-horse-42-battery'

before(async () => {
  s = await startTestScaleway()
  stranger = await s.tenant()
  otherProject = textAt((await s.call('POST', '/v1/workspaces', { body: { name: 'Other' } })).json, 'id')
  ids.domain = await newDomain('list.test')
  ids.pending = await newDomain('pending.example', otherProject)
  ;[ids.mailbox, ids.second] = await newMailboxes(ids.domain, ['ann', 'ben', 'cleo'])
  await newMailboxes(ids.pending, ['dora'])
  for (const [mailbox_id, local_part] of [
    [ids.mailbox, 'z'],
    [ids.second, 'y'],
    [ids.mailbox, 'x'],
  ] as const) {
    const alias = await s.operate('createAlias', { body: { mailbox_id, local_part } })
    ids.alias ||= textAt(alias.json, 'id')
  }
})
after(() => s[Symbol.asyncDispose]())

async function newDomain(name: string, project_id = ''): Promise<string> {
  return textAt((await s.operate('createDomain', { body: { name, project_id } })).json, 'id')
}

async function newMailboxes(domain_id: string, names: string[]): Promise<[string, string]> {
  const mailboxes = names.map((local_part) => ({ local_part, password }))
  const body = { domain_id, subscription_period: 'monthly', mailboxes }
  const { json } = await s.operate('batchCreateMailboxes', { body })
  return [textAt(json, 'mailboxes', 0, 'id'), textAt(json, 'mailboxes', 1, 'id')]
}

const lists = {
  listDomains: ['domains', 'name'],
  listMailboxes: ['mailboxes', 'email'],
  listAliases: ['aliases', 'email'],
} as const
type List = keyof typeof lists

/** The names of what a list has, their domains left out. */
function namesIn(list: List, { json }: Reply): string[] {
  const [rows, name] = lists[list]
  return listAt(json, rows).map((row) => textAt(row, name).split('@')[0] ?? '')
}

const rising: [list: List, order: string, names: string[]][] = [
  ['listDomains', 'created_at', ['demo.test', 'list.test', 'pending.example']],
  ['listDomains', 'name', ['demo.test', 'list.test', 'pending.example']],
  ['listDomains', 'mailbox_total_count', ['demo.test', 'pending.example', 'list.test']],
  ['listMailboxes', 'created_at', ['ann', 'ben', 'cleo', 'dora']],
  ['listMailboxes', 'updated_at', ['ann', 'ben', 'cleo', 'dora']],
  ['listMailboxes', 'email', ['ann', 'ben', 'cleo', 'dora']],
  ['listAliases', 'created_at', ['z', 'y', 'x']],
  ['listAliases', 'updated_at', ['z', 'y', 'x']],
  ['listAliases', 'name', ['x', 'y', 'z']],
]
for (const [list, order, names] of rising) {
  test(`${list} by ${order}, up and down`, async () => {
    const up = await s.operate(list, { query: `order_by=${order}_asc` })
    const down = await s.operate(list, { query: `order_by=${order}_desc` })
    assert.deepEqual(namesIn(list, up), names)
    assert.deepEqual(namesIn(list, down), names.toReversed())
    if (order === 'created_at') assert.deepEqual((await s.operate(list)).json, down.json)
  })
}

test('pages are equally long but the last, and the total ignores them', async () => {
  const seen: string[] = []
  for (const [page, count] of [
    [1, 3],
    [2, 1],
    [3, 0],
  ]) {
    const reply = await s.operate('listMailboxes', { query: `page=${page}&page_size=3` })
    assert.equal(at(reply.json, 'total_count'), 4)
    assert.equal(listAt(reply.json, 'mailboxes').length, count)
    seen.push(...namesIn('listMailboxes', reply))
  }
  assert.deepEqual(seen, ['dora', 'cleo', 'ben', 'ann'])
})

const filters: [list: List, query: () => string, names: string[]][] = [
  ['listDomains', () => 'search=LIST', ['list.test']],
  ['listDomains', () => 'search=', ['pending.example', 'list.test', 'demo.test']],
  ['listDomains', () => 'statuses=creating', ['pending.example']],
  ['listDomains', () => 'statuses=waiting_validation&statuses=deleting', []],
  ['listDomains', () => 'statuses=ready&statuses=creating&search=m', ['pending.example', 'demo.test']],
  ['listDomains', () => 'statuses=unknown_status', ['pending.example', 'list.test', 'demo.test']],
  ['listDomains', () => `project_id=${otherProject}`, ['pending.example']],
  ['listDomains', () => 'project_id=', ['pending.example', 'list.test', 'demo.test']],
  ['listDomains', () => `project_id=${stranger.workspaceId}`, []],
  ['listMailboxes', () => 'search=ben@list.test', ['ben']],
  ['listMailboxes', () => 'search=%25', []],
  ['listMailboxes', () => `domain_id=${ids.pending}`, ['dora']],
  ['listMailboxes', () => `domain_id=${stranger.workspaceId}`, []],
  ['listMailboxes', () => 'statuses=waiting_domain', ['dora']],
  ['listMailboxes', () => 'statuses=restoring&statuses=renewing', []],
  ['listMailboxes', () => `project_id=${otherProject.toUpperCase()}`, ['dora']],
  ['listMailboxes', () => `project_id=${stranger.workspaceId}`, []],
  ['listAliases', () => `mailbox_id=${ids.second}`, ['y']],
  ['listAliases', () => 'status=unknown_status&project_id=&order_by=name_asc', ['x', 'y', 'z']],
  ['listAliases', () => 'status=ready&page_size=1', ['x']],
  ['listAliases', () => 'status=provisioning', []],
  ['listAliases', () => `project_id=${otherProject}`, []],
]
for (const [index, [list, query, names]] of filters.entries()) {
  test(`filter ${index + 1}, of ${list}`, async () => {
    assert.deepEqual(namesIn(list, await s.operate(list, { query: query() })), names, query())
  })
}

test('an alias that is turned off is of no known status, and not among those that are ready', async () => {
  await s.call('PATCH', `/v1/mailboxes/${ids.second}/aliases/y@list.test`, { body: { enabled: false } })
  const { json } = await s.operate('listAliases', { query: `mailbox_id=${ids.second}` })
  assert.equal(at(json, 'aliases', 0, 'status'), 'unknown_status')
  assert.deepEqual(namesIn('listAliases', await s.operate('listAliases', { query: 'status=ready' })), [
    'x',
    'z',
  ])
})

test('an id survives the round trip, in any case of its letters', async () => {
  for (const [operation, name, id] of [
    ['getDomain', 'domain_id', ids.domain],
    ['getMailbox', 'mailbox_id', ids.mailbox],
    ['getAlias', 'alias_id', ids.alias],
  ] as const) {
    const reply = await s.operate(operation, { params: { [name]: id.toUpperCase() } })
    assert.equal(at(reply.json, 'id'), id)
  }
})

test('ids of records stay, and differ by slot and domain', async () => {
  const records = async (id: string): Promise<string[]> => {
    const { json } = await s.operate('getDomainRecords', { params: { domain_id: id } })
    return Object.values(Object(json)).map((record) => textAt(record, 'id'))
  }
  const first = await records(ids.pending)
  assert.deepEqual(await records(ids.pending), first)
  const all = [...first, ...(await records(ids.domain))]
  assert.equal(new Set(all).size, all.length)
})

test('moments have microseconds, dates of subscriptions whole seconds, all in UTC', async () => {
  const params = { mailbox_id: ids.mailbox }
  await s.operate('deleteMailbox', { params })
  const { json } = await s.operate('getMailbox', { params })
  for (const name of ['created_at', 'updated_at', 'deletion_scheduled_at']) {
    assert.match(textAt(json, name), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, name)
  }
  for (const name of ['subscription_period_started_at', 'next_subscription_period_starts_at']) {
    assert.match(textAt(json, name), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, name)
  }
  await s.operate('restoreMailbox', { params })
})

test('replies have exactly application/json, a request id and the rate, refusals too', async () => {
  for (const reply of [
    await s.operate('listDomains'),
    await s.operate('getDomain', { params: { domain_id: 'none' } }),
    await s.operate('listDomains', { key: null }),
    await s.call('GET', '/scaleway/mailbox/v1alpha1/none', { key: null }),
    await s.call('GET', '/scaleway/openapi.json', { key: null }),
  ]) {
    assert.equal(reply.headers.get('content-type'), 'application/json')
    assert.match(reply.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
    assert.match(reply.headers.get('x-ratelimit-limit') ?? '', /^(\d+), \1;w=60$/)
    for (const name of ['remaining', 'reset']) {
      assert.match(reply.headers.get(`x-ratelimit-${name}`) ?? '', /^\d+$/)
    }
  }
  const unknown = await s.call('PUT', '/scaleway/mailbox/v1alpha1/domains?x=1', { key: null })
  assert.deepEqual(unknown.json, {
    message: 'resource is not found',
    resource: 'route',
    resource_id: '/scaleway/mailbox/v1alpha1/domains',
    type: 'not_found',
  })
})

test('unknown fields are let pass, and what is null is as if it were not there', async () => {
  const body = { new_password: null, subscription_period: null, display_name: 'Ann' }
  const reply = await s.operate('updateMailbox', { params: { mailbox_id: ids.mailbox }, body })
  assert.deepEqual([reply.status, at(reply.json, 'email')], [200, 'ann@list.test'])
  const unset = { subscription_period: 'unknown_subscription_period' }
  const same = await s.operate('updateMailbox', { params: { mailbox_id: ids.mailbox }, body: unset })
  assert.deepEqual(same.json, reply.json)
})

test('the ids of another organization, or of a project out of reach, are not found', async () => {
  const bound = await s.key({ workspaceId: otherProject })
  const params = { domain_id: ids.domain, mailbox_id: ids.mailbox, alias_id: ids.alias }
  const before = await everything()
  for (const key of [stranger.key, bound]) {
    for (const { id, path, bodies } of s.contract.operations) {
      if (!path.includes('{')) continue
      const reply = await s.operate(id, { params, key, body: bodies[0] })
      assert.deepEqual([reply.status, at(reply.json, 'type')], [404, 'not_found'], id)
    }
    const batch = {
      domain_id: ids.domain,
      subscription_period: 'monthly',
      mailboxes: [{ local_part: 'n', password }],
    }
    const made = await s.operate('batchCreateMailboxes', { key, body: batch })
    assert.deepEqual([made.status, at(made.json, 'resource')], [404, 'domain'])
    const alias = await s.operate('createAlias', { key, body: { mailbox_id: ids.mailbox, local_part: 'n' } })
    assert.deepEqual([alias.status, at(alias.json, 'resource')], [404, 'mailbox'])
    const body = { name: 'mine.example', project_id: s.scope.workspaceId }
    const domain = await s.operate('createDomain', { key, body })
    assert.deepEqual([domain.status, at(domain.json, 'type')], [403, 'permissions_denied'])
    assert.deepEqual(namesIn('listAliases', await s.operate('listAliases', { key })), [])
  }
  for (const list of ['listDomains', 'listMailboxes', 'listAliases'] as const) {
    assert.equal(at((await s.operate(list, { key: stranger.key })).json, 'total_count'), 0)
  }
  assert.deepEqual(namesIn('listMailboxes', await s.operate('listMailboxes', { key: bound })), ['dora'])
  assert.deepEqual(await everything(), before)
})

/** What the calls above might have changed. */
async function everything(): Promise<unknown[]> {
  const { rows } =
    await sql`select to_jsonb(domains) as row from domains union all select to_jsonb(mailboxes) from mailboxes
    union all select to_jsonb(addresses) from addresses order by row`.execute(s.platform.db)
  return rows
}

test('the token of a session is taken, too', async () => {
  const session = await s.call('POST', '/v1/sessions', {
    key: null,
    body: { email: 'admin@localhost', password: 'a password for tests' },
  })
  assert.equal(session.status, 201, session.text)
  const headers = { 'x-session-token': textAt(session.json, 'token') }
  const reply = await s.operate('listDomains', { key: null, headers })
  assert.equal(at(reply.json, 'total_count'), 3)
})

test('a change of another project is laid at the caller’s door there', async () => {
  const { json } = await s.operate('listMailboxes', { query: `domain_id=${ids.pending}` })
  const params = { mailbox_id: textAt(json, 'mailboxes', 0, 'id') }
  await s.operate('deleteMailbox', { params })
  const log = await s.call('GET', '/v1/audit-log?action=mailbox.state_changed', {
    headers: { 'mailwright-workspace': otherProject },
  })
  assert.match(textAt(log.json, 'data', 0, 'actor'), /^api_key:/)
})

test('the reference describes every operation of the contract', async () => {
  const { json } = await s.call('GET', '/scaleway/openapi.json', { key: null })
  assert.equal(at(json, 'openapi'), '3.1.0')
  for (const { method, path, statuses } of s.contract.operations) {
    const operation = at(json, 'paths', path, method.toLowerCase())
    assert.ok(textAt(operation, 'summary').length > 5, `${method} ${path}`)
    const described = Object.keys(Object(at(operation, 'responses')))
    assert.deepEqual(described.sort(), statuses.toSorted(), `${method} ${path}`)
  }
})
