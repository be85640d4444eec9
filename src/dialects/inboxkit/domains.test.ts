/** Domains listed and removed in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { everyDomain, pageDomainOverviews } from '../../mailboxes/domain-overviews.ts'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { domainViews } from './domain-view.ts'

let dns: TestDns
let u: TestVendor
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  dns = await startTestDns()
  u = await startTestVendor('inboxkit', { environment: { MAILWRIGHT_RESOLVER: dns.resolver } })
  for (const name of ['one.test', 'two.test', 'three.test', 'waiting.example']) {
    const made = await u.call('POST', '/v1/domains', { body: { name } })
    assert.equal(made.status, 201, made.text)
  }
  for (const address of ['ann@one.test', 'bob@one.test', 'cay@two.test']) {
    assert.equal((await u.call('POST', '/v1/mailboxes', { body: { address } })).status, 201)
  }
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

const names = (json: unknown): string[] => listAt(json, 'domains').map((row) => textAt(row, 'name'))

async function rowOf(name: string): Promise<Record<string, unknown>> {
  const { json } = await u.operate('listDomains', { body: { keyword: name } })
  return Object(listAt(json, 'domains').find((row) => at(row, 'name') === name))
}

async function idOf(name: string): Promise<string> {
  return textAt((await u.call('GET', `/v1/domains/${name}`)).json, 'id')
}

test('pages, the newest first, with counts of all pages', async () => {
  const first = await u.operate('listDomains', { body: { page: 1, limit: 2 } })
  assert.deepEqual(names(first.json), ['waiting.example', 'three.test'])
  const all = Number(at(first.json, 'total'))
  assert.deepEqual(at(first.json, 'status_counts'), { active: all - 1, waiting_for_dns_propagation: 1 })
  assert.deepEqual(
    ['pages', 'current_page', 'limit'].map((name) => at(first.json, name)),
    [Math.ceil(all / 2), 1, 2],
  )
  const byQuery = await u.operate('listDomainsByQuery', { query: { page: '2', limit: '2' } })
  assert.deepEqual(names(byQuery.json), ['two.test', 'one.test'])
  const none = await u.operate('listDomains', { body: u.exampleOf('listDomains') })
  assert.deepEqual([names(none.json), at(none.json, 'pages')], [[], 0])
  assert.deepEqual(names((await u.operate('listDomains')).json).length, all, 'a body may be left out')
  const typed = await u.at('POST', '/domains/list', { headers: { 'content-type': 'application/json' } })
  assert.equal(names(typed.json).length, all, 'also with the type of one')
  const found = await u.operate('listDomainsByQuery', { query: { keyword: 'WAIT' } })
  assert.deepEqual(names(found.json), ['waiting.example'])
})

test('what is shown of a domain', async () => {
  const id = await idOf('one.test')
  const tag = await u.operate('createTag', { body: { name: 'Sales' } })
  const tagged = await u.call('PUT', `/v1/domains/one.test/tags/${textAt(tag.json, 'id')}`)
  assert.ok(tagged.status < 300, tagged.text)
  await u.call('PUT', '/v1/domains/one.test/catch-all', { body: { mailbox: 'ann@one.test' } })
  await u.call('PUT', '/v1/mailbox-limits', { body: { per: 'domain', mailboxes_max: 3 } })
  const row = await rowOf('one.test')
  const { createdAt, updatedAt, ...rest } = row
  assert.ok(String(createdAt) <= String(updatedAt))
  assert.deepEqual(rest, {
    uid: id,
    name: 'one.test',
    tld: 'test',
    status: 'active',
    price: 0,
    connection_type: 'connected',
    assigned_mailboxes: 2,
    available_mailboxes: 1,
    dns_propagation_status: 'propagated',
    nameserver_match_status: 'matched',
    last_nameserver_check: null,
    nameservers: [],
    actual_nameservers: [],
    registration_years: 0,
    renewal_date: null,
    renewal_status: 'na',
    forwarding_url: null,
    dmarc_email: null,
    catch_all_email: 'ann@one.test',
    cf_zone_id: null,
    tags: [tag.json],
  })
  const waiting = await rowOf('waiting.example')
  assert.deepEqual(
    [waiting['status'], waiting['dns_propagation_status'], waiting['nameserver_match_status']],
    ['waiting_for_dns_propagation', 'pending', 'pending'],
  )
})

test('a domain that has waited for too long is told so', async () => {
  await u.platform.db
    .updateTable('domain_checks')
    .set({ due_at: null, checked_at: new Date() })
    .where('domain_id', '=', await idOf('waiting.example'))
    .execute()
  const waiting = await rowOf('waiting.example')
  assert.deepEqual([waiting['status'], waiting['dns_propagation_status']], ['expired_propagation', 'failed'])
})

test('assignable are those that can take a mailbox', async () => {
  await u.call('POST', '/v1/mailboxes', { body: { address: 'dan@one.test' } })
  const reply = await u.operate('listAssignableDomains', { query: { limit: '50' } })
  const found = names(reply.json)
  assert.ok(found.includes('two.test') && !found.includes('one.test'), 'one.test is full')
  assert.ok(!found.includes('waiting.example'))
  assert.equal(at(reply.json, 'total'), found.length)
})

test('a page takes as many statements for many rows as for one', async () => {
  const count = async (size: number): Promise<number> => {
    const page = { number: 1, size }
    const { rows } = await pageDomainOverviews(u.platform, u.scope, everyDomain, page)
    assert.equal(rows.length, size)
    return await countStatements(() => domainViews(u.platform, u.scope, rows))
  }
  assert.equal(await count(4), await count(1))
})

test('domains are removed with their mailboxes, or gone at once where there is nothing to lose', async () => {
  const body = { domains: ['TWO.test', 'three.test'], uids: [await idOf('two.test')] }
  const reply = await u.operate('removeDomains', { body })
  assert.equal(reply.status, 200, reply.text)
  const result = at(reply.json, 'result')
  const members = ['name', 'previous_status', 'new_status']
  assert.deepEqual(
    members.map((name) => at(result, 'updated', '0', name)),
    ['two.test', 'active', 'scheduled_for_deletion'],
  )
  assert.deepEqual(
    members.map((name) => at(result, 'deleted', '0', name)),
    ['three.test', 'active', 'deleted'],
  )
  assert.equal((await rowOf('two.test'))['status'], 'scheduled_for_deletion')
  const mailbox = await u.call('GET', '/v1/mailboxes/cay@two.test')
  assert.equal(at(mailbox.json, 'state'), 'deletion_scheduled')
  assert.equal((await u.operate('removeDomains', { body: { domains: ['two.test'] } })).status, 400, 'again')
  assert.equal((await u.operate('removeDomains', { body: { domains: ['three.test'] } })).status, 404)
})

test('all or none are removed', async () => {
  const reply = await u.operate('removeDomains', { body: { domains: ['one.test', 'none.test'] } })
  assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Domain not found'])
  const other = { domains: ['one.test'], uids: [await idOf('waiting.example')] }
  assert.equal((await u.operate('removeDomains', { body: other })).status, 400)
  assert.equal((await rowOf('one.test'))['status'], 'active')
})

test('what is refused, and what others cannot see', async () => {
  for (const body of [{ page: 0 }, { limit: 0 }, { domain_name: 'x' }, { keyword: 1 }, '{']) {
    assert.equal((await u.operate('listDomains', { body })).status, 400, JSON.stringify(body))
  }
  for (const id of ['listDomainsByQuery', 'listAssignableDomains']) {
    assert.equal((await u.operate(id, { query: { page: 'x' } })).status, 400)
  }
  for (const body of [{}, { domains: [] }, { domains: ['one.test'], more: 1 }]) {
    assert.equal((await u.operate('removeDomains', { body })).status, 400)
  }
  const ids = ['listDomains', 'listDomainsByQuery', 'listAssignableDomains', 'removeDomains']
  for (const id of ids) {
    assert.equal((await u.operate(id, { key: 'wrong', body: { domains: ['one.test'] } })).status, 401)
    const elsewhere = { workspace: unknownId, body: id === 'removeDomains' ? { domains: ['one.test'] } : {} }
    assert.equal((await u.operate(id, elsewhere)).status, 404)
  }
  const { key, workspaceId: workspace } = await u.tenant()
  assert.deepEqual(names((await u.operate('listDomains', { key, workspace, body: {} })).json), [])
  const body = { domains: ['one.test'] }
  assert.equal((await u.operate('removeDomains', { key, workspace, body })).status, 404)
  const reader = await u.key({ access: 'read' })
  assert.equal((await u.operate('listDomains', { key: reader, body: {} })).status, 200)
  assert.equal((await u.unchecked('removeDomains', { key: reader, body })).status, 403)
  const bound = await u.key({ workspaceId: u.scope.workspaceId })
  assert.ok(
    names((await u.operate('listDomains', { key: bound, workspace: null, body: {} })).json).length > 0,
  )
})

test('every documented status was seen', () => u.requireSeen(/^\/domains\/(list|assignable|remove)$/))
