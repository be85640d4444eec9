/** The domain that all workspaces share: who may have what in it, and to whom its mail goes. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAuthenticator } from '../accounts/principals.ts'
import { transaction } from '../platform/database.ts'
import { at, listAt, startTestApi, type Tenant, type TestApi, textAt } from '../testing/test-api.ts'
import { folderIdOf, messagesIn } from '../testing/test-mail.ts'
import { createIdentity } from './identities.ts'

let api: TestApi
let tenant: Tenant
before(async () => {
  api = await startTestApi()
  tenant = await api.tenant()
})
after(() => api[Symbol.asyncDispose]())

const call = (method: string, path: string, body?: unknown, key?: string) =>
  api.call(method, path, { ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { key }) })

async function identity(body: unknown): Promise<{ status: number; json: unknown }> {
  return await call('POST', '/v1/identities', body, tenant.key)
}

test('nobody but the operator shares a domain, and one at most', async () => {
  assert.equal((await call('PUT', '/v1/domains/demo.test/shared', undefined, tenant.key)).status, 403)
  const before = await identity({ handle: 'early', address: 'early@demo.test' })
  assert.equal(at(before.json, 'code'), 'domain_not_found')
  for (let times = 0; times < 2; times++) {
    const { status, json } = await call('PUT', '/v1/domains/demo.test/shared')
    assert.deepEqual([status, at(json, 'is_shared')], [200, true])
  }
  await call('POST', '/v1/domains', { name: 'second.test' })
  assert.equal((await call('PUT', '/v1/domains/second.test/shared')).status, 409)
  assert.equal((await call('PUT', '/v1/domains/none.test/shared')).status, 404)
  const { json } = await call('GET', '/v1/audit-log?action=domain.shared')
  assert.equal(listAt(json, 'data').length, 1)
})

test('an identity of another workspace gets its handle as its address, and no other', async () => {
  const named = await identity({ handle: 'named' })
  assert.equal(textAt(named.json, 'address'), 'named@demo.test')
  const drawn = await identity({})
  assert.equal(textAt(drawn.json, 'address'), `${textAt(drawn.json, 'handle')}@demo.test`)
  const other = await identity({ handle: 'third', address: 'else@demo.test' })
  assert.equal(at(other.json, 'code'), 'invalid_request')
  await api.createMailbox('taken-x@demo.test')
  const taken = await identity({ handle: 'taken-x' })
  assert.equal(at(taken.json, 'code'), 'handle_taken')
})

const unseen: [method: string, path: string, body?: unknown][] = [
  ['GET', '/v1/domains/demo.test'],
  ['POST', '/v1/mailboxes', { address: 'plain@demo.test' }],
  ['POST', '/v1/mailboxes/named@demo.test/aliases', { address: 'more@demo.test' }],
  ['POST', '/v1/mailboxes/named@demo.test/rename', { address: 'more@demo.test' }],
  ['PUT', '/v1/domains/demo.test/catch-all', { targets: ['x@example.org'] }],
  ['DELETE', '/v1/domains/demo.test'],
  ['POST', '/v1/domains/demo.test/suspend'],
]
for (const [method, path, body] of unseen) {
  test(`for others the domain is not there: ${method} ${path}`, async () => {
    const { json } = await call(method, path, body, tenant.key)
    assert.equal(at(json, 'code'), 'domain_not_found')
  })
}

test('mail to it is its workspace’s, and the domain’s owner sees nothing of it', async () => {
  const writer = await api.createMailbox('writer@demo.test')
  const sent = await call('POST', `/v1/mailboxes/${writer.address}/messages`, {
    to: ['named@demo.test'],
    subject: 'Hello',
    text: 'Hi',
  })
  assert.equal(sent.status, 202)
  const { json: mailbox } = await call('GET', '/v1/mailboxes/named@demo.test', undefined, tenant.key)
  const id = textAt(mailbox, 'id')
  const inbox = await messagesIn(api.platform, id, await folderIdOf(api.platform, id, 'INBOX'))
  assert.equal(inbox.length, 1)
  const seen = await call('GET', '/v1/events?from=start&types=message.received', undefined, tenant.key)
  assert.deepEqual(
    listAt(seen.json, 'data').map((event) => at(event, 'mailbox_id')),
    [id],
  )
  const others = await call('GET', '/v1/events?from=start&types=message.received')
  assert.deepEqual(at(others.json, 'data'), [])
  for (const path of ['/v1/mailboxes/named@demo.test', '/v1/identities/named']) {
    assert.equal((await call('GET', path)).status, 404)
  }
  const back = await call(
    'POST',
    '/v1/mailboxes/named@demo.test/messages',
    { to: [writer.address], subject: 'Re', text: 'Hi' },
    tenant.key,
  )
  assert.equal(back.status, 202)
})

test('neither the domain nor the workspace goes while there are mailboxes', async () => {
  const removed = await call('DELETE', '/v1/domains/demo.test?with_mailboxes=true')
  assert.equal(at(removed.json, 'code'), 'domain_not_empty')
  const made = await call('POST', '/v1/workspaces', { name: 'More' }, tenant.key)
  const workspaceId = textAt(made.json, 'id')
  const authenticator = startAuthenticator(api.platform)
  const principal = await authenticator.authenticate(tenant.key)
  assert.ok(principal)
  const scope = await authenticator.scopeOf(principal, workspaceId)
  await authenticator.stop()
  await transaction(api.platform.db, (tx) =>
    createIdentity(api.platform, tx, scope, {
      handle: 'more-of-it',
      displayName: null,
      description: null,
      owner: scope.actor,
      mailbox: null,
    }),
  )
  const refused = await call('DELETE', `/v1/workspaces/${workspaceId}`, undefined, tenant.key)
  assert.equal(at(refused.json, 'code'), 'workspace_not_empty')
})

test('a suspended domain serves nobody, and one that is shared no more keeps its mailboxes', async () => {
  await call('POST', '/v1/domains/demo.test/suspend')
  const body = { to: ['writer@demo.test'], subject: 'x', text: 'x' }
  const send = async (): Promise<number> =>
    (await call('POST', '/v1/mailboxes/named@demo.test/messages', body, tenant.key)).status
  assert.equal(await send(), 409)
  await call('POST', '/v1/domains/demo.test/resume')
  const { json } = await call('DELETE', '/v1/domains/demo.test/shared')
  assert.equal(at(json, 'is_shared'), false)
  assert.equal(await send(), 202)
  assert.equal(at((await identity({ handle: 'late' })).json, 'code'), 'domain_not_found')
})
