/** Relays and the rules of destinations over the API. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startRemoteSmtp } from '../testing/remote-smtp.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

test('a relay is made, read, changed and removed; its password is never shown', async () => {
  const body = {
    host: 'Relay.Example',
    username: 'ann',
    password: 'the secret of ann',
    domain: 'demo.test',
    recipient_domain: 'There.Example',
  }
  const made = await api.call('POST', '/v1/relays', { body })
  assert.equal(made.status, 201)
  assert.doesNotMatch(made.text, /the secret/)
  const id = textAt(made.json, 'id')
  const { has_password, host, port, security, recipient_domain } = Object(made.json)
  assert.deepEqual(
    [has_password, host, port, security, recipient_domain],
    [true, 'relay.example', 587, 'starttls', 'there.example'],
  )
  const row = await api.platform.db
    .selectFrom('relays')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.ok(row.sealed_password && !row.sealed_password.includes('the secret'))
  const changed = await api.call('PATCH', `/v1/relays/${id}`, { body: { priority: 3, domain: null } })
  assert.deepEqual(
    [at(changed.json, 'priority'), at(changed.json, 'domain_id'), at(changed.json, 'has_password')],
    [3, null, true],
  )
  assert.equal(textAt((await api.call('GET', '/v1/relays')).json, 'data', 0, 'id'), id)
  assert.equal((await api.call('DELETE', `/v1/relays/${id}`)).status, 204)
  assert.equal(refusal(await api.call('GET', `/v1/relays/${id}`)), '404 relay_not_found')
})

const refused: [what: string, body: object, want: string][] = [
  ['a host that is none', { host: 'no host' }, '400 invalid_request'],
  ['a user without a password', { host: 'relay.example', username: 'ann' }, '400 invalid_request'],
  ['a port out of range', { host: 'relay.example', port: 70_000 }, '400 invalid_request'],
  ['a domain of nobody', { host: 'relay.example', domain: 'none.test' }, '404 domain_not_found'],
]
for (const [what, body, want] of refused) {
  test(`refused: ${what}`, async () =>
    assert.equal(refusal(await api.call('POST', '/v1/relays', { body })), want))
}

test('a password does not follow a relay to another host', async () => {
  const made = await api.call('POST', '/v1/relays', {
    body: { host: 'relay.example', username: 'ann', password: 'secret' },
  })
  const path = `/v1/relays/${textAt(made.json, 'id')}`
  assert.equal(
    refusal(await api.call('PATCH', path, { body: { host: 'evil.example' } })),
    '400 invalid_request',
  )
  assert.equal(
    (await api.call('PATCH', path, { body: { host: 'new.example', password: 'secret' } })).status,
    200,
  )
  await api.call('DELETE', path)
})

test('a trial of a relay in a private network is refused and says so', async () => {
  await using remote = await startRemoteSmtp()
  const made = await api.call('POST', '/v1/relays', {
    body: { host: '127.0.0.1', port: remote.port, security: 'none' },
  })
  const tried = await api.call('POST', `/v1/relays/${textAt(made.json, 'id')}/test`)
  assert.equal(at(tried.json, 'ok'), false)
  assert.match(textAt(tried.json, 'reply'), /^5\.4\.4 /)
  assert.equal(remote.connections, 0)
})

test('rules of destinations: the domain’s own, else those of *, else the program’s', async () => {
  const put = (domain: string, body: object) => api.call('PUT', `/v1/destinations/${domain}`, { body })
  await put('*', { connections_max: 4, messages_per_minute_max: 600 })
  const own = await put('big.example', { connections_max: 50 })
  const { effective } = Object(own.json)
  assert.deepEqual(
    [effective.connections_max, effective.messages_per_minute_max, effective.recipients_per_message_max],
    [50, 600, 100],
  )
  const read = await api.call('GET', '/v1/destinations/big.example')
  assert.deepEqual(read.json, own.json)
  assert.equal((await api.call('DELETE', '/v1/destinations/big.example')).status, 204)
  assert.equal(
    at((await api.call('GET', '/v1/destinations/big.example')).json, 'effective', 'connections_max'),
    4,
  )
  assert.equal(refusal(await put('no domain', {})), '422 domain_invalid')
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const { key: foreign } = await api.tenant()
  for (const key of [bound, foreign]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const options = method === 'PUT' ? { key, body: { connections_max: 1 } } : { key }
      assert.equal(refusal(await api.call(method, '/v1/destinations/*', options)), '403 forbidden')
    }
  }
})
