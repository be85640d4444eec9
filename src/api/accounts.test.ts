/** /v1/me, /v1/workspaces, /v1/api-keys, /v1/sessions and /v1/test/clock. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { apiLimits } from './limits.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

const unknownId = '00000000-0000-7000-8000-000000000000'

test('me: what a key is bound to', async () => {
  const key = await api.key({ workspaceId: api.scope.workspaceId, access: 'read' })
  const reply = await api.call('GET', '/v1/me', { key })
  assert.equal(reply.status, 200)
  assert.deepEqual(
    { ...Object(reply.json), id: '' },
    {
      type: 'api_key',
      id: '',
      organization_id: api.scope.organizationId,
      workspace_id: api.scope.workspaceId,
      bound_to: {
        workspace_id: api.scope.workspaceId,
        workspace_ids: [api.scope.workspaceId],
        mailbox_id: null,
      },
      access: 'read',
      role: null,
      user_id: null,
      expires_at: null,
    },
  )
})

test('workspaces: create, get, list, rename, use, delete', async () => {
  const created = await api.call('POST', '/v1/workspaces', { body: { name: 'Acme' } })
  assert.equal(created.status, 201)
  const id = textAt(created.json, 'id')
  const path = `/v1/workspaces/${id}`
  assert.equal(created.headers.get('location'), path)
  assert.deepEqual((await api.call('GET', path)).json, created.json)
  const list = await api.call('GET', '/v1/workspaces?limit=1')
  assert.equal(at(list.json, 'data', 0, 'is_default'), true)
  const next = await api.call('GET', `/v1/workspaces?cursor=${textAt(list.json, 'next_cursor')}`)
  assert.equal(at(next.json, 'data', 0, 'id'), id)
  const renamed = await api.call('PATCH', path, { body: { name: 'Acme 2' } })
  assert.deepEqual([renamed.status, at(renamed.json, 'name')], [200, 'Acme 2'])

  const headers = { 'mailwright-workspace': id }
  const bound = await api.key({ workspaceId: id })
  assert.equal((await api.call('POST', '/v1/domains', { body: { name: 'acme.test' }, headers })).status, 201)
  assert.equal((await api.call('GET', '/v1/domains/acme.test', { key: bound })).status, 200)
  assert.equal(refusal(await api.call('DELETE', path)), '409 workspace_not_empty')
  assert.equal((await api.call('DELETE', '/v1/domains/acme.test', { headers })).status, 204)
  const deleted = await api.call('DELETE', path)
  assert.deepEqual([deleted.status, deleted.text], [204, ''])
  assert.equal(refusal(await api.call('GET', path)), '404 workspace_not_found')
  assert.equal(refusal(await api.call('GET', '/v1/me', { headers })), '404 workspace_not_found')
  assert.equal(refusal(await api.call('GET', '/v1/me', { key: bound })), '401 unauthenticated')
})

test('workspaces: what is refused', async () => {
  const own = `/v1/workspaces/${api.scope.workspaceId}`
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const reading = await api.key({ access: 'read' })
  const mailbox = await api.createMailbox()
  const small = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: mailbox.mailboxId })
  const name = { name: 'x' }
  const rows: [string, string, string, object | undefined, string | undefined][] = [
    ['409 workspace_is_default', 'DELETE', own, undefined, undefined],
    ['404 workspace_not_found', 'DELETE', `/v1/workspaces/${unknownId}`, undefined, undefined],
    ['404 workspace_not_found', 'GET', '/v1/workspaces/x', undefined, undefined],
    ['404 workspace_not_found', 'PATCH', `/v1/workspaces/${unknownId}`, name, undefined],
    ['400 invalid_request', 'POST', '/v1/workspaces', { name: '' }, undefined],
    ['400 invalid_request', 'POST', '/v1/workspaces', { name: 'x'.repeat(201) }, undefined],
    ['403 forbidden', 'POST', '/v1/workspaces', name, bound],
    ['403 forbidden', 'POST', '/v1/workspaces', name, reading],
    ['403 forbidden', 'PATCH', own, name, reading],
    ['403 forbidden', 'PATCH', own, name, small],
    ['403 forbidden', 'DELETE', own, undefined, reading],
    ['403 forbidden', 'DELETE', own, undefined, bound],
  ]
  for (const [expected, method, path, body, key] of rows) {
    const reply = await api.call(method, path, { body, ...(key === undefined ? {} : { key }) })
    assert.equal(refusal(reply), expected, `${method} ${path}`)
  }
})

test('API keys: create, use, get, list, revoke', async () => {
  const created = await api.call('POST', '/v1/api-keys', { body: { name: 'CI', access: 'read' } })
  assert.equal(created.status, 201)
  assert.equal(created.headers.get('cache-control'), 'no-store')
  const id = textAt(created.json, 'id')
  const key = textAt(created.json, 'token')
  assert.ok(key.startsWith(textAt(created.json, 'token_prefix')))
  assert.equal((await api.call('GET', '/v1/domains', { key })).status, 200)
  assert.equal(
    refusal(await api.call('POST', '/v1/domains', { key, body: { name: 'b.test' } })),
    '403 forbidden',
  )
  const got = await api.call('GET', `/v1/api-keys/${id}`)
  assert.equal(got.status, 200)
  assert.equal(at(got.json, 'token'), undefined)
  assert.match((await api.call('GET', '/v1/api-keys')).text, new RegExp(id))
  assert.equal((await api.call('DELETE', `/v1/api-keys/${id}`)).status, 204)
  assert.equal(refusal(await api.call('GET', '/v1/domains', { key })), '401 unauthenticated')
  assert.doesNotMatch((await api.call('GET', '/v1/api-keys')).text, new RegExp(id))
  assert.notEqual(at((await api.call('GET', `/v1/api-keys/${id}`)).json, 'revoked_at'), null)
})

test('API keys: bound to one mailbox, they reach that mailbox only', async () => {
  const [own, other] = [await api.createMailbox(), await api.createMailbox()]
  const body = { name: 'agent', mailbox_id: own.mailboxId }
  const created = await api.call('POST', '/v1/api-keys', { body })
  assert.equal(at(created.json, 'mailbox_id'), own.mailboxId)
  assert.equal(at(created.json, 'workspace_id'), api.scope.workspaceId)
  const key = textAt(created.json, 'token')
  assert.equal((await api.call('GET', `/v1/mailboxes/${own.address}`, { key })).status, 200)
  assert.equal(
    refusal(await api.call('GET', `/v1/mailboxes/${other.address}`, { key })),
    '404 mailbox_not_found',
  )
  const list = await api.call('GET', '/v1/mailboxes', { key })
  assert.deepEqual([at(list.json, 'data', 0, 'id'), at(list.json, 'data', 1)], [own.mailboxId, undefined])
  assert.equal(
    (await api.call('PATCH', `/v1/mailboxes/${own.address}`, { key, body: { tags: ['a'] } })).status,
    200,
  )
  const forbidden: [string, string, object?][] = [
    ['GET', '/v1/domains'],
    ['GET', `/v1/batches/${unknownId}`],
    ['POST', '/v1/mailboxes', { address: 'new@demo.test' }],
    ['DELETE', `/v1/mailboxes/${own.address}`],
    ['POST', `/v1/mailboxes/${own.address}/suspend`],
  ]
  for (const [method, path, sent] of forbidden) {
    assert.equal(
      refusal(await api.call(method, path, { key, body: sent })),
      '403 forbidden',
      `${method} ${path}`,
    )
  }
  const child = await api.call('POST', '/v1/api-keys', { key, body: { name: 'child' } })
  assert.equal(at(child.json, 'mailbox_id'), own.mailboxId)
})

test('API keys: more at once than there are database connections', async () => {
  const { mailboxId } = await api.createMailbox()
  const body = { name: 'many', mailbox_id: mailboxId }
  const made = await Promise.all(Array.from({ length: 60 }, () => api.call('POST', '/v1/api-keys', { body })))
  assert.deepEqual([...new Set(made.map(({ status }) => status))], [201])
  const revoked = await Promise.all(
    made.map(({ json }) => api.call('DELETE', `/v1/api-keys/${textAt(json, 'id')}`)),
  )
  assert.deepEqual([...new Set(revoked.map(({ status }) => status))], [204])
})

test('API keys: none reaches further than its maker', async () => {
  const other = await api.tenant()
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const reading = await api.key({ access: 'read' })
  const soon = await api.key({ expiresAt: new Date(Date.now() + 3_600_000) })
  const later = new Date(Date.now() + 7_200_000).toISOString()
  const rows: [string, string, object][] = [
    ['403 forbidden', bound, { workspace_id: null }],
    ['404 workspace_not_found', bound, { workspace_id: other.workspaceId }],
    ['404 workspace_not_found', api.apiKey, { workspace_id: other.workspaceId }],
    ['404 workspace_not_found', api.apiKey, { workspace_id: unknownId }],
    ['404 mailbox_not_found', api.apiKey, { mailbox_id: unknownId }],
    ['403 forbidden', reading, { access: 'write' }],
    ['403 forbidden', reading, { access: 'read' }],
    ['403 forbidden', soon, {}],
    ['403 forbidden', soon, { expires_at: later }],
    ['400 invalid_request', api.apiKey, { expires_at: '2001-01-01T00:00:00Z' }],
    ['400 invalid_request', api.apiKey, { expires_at: '2030-06-30T23:59:60Z' }],
    ['400 invalid_request', api.apiKey, { expires_at: 'tomorrow' }],
    ['400 invalid_request', api.apiKey, { access: 'admin' }],
  ]
  for (const [expected, key, more] of rows) {
    const reply = await api.call('POST', '/v1/api-keys', { key, body: { name: 'x', ...more } })
    assert.equal(refusal(reply), expected, JSON.stringify(more))
  }
  const { id } = Object((await api.call('GET', '/v1/me', { key: bound })).json)
  assert.equal(refusal(await api.call('DELETE', `/v1/api-keys/${id}`, { key: reading })), '403 forbidden')
  assert.equal(
    refusal(await api.call('DELETE', `/v1/api-keys/${id}`, { key: other.key })),
    '404 api_key_not_found',
  )
  assert.equal(
    refusal(await api.call('GET', `/v1/api-keys/${id}`, { key: other.key })),
    '404 api_key_not_found',
  )
  assert.equal((await api.call('GET', '/v1/me', { key: bound })).status, 200)
})

test('sessions: in, who am I, out', async () => {
  const body = { email: 'Admin@localhost', password: 'a password for tests' }
  const reply = await api.call('POST', '/v1/sessions', { key: null, body })
  assert.equal(reply.status, 201)
  const key = textAt(reply.json, 'token')
  const me = await api.call('GET', '/v1/me', { key })
  assert.deepEqual(
    [at(me.json, 'type'), at(me.json, 'expires_at')],
    ['session', at(reply.json, 'expires_at')],
  )
  assert.equal((await api.call('DELETE', '/v1/sessions/current', { key })).status, 204)
  assert.equal(refusal(await api.call('GET', '/v1/me', { key })), '401 unauthenticated')
  assert.equal(refusal(await api.call('DELETE', '/v1/sessions/current')), '403 forbidden')
})

test('sessions: failed logins are counted, also those at the same moment; good ones are not', async () => {
  const good = { email: 'admin@localhost', password: 'a password for tests' }
  const bad = [
    { ...good, password: 'wrong' },
    { ...good, email: 'nobody@localhost' },
  ]
  assert.equal((await api.call('POST', '/v1/sessions', { key: null, body: good })).status, 201)
  const tries = Array.from({ length: apiLimits.failedLoginsPerMinute + 4 }, (_, round) =>
    api.call('POST', '/v1/sessions', { key: null, body: bad[round % 2] }),
  )
  const replies = (await Promise.all(tries)).map(refusal)
  const count = (what: string): number => replies.filter((reply) => reply === what).length
  assert.equal(count('401 login_failed') + count('429 rate_limited'), replies.length)
  assert.ok(count('401 login_failed') <= apiLimits.failedLoginsPerMinute + 1)
  const limited = await api.call('POST', '/v1/sessions', { key: null, body: good })
  assert.equal(refusal(limited), '429 rate_limited')
  assert.match(limited.headers.get('retry-after') ?? '', /^\d+$/)
})

test('the test clock: only for organization keys that may write, and only by a duration', async () => {
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const reading = await api.key({ access: 'read' })
  const move = (key: string, advance: string) =>
    api.call('POST', '/v1/test/clock', { key, body: { advance } })
  assert.equal(refusal(await move(bound, 'P1D')), '403 forbidden')
  assert.equal(refusal(await move(reading, 'P1D')), '403 forbidden')
  assert.equal(refusal(await move(api.apiKey, 'tomorrow')), '400 invalid_request')
  assert.equal(refusal(await move(api.apiKey, 'P9999Y')), '400 invalid_request')
  const soon = await api.key({ expiresAt: new Date(Date.now() + 3_600_000) })
  const moved = await move(api.apiKey, 'P1M')
  assert.equal(moved.status, 200)
  assert.ok(Date.parse(textAt(moved.json, 'now')) > Date.now() + 27 * 24 * 3_600_000)
  assert.equal(refusal(await api.call('GET', '/v1/me', { key: soon })), '401 unauthenticated')
})

test('the test clock is off by default', async () => {
  await using plain = await startTestApi({ environment: { MAILWRIGHT_TEST_CLOCK: '' } })
  const reply = await plain.call('POST', '/v1/test/clock', { body: { advance: 'P1D' } })
  assert.equal(refusal(reply), '404 test_clock_off')
})
