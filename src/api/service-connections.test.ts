/** Connections to tenants: tried before they are kept, never shown again, sealed anew, and not deleted in use. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { secretOf } from '../mailboxes/engines/connections.ts'
import { enginePolicy } from '../mailboxes/engines/policy.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { type GoogleStandIn, startGoogle } from '../testing/google-stand-in.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { connectionBody } from '../testing/test-google.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { masterKeyOf } from '../testing/test-node.ts'

let google: GoogleStandIn
let api: TestApi

before(async () => {
  google = await startGoogle()
  api = await startTestApi({ environment: { MAILWRIGHT_GOOGLE_API_URL: google.url } })
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await google[Symbol.asyncDispose]()
})

const path = '/v1/service-connections'

async function connect(more: Record<string, unknown> = {}): Promise<string> {
  const reply = await api.call('POST', path, { body: { ...connectionBody(google), ...more } })
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'id')
}

async function isDefault(id: string): Promise<unknown> {
  return at((await api.call('GET', `${path}/${id}`)).json, 'is_default')
}

test('what the service does not take is not kept, and why is said', async () => {
  const wrong: [Record<string, unknown>, string, RegExp][] = [
    [
      { settings: { admin_email: 'x@y.example', client_email: google.clientEmail } },
      '422 service_credentials_refused',
      /invalid_grant/,
    ],
    [{ settings: {} }, '400 invalid_request', /must be an address/],
    [{ secret: 'no key' }, '400 invalid_request', /RSA private key/],
    [{ service: 'local' }, '400 invalid_request', /./],
    [{ settings: { ...connectionBody(google).settings, url: 'http://x' } }, '400 invalid_request', /./],
  ]
  for (const [more, code, words] of wrong) {
    const reply = await api.call('POST', path, { body: { ...connectionBody(google), ...more } })
    assert.equal(refusal(reply), code)
    assert.match(textAt(reply.json, 'detail'), words)
    assert.doesNotMatch(reply.text, /PRIVATE KEY-/)
  }
  google.faults.push({ on: /^GET \/users$/, status: 503 })
  const down = await api.call('POST', path, { body: connectionBody(google) })
  assert.equal(refusal(down), '502 service_failed')
  assert.deepEqual(at((await api.call('GET', path)).json, 'data'), [])
})

test('the first is the default, another when it is asked for; the secret is never shown', async () => {
  const first = await connect()
  const second = await connect({ name: 'Second' })
  assert.deepEqual([await isDefault(first), await isDefault(second)], [true, false])
  const third = await connect({ name: 'Third', is_default: true })
  assert.deepEqual([await isDefault(first), await isDefault(third)], [false, true])
  await api.call('PATCH', `${path}/${second}`, { body: { is_default: true, name: 'Other' } })
  assert.deepEqual([await isDefault(second), await isDefault(third)], [true, false])
  const list = await api.call('GET', path)
  assert.doesNotMatch(list.text, /PRIVATE|secret|sealed/)
  for (const id of [first, second, third]) {
    assert.equal((await api.call('DELETE', `${path}/${id}`)).status, 204)
  }
})

test('a change is tried as well', async () => {
  const id = await connect()
  const settings = { admin_email: 'x@y.example', client_email: google.clientEmail }
  const refused = await api.call('PATCH', `${path}/${id}`, { body: { settings } })
  assert.equal(refusal(refused), '422 service_credentials_refused')
  const same = { ...connectionBody(google).settings, org_unit_path: '/outreach' }
  const changed = await api.call('PATCH', `${path}/${id}`, { body: { settings: same } })
  assert.equal(textAt(changed.json, 'settings', 'org_unit_path'), '/outreach')
  const readOnly = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('POST', `${path}/${id}/check`, { key: readOnly })), '403 forbidden')
  await api.call('DELETE', `${path}/${id}`)
})

test('it stays with its tenant as long as there is a mailbox in it', async () => {
  const id = await connect()
  await api.call('POST', '/v1/mailboxes', { body: { address: 'bob@demo.test', service: 'google' } })
  await runJobs(api.platform)
  const admin = google.adminEmail
  const become = async (adminEmail: string, more: Record<string, string> = {}) => {
    google.adminEmail = adminEmail
    const settings = { ...connectionBody(google).settings, ...more }
    return await api.call('PATCH', `${path}/${id}`, { body: { settings } })
  }
  for (const reply of [
    await become('admin@elsewhere.example'),
    await become(admin, { customer_id: google.customerId }),
  ]) {
    assert.equal(refusal(reply), '409 service_connection_in_use')
    assert.match(textAt(reply.json, 'detail'), /^1 mailboxes/)
  }
  const kept = await api.call('GET', `${path}/${id}`)
  assert.deepEqual(at(kept.json, 'settings'), connectionBody(google).settings)
  assert.equal((await become('boss@tenant.example', { customer_id: 'my_customer' })).status, 200)
  await api.call('DELETE', '/v1/mailboxes/bob@demo.test?purge=true')
  await runJobs(api.platform)
  assert.equal((await become('admin@elsewhere.example')).status, 200)
  const deletions = [1, 2].map(() => api.call('DELETE', `${path}/${id}`))
  const statuses = (await Promise.all(deletions)).map(({ status }) => status)
  assert.deepEqual(statuses.sort(), [204, 404])
  google.adminEmail = admin
})

test('a key rotation seals it anew', async () => {
  const id = await connect()
  const rotated = { ...api.platform, vault: createVault(`${newMasterKey()}\n${await masterKeyOf(api)}`) }
  await resealPrivateKeys(rotated)
  const row = await api.platform.db
    .selectFrom('service_connections')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.equal(row.key_id, rotated.vault.keyId)
  assert.equal(secretOf(rotated, row), google.privateKey)
  await api.platform.db.deleteFrom('service_connections').where('id', '=', id).execute()
})

test('one that runs mailboxes stays, and one whose tenant is closed is let go of', async () => {
  const id = await connect()
  await api.call('POST', '/v1/mailboxes', { body: { address: 'ann@demo.test', service: 'google' } })
  await runJobs(api.platform)
  assert.equal(
    refusal(await api.call('DELETE', `${path}/${id}?abandon=true`)),
    '409 service_connection_in_use',
  )
  google.scopes.clear()
  google.revokeTokens()
  await api.call('DELETE', '/v1/mailboxes/ann@demo.test?purge=true')
  await runJobs(api.platform)
  assert.equal(refusal(await api.call('DELETE', `${path}/${id}`)), '409 service_connection_in_use')
  assert.equal((await api.call('DELETE', `${path}/${id}?abandon=true`)).status, 204)
  assert.equal(google.user('ann@demo.test').deletedMs, null)
})

test('there are not more than there may be', async () => {
  const { platform, scope } = api
  const row = {
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    service: 'google' as const,
    name: 'x',
    settings: '{}',
    sealed_private_key: Buffer.alloc(0),
    key_id: platform.vault.keyId,
    is_default: false,
    state: 'working' as const,
    last_error: null,
    checked_at: new Date(),
    retry_at: null,
    created_at: new Date(),
    updated_at: new Date(),
  }
  const ids = Array.from({ length: enginePolicy.connectionsPerWorkspaceMax }, () => crypto.randomUUID())
  await platform.db
    .insertInto('service_connections')
    .values(ids.map((id) => ({ ...row, id })))
    .execute()
  for (const name of [
    'admin.directory.user',
    'admin.directory.domain.readonly',
    'admin.reports.usage.readonly',
  ]) {
    google.scopes.add(`https://www.googleapis.com/auth/${name}`)
  }
  const reply = await api.call('POST', path, { body: connectionBody(google) })
  assert.equal(refusal(reply), '409 service_connection_limit_reached')
})
