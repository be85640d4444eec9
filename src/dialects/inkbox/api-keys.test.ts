/** API keys and whoami against the contract. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../../platform/ids.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'
import { loggedIn } from '../../testing/test-members.ts'

let inkbox: TestInkbox
let agent: TestAgent
before(async () => {
  inkbox = await startInkbox()
  agent = await inkbox.agent('quote-desk')
})
after(() => inkbox[Symbol.asyncDispose]())

const scoped = (label: string): unknown => ({ label, scoped_identity_id: agent.identity.id })

test('an admin key makes an agent key, which works and shows its record', async () => {
  const [example] = inkbox.contract.operation('createApiKey').bodies
  const body = { ...Object(example), scoped_identity_id: agent.identity.id, description: 'of a test' }
  const { json } = await inkbox.inkbox('createApiKey', { body })
  const key = textAt(json, 'api_key')
  assert.match(key, /^ApiKey_[0-9a-f-]{36}\.[\w-]{43}$/)
  const record = at(json, 'record')
  assert.equal(textAt(record, 'id'), key.split('.')[0])
  assert.equal(textAt(record, 'display_prefix'), key.slice(0, 15))
  assert.equal(textAt(record, 'last4'), key.slice(-4))
  assert.equal(textAt(record, 'scoped_identity_id'), agent.identity.id)
  assert.equal(textAt(record, 'label'), 'quote-desk runtime')
  assert.equal(textAt(record, 'description'), 'of a test')
  assert.equal(textAt(record, 'organization_id'), `org_${inkbox.scope.workspaceId}`)
  const own = await inkbox.inkbox('getOwnApiKey', { key })
  assert.deepEqual(own.json, record)
})

const refused: [what: string, key: () => string | null, body: () => unknown, status: number][] = [
  ['an admin key without an identity', () => inkbox.adminKey, () => ({ label: 'x' }), 403],
  ['an agent key', () => agent.key, () => scoped('x'), 403],
  ['no key', () => null, () => scoped('x'), 401],
  ['an unknown identity', () => inkbox.adminKey, () => ({ label: 'x', scoped_identity_id: newId() }), 404],
  ['no label', () => inkbox.adminKey, () => ({ scoped_identity_id: agent.identity.id }), 422],
  ['an empty label', () => inkbox.adminKey, () => scoped(''), 422],
  ['a label that is too long', () => inkbox.adminKey, () => scoped('x'.repeat(256)), 422],
  ['no id', () => inkbox.adminKey, () => ({ label: 'x', scoped_identity_id: 'x' }), 422],
]
for (const [what, key, body, status] of refused) {
  test(`creating a key: ${what} is ${status}`, async () => {
    const reply = await inkbox.inkbox('createApiKey', { key: key(), body: body() })
    assert.equal(reply.status, status)
  })
}

test('a person makes keys of both kinds, lists and revokes them', async () => {
  const { json } = await inkbox.inkbox('createApiKey', { key: inkbox.session, body: { label: 'operator' } })
  const key = textAt(json, 'api_key')
  assert.equal(at(json, 'record', 'scoped_identity_id'), null)
  assert.equal(textAt(json, 'record', 'creator_type'), 'human')
  const listed = await inkbox.inkbox('listApiKeys', { key: inkbox.session })
  const ids = listAt(listed.json).map((one) => textAt(one, 'id'))
  assert.ok(ids.includes(textAt(json, 'record', 'id')))
  const path = { api_key_id: textAt(json, 'record', 'id') }
  for (let times = 0; times < 2; times++) {
    assert.equal((await inkbox.inkbox('revokeApiKey', { key: inkbox.session, path })).status, 204)
  }
  assert.equal((await inkbox.inkbox('whoami', { key })).status, 401)
  const left = await inkbox.inkbox('listApiKeys', { key: inkbox.session })
  assert.ok(!listAt(left.json).some((one) => at(one, 'id') === path.api_key_id))
})

test('listing and revoking are for people, and reach one’s own keys alone', async () => {
  const path = { api_key_id: 'ApiKey_x' }
  for (const [key, status] of [
    [null, 401],
    [inkbox.adminKey, 403],
    [agent.key, 403],
  ] as const) {
    assert.equal((await inkbox.inkbox('listApiKeys', { key })).status, status)
    assert.equal((await inkbox.inkbox('revokeApiKey', { key, path })).status, status)
  }
  const tenant = await inkbox.tenant()
  const { key: stranger } = await loggedIn(inkbox, 'owner', { organizationId: tenant.organizationId })
  const { json } = await inkbox.inkbox('getOwnApiKey', { key: agent.key })
  const foreign = { api_key_id: textAt(json, 'id') }
  for (const [key, one] of [
    [stranger, foreign],
    [inkbox.session, path],
    [inkbox.session, { api_key_id: `ApiKey_${newId()}` }],
  ] as const) {
    assert.equal((await inkbox.inkbox('revokeApiKey', { key, path: one })).status, 404)
  }
  assert.equal(listAt((await inkbox.inkbox('listApiKeys', { key: stranger })).json).length, 1)
  assert.equal((await inkbox.inkbox('createApiKey', { key: stranger, body: scoped('x') })).status, 404)
})

test('a key revokes itself, at once', async () => {
  const { json } = await inkbox.inkbox('createApiKey', { body: scoped('short') })
  const key = textAt(json, 'api_key')
  assert.equal((await inkbox.inkbox('revokeOwnApiKey', { key })).status, 204)
  for (const id of ['revokeOwnApiKey', 'getOwnApiKey', 'whoami']) {
    assert.equal((await inkbox.inkbox(id, { key })).status, 401)
  }
  for (const path of ['/api-keys/self', '/api-keys/self/']) {
    assert.equal((await inkbox.raw('GET', path, { key: inkbox.session })).status, 403)
  }
})

test('whoami, with and without the version, tells keys and people apart', async () => {
  const subtypeOf = async (key: string): Promise<unknown> =>
    at((await inkbox.inkbox('whoami', { key })).json, 'auth_subtype')
  assert.equal(await subtypeOf(inkbox.adminKey), 'api_key.admin_scoped')
  assert.equal(await subtypeOf(agent.key), 'api_key.agent_scoped.claimed')
  const session = await inkbox.inkbox('whoami', { key: inkbox.session })
  assert.equal(textAt(session.json, 'auth_type'), 'jwt')
  assert.match(textAt(session.json, 'email'), /^admin\d+@people\.example$/)
  assert.equal(textAt(session.json, 'org_role'), 'admin')
  for (const path of ['/inkbox/api/whoami', '/inkbox/api/whoami/', '/inkbox/api/v1/whoami/']) {
    const reply = await inkbox.call('GET', path, { key: null, headers: { 'x-api-key': inkbox.adminKey } })
    assert.equal(textAt(reply.json, 'auth_type'), 'api_key')
    assert.equal(textAt(reply.json, 'organization_id'), `org_${inkbox.scope.workspaceId}`)
  }
  assert.equal((await inkbox.call('GET', '/inkbox/api/whoami', { key: null })).status, 401)
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'api-keys'), [])
})
