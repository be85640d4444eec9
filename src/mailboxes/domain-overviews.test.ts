/** Lists of domains with their counts, room, catch-all and tags. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import {
  countDomainOverviews,
  type DomainOverviewFilter,
  everyDomain,
  pageDomainOverviews,
} from './domain-overviews.ts'

let api: TestApi
const tag = { id: '' }

before(async () => {
  api = await startTestApi()
  const post = async (path: string, body: object) => {
    const reply = await api.call('POST', path, { body })
    assert.ok(reply.status < 300, reply.text)
    return reply.json
  }
  for (const name of ['one.test', 'two.test', 'full.test', 'waiting.example'])
    await post('/v1/domains', { name })
  await api.call('PATCH', '/v1/domains/two.test', { body: { product: 'microsoft' } })
  for (const address of ['ann@one.test', 'bob@one.test', 'cay@full.test'])
    await post('/v1/mailboxes', { address })
  await api.call('DELETE', '/v1/mailboxes/bob@one.test')
  await api.call('PUT', '/v1/domains/one.test/catch-all', { body: { mailbox: 'ann@one.test' } })
  const put = await api.call('PUT', '/v1/domains/two.test/catch-all', { body: { targets: ['ann@one.test'] } })
  assert.equal(put.status, 200, put.text)
  tag.id = textAt(await post('/v1/domain-tags', { name: 'sales' }), 'id')
  await api.call('PUT', `/v1/domains/two.test/tags/${tag.id}`)
})
after(() => api[Symbol.asyncDispose]())

async function names(filter: Partial<DomainOverviewFilter>, page = { number: 1, size: 10 }) {
  const { platform, scope } = api
  const { rows, total } = await pageDomainOverviews(platform, scope, { ...everyDomain, ...filter }, page)
  return [rows.map(({ domain }) => domain.name), total]
}

async function limit(body: object): Promise<void> {
  const reply = await api.call('PUT', '/v1/mailbox-limits', { body: { per: 'domain', ...body } })
  assert.equal(reply.status, 200, reply.text)
}

async function roomOf(name: string): Promise<number | null> {
  const filter = { ...everyDomain, search: name }
  const { rows } = await pageDomainOverviews(api.platform, api.scope, filter, { number: 1, size: 10 })
  return rows[0]?.room ?? null
}

test('each comes with what lists show of it', async () => {
  const filter = { ...everyDomain, search: 'O' }
  const { rows } = await pageDomainOverviews(api.platform, api.scope, filter, { number: 1, size: 10 })
  const ours = rows.filter(({ domain }) => /^(one|two)\./.test(domain.name))
  const shown = ours.map(({ domain, mailboxes, room, catchAll, check, registration, tags }) => [
    domain.name,
    mailboxes,
    room,
    catchAll,
    check,
    registration,
    tags.map(({ name }) => name),
  ])
  assert.deepEqual(shown, [
    ['two.test', 0, null, 'ann@one.test', null, null, ['sales']],
    ['one.test', 2, null, 'ann@one.test', null, null, []], // what can be restored holds its address
  ])
})

test('filters, pages and counts', async () => {
  const all = ['waiting.example', 'full.test', 'two.test', 'one.test']
  const first = await names({})
  assert.deepEqual(first, [
    [...all, 'demo.test'].filter((name) => String(first[0]).includes(name)),
    Number(first[1]),
  ])
  assert.deepEqual(await names({ products: ['microsoft'] }), [['two.test'], 1])
  assert.equal((await names({ products: [null] }))[1], Number(first[1]) - 1)
  assert.deepEqual(await names({ tagIds: [tag.id] }), [['two.test'], 1])
  assert.deepEqual(await names({ states: ['pending_records', 'pending_nameservers'] }), [
    ['waiting.example'],
    1,
  ])
  assert.deepEqual(await names({}, { number: 2, size: 3 }), [(first[0] as string[]).slice(3), first[1]])
  assert.deepEqual(await names({}, { number: 9, size: 3 }), [[], first[1]])
  assert.deepEqual(await names({ search: '%' }), [[], 0])
  const counted = await countDomainOverviews(api.platform, api.scope, { ...everyDomain, search: 'w' })
  assert.equal(counted.get('active'), 1)
  const other = await api.tenant()
  const scope = { ...api.scope, organizationId: other.organizationId, workspaceId: other.workspaceId }
  const page = { number: 1, size: 10 }
  assert.equal((await pageDomainOverviews(api.platform, scope, everyDomain, page)).total, 0)
})

test('room is the smallest that a limit leaves; full and waiting domains are not assignable', async () => {
  await limit({ mailboxes_max: 3 })
  assert.deepEqual([await roomOf('one.test'), await roomOf('full.test')], [1, 2])
  await limit({ mailboxes_max: 5, product: 'google' })
  assert.equal(await roomOf('one.test'), 1)
  await limit({ mailboxes_max: 1, product: 'google' })
  assert.deepEqual([await roomOf('full.test'), await roomOf('two.test')], [1, 3])
  const full = await api.call('GET', '/v1/domains/full.test')
  await limit({ mailboxes_max: 1, domain_id: textAt(full.json, 'id') })
  assert.equal(await roomOf('full.test'), 0)
  const [assignable] = await names({ assignable: true })
  assert.ok(Array.isArray(assignable))
  assert.deepEqual(assignable.slice(0, 2), ['two.test', 'one.test'])
  assert.ok(!assignable.includes('full.test') && !assignable.includes('waiting.example'))
})
