import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

test('a sandbox domain is active at once, any other waits for its records', async () => {
  const sandbox = await api.call('POST', '/v1/domains', { body: { name: 'One.Test.' } })
  assert.equal(sandbox.status, 201)
  assert.deepEqual([at(sandbox.json, 'name'), at(sandbox.json, 'state')], ['one.test', 'active'])
  assert.equal(sandbox.headers.get('location'), `/v1/domains/${textAt(sandbox.json, 'id')}`)
  const real = await api.call('POST', '/v1/domains', { body: { name: 'bücher.example' } })
  assert.deepEqual(
    [at(real.json, 'name'), at(real.json, 'state')],
    ['xn--bcher-kva.example', 'pending_records'],
  )
})

test('get by id, by name, by name in U-labels', async () => {
  const made = await api.call('POST', '/v1/domains', { body: { name: 'straße.test' } })
  for (const ref of [
    textAt(made.json, 'id'),
    'xn--strae-oqa.test',
    encodeURIComponent('STRASSE.test'.replace('SS', 'ß')),
  ]) {
    assert.deepEqual((await api.call('GET', `/v1/domains/${ref}`)).json, made.json)
  }
})

const refused: [method: string, path: string, body: object | undefined, expected: string][] = [
  ['POST', '/v1/domains', { name: 'localhost' }, '422 domain_invalid'],
  ['POST', '/v1/domains', { name: 'a b.test' }, '422 domain_invalid'],
  ['POST', '/v1/domains', { name: 'co.uk' }, '422 domain_invalid'],
  ['POST', '/v1/domains', { name: '10.0.0.1' }, '422 domain_invalid'],
  ['POST', '/v1/domains', { name: `${'a'.repeat(300)}.test` }, '422 domain_invalid'],
  ['POST', '/v1/domains', { name: 'demo.test' }, '409 domain_taken'],
  ['POST', '/v1/domains', { name: 'DEMO.test', preview: true }, '409 domain_taken'],
  ['POST', '/v1/domains', { name: '' }, '400 invalid_request'],
  ['POST', '/v1/domains', {}, '400 invalid_request'],
  ['GET', '/v1/domains/nope.test', undefined, '404 domain_not_found'],
  ['GET', '/v1/domains/00000000-0000-7000-8000-000000000000', undefined, '404 domain_not_found'],
  ['DELETE', '/v1/domains/nope.test', undefined, '404 domain_not_found'],
]
for (const [method, path, body, expected] of refused) {
  test(`${method} ${path} ${JSON.stringify(body ?? '').slice(0, 40)}: ${expected}`, async () => {
    assert.equal(refusal(await api.call(method, path, { body })), expected)
  })
}

test('list: pages, state and part of the name', async () => {
  const names = ['alpha.list.test', 'beta.list.test', 'gamma.list.test']
  for (const name of names) await api.call('POST', '/v1/domains', { body: { name } })
  const seen: string[] = []
  let cursor: unknown = null
  do {
    const query = cursor === null ? '' : `&cursor=${cursor}`
    const page = await api.call('GET', `/v1/domains?limit=2&search=.LIST.${query}`)
    for (const row of [0, 1])
      if (at(page.json, 'data', row)) seen.push(textAt(page.json, 'data', row, 'name'))
    cursor = at(page.json, 'next_cursor')
  } while (cursor !== null)
  assert.deepEqual(seen, names)
  const waiting = await api.call('GET', '/v1/domains?state=pending_records&search=.list.')
  assert.deepEqual(waiting.json, { data: [], next_cursor: null })
})

test('a domain with mailboxes stays until they are purged', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'full.test' } })
  await api.call('POST', '/v1/mailboxes', { body: { address: 'a@full.test' } })
  assert.equal(refusal(await api.call('DELETE', '/v1/domains/full.test')), '409 domain_not_empty')
  assert.equal((await api.call('DELETE', '/v1/mailboxes/a@full.test')).status, 200)
  assert.equal(refusal(await api.call('DELETE', '/v1/domains/full.test')), '409 domain_not_empty')
  assert.equal((await api.call('DELETE', '/v1/mailboxes/a@full.test?purge=true')).status, 204)
  assert.equal((await api.call('DELETE', '/v1/domains/full.test')).status, 204)
  assert.equal((await api.call('POST', '/v1/domains', { body: { name: 'full.test' } })).status, 201)
})

test('a key that may only read changes nothing', async () => {
  const key = await api.key({ access: 'read' })
  assert.equal(
    refusal(await api.call('POST', '/v1/domains', { key, body: { name: 'r.test' } })),
    '403 forbidden',
  )
  assert.equal(refusal(await api.call('DELETE', '/v1/domains/demo.test', { key })), '403 forbidden')
})
