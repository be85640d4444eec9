import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { knownSecondaries } from '../domains/secondaries/secondaries.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const create = (path: string, body: object, key?: string) =>
  api.call('POST', path, { body, ...(key === undefined ? {} : { key }) })

test('a key is made, shown once, used by a secondary, and deleted after it', async () => {
  const made = await create('/v1/tsig-keys', { name: 'Transfer.Mailwright' })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  assert.equal(textAt(made.json, 'name'), 'transfer.mailwright')
  const secret = Buffer.from(textAt(made.json, 'secret'), 'base64')
  assert.equal(secret.length, 32)
  const listed = await api.call('GET', '/v1/tsig-keys')
  assert.doesNotMatch(listed.text, /secret/)
  const keyId = textAt(made.json, 'id')
  const body = { name: 'ns3', address: '192.0.2.53', port: 5353, tsig_key: keyId }
  const secondary = await create('/v1/dns-secondaries', body)
  assert.equal(secondary.status, 201)
  assert.deepEqual(
    [at(secondary.json, 'tsig_key'), at(secondary.json, 'notify'), at(secondary.json, 'port')],
    [keyId, true, 5353],
  )
  const known = await knownSecondaries(api.platform)
  assert.deepEqual(known.keys.get('transfer.mailwright')?.secret, secret)
  assert.equal(refusal(await api.call('DELETE', `/v1/tsig-keys/${keyId}`)), '409 tsig_key_in_use')
  assert.equal(refusal(await create('/v1/dns-secondaries', body)), '409 dns_secondary_taken')
  const list = await api.call('GET', '/v1/dns-secondaries')
  assert.equal(textAt(list.json, 'data', 0, 'address'), '192.0.2.53')
  const id = textAt(secondary.json, 'id')
  assert.equal((await api.call('DELETE', `/v1/dns-secondaries/${id}`)).status, 204)
  assert.equal((await knownSecondaries(api.platform)).all.length, 0)
  assert.equal((await api.call('DELETE', `/v1/tsig-keys/${keyId}`)).status, 204)
  assert.equal(refusal(await api.call('DELETE', `/v1/tsig-keys/${keyId}`)), '404 tsig_key_not_found')
  assert.equal(refusal(await api.call('DELETE', `/v1/dns-secondaries/${id}`)), '404 dns_secondary_not_found')
})

test('a secret of one’s own, and secrets that are none', async () => {
  const secret = Buffer.alloc(32, 7).toString('base64')
  const made = await create('/v1/tsig-keys', { name: 'own', algorithm: 'hmac-sha512', secret })
  assert.deepEqual([textAt(made.json, 'secret'), textAt(made.json, 'algorithm')], [secret, 'hmac-sha512'])
  assert.equal(refusal(await create('/v1/tsig-keys', { name: 'OWN.' })), '409 tsig_key_taken')
  const events = await api.platform.db.selectFrom('events').select('data').execute()
  assert.ok(!JSON.stringify(events).includes(secret))
})

const refusedKeys: [what: string, body: object][] = [
  ['a short secret', { name: 'a', secret: 'AAAA' }],
  ['a secret that is no base64', { name: 'a', secret: '!'.repeat(44) }],
  ['an old algorithm', { name: 'a', algorithm: 'hmac-md5' }],
  ['a name with a space', { name: 'a b' }],
  ['a name with an empty label', { name: 'a..b' }],
]
for (const [what, body] of refusedKeys) {
  test(`refused: ${what}`, async () =>
    assert.equal(refusal(await create('/v1/tsig-keys', body)), '400 invalid_request'))
}

const unknownId = '00000000-0000-7000-8000-000000000000'
const refusedSecondaries: [what: string, body: object, want: string][] = [
  ['neither key nor address alone', { name: 'a', address: '192.0.2.1' }, '400 invalid_request'],
  [
    'a name for an address',
    { name: 'a', address: 'ns.example', allow_by_address: true },
    '400 invalid_request',
  ],
  [
    'an address of one machine’s own network',
    { name: 'a', address: 'fe80::1%eth0', allow_by_address: true },
    '400 invalid_request',
  ],
  ['an unknown key', { name: 'a', address: '192.0.2.1', tsig_key: unknownId }, '404 tsig_key_not_found'],
  [
    'both',
    { name: 'a', address: '192.0.2.1', tsig_key: unknownId, allow_by_address: true },
    '400 invalid_request',
  ],
]
for (const [what, body, want] of refusedSecondaries) {
  test(`refused: ${what}`, async () => assert.equal(refusal(await create('/v1/dns-secondaries', body)), want))
}

test('only the operator’s keys may see or change any of it', async () => {
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const { key: foreign } = await api.tenant()
  const reading = await api.key({ access: 'read' })
  for (const path of ['/v1/tsig-keys', '/v1/dns-secondaries']) {
    const body = path.includes('tsig')
      ? { name: 'x' }
      : { name: 'x', address: '192.0.2.9', allow_by_address: true }
    for (const key of [bound, foreign]) {
      assert.equal(refusal(await api.call('GET', path, { key })), '403 forbidden')
      assert.equal(refusal(await api.call('DELETE', `${path}/${unknownId}`, { key })), '403 forbidden')
    }
    for (const key of [bound, foreign, reading]) {
      assert.equal(refusal(await create(path, body, key)), '403 forbidden')
    }
  }
})
