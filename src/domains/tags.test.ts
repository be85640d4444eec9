/** Tags for domains over the API: made, put on domains, taken off, and never another workspace's. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  for (const name of ['one.test', 'two.test']) await api.call('POST', '/v1/domains', { body: { name } })
})
after(() => api[Symbol.asyncDispose]())

async function names(domain: string): Promise<unknown[]> {
  const { json } = await api.call('GET', `/v1/domains/${domain}/tags`)
  return Object.values(Object(at(json, 'data'))).map((tag) => at(tag, 'name'))
}

async function made(name: string): Promise<string> {
  const reply = await api.call('POST', '/v1/domain-tags', { body: { name, color: '#aa3300' } })
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'id')
}

test('a tag is put on domains, renamed, taken off and deleted', async () => {
  const [sales, north] = [await made('sales'), await made('North')]
  for (const [domain, tag] of [
    ['one.test', sales],
    ['one.test', north],
    ['one.test', north],
    ['two.test', sales],
  ]) {
    assert.equal((await api.call('PUT', `/v1/domains/${domain}/tags/${tag}`)).status, 204)
  }
  assert.deepEqual(await names('one.test'), ['North', 'sales'])
  assert.deepEqual(await names('two.test'), ['sales'])
  const renamed = await api.call('PATCH', `/v1/domain-tags/${sales}`, { body: { name: 'A', color: null } })
  assert.deepEqual([renamed.status, at(renamed.json, 'name'), at(renamed.json, 'color')], [200, 'A', null])
  assert.equal((await api.call('DELETE', `/v1/domains/one.test/tags/${north}`)).status, 204)
  assert.deepEqual(await names('one.test'), ['A'])
  assert.equal((await api.call('DELETE', `/v1/domain-tags/${sales}`)).status, 204)
  assert.deepEqual(await names('one.test'), [])
  const listed = await api.call('GET', '/v1/domain-tags')
  assert.equal(at(listed.json, 'data', 'length'), 1)
})

test('a name is taken whatever its letters; an unknown tag or domain is not found', async () => {
  const id = await made('Taken')
  const again = await api.call('POST', '/v1/domain-tags', { body: { name: 'taken' } })
  assert.deepEqual([again.status, at(again.json, 'code')], [409, 'domain_tag_taken'])
  const other = await made('other')
  const renamed = await api.call('PATCH', `/v1/domain-tags/${other}`, { body: { name: 'TAKEN' } })
  assert.equal(at(renamed.json, 'code'), 'domain_tag_taken')
  const unknown = '00000000-0000-4000-8000-000000000000'
  for (const [method, path, code] of [
    ['DELETE', `/v1/domain-tags/${unknown}`, 'domain_tag_not_found'],
    ['PUT', `/v1/domains/one.test/tags/${unknown}`, 'domain_tag_not_found'],
    ['PUT', `/v1/domains/nowhere.test/tags/${id}`, 'domain_not_found'],
    ['GET', '/v1/domains/nowhere.test/tags', 'domain_not_found'],
  ] as const) {
    const reply = await api.call(method, path)
    assert.deepEqual([reply.status, at(reply.json, 'code')], [404, code], path)
  }
  const empty = await api.call('POST', '/v1/domain-tags', { body: { name: '' } })
  assert.equal(at(empty.json, 'code'), 'invalid_request')
})

test('a workspace has 500 tags at most, and a domain 50', async () => {
  const before = await api.call('GET', '/v1/domain-tags?limit=100')
  const room = 500 - Number(at(before.json, 'data', 'length'))
  await api.platform.db
    .insertInto('domain_tags')
    .values(
      Array.from({ length: room }, (_, index) => ({
        id: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
        organization_id: api.scope.organizationId,
        workspace_id: api.scope.workspaceId,
        name: `many ${index}`,
        color: null,
        created_at: new Date(),
      })),
    )
    .execute()
  const more = await api.call('POST', '/v1/domain-tags', { body: { name: 'one more' } })
  assert.deepEqual([more.status, at(more.json, 'code')], [409, 'domain_tag_limit_reached'])
  let put = await api.call('GET', '/v1/domains/two.test/tags')
  for (let index = 0; index <= 50; index += 1) {
    const tag = `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`
    put = await api.call('PUT', `/v1/domains/two.test/tags/${tag}`)
    if (index < 50) assert.equal(put.status, 204, put.text)
  }
  assert.equal(at(put.json, 'code'), 'domain_tag_limit_reached')
})
