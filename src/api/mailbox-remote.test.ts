/** The life of mailboxes at Google, over the API, with the program's own jobs, against the stand-in. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { at, refusal, textAt } from '../testing/test-api.ts'
import { startTestGoogle, type TestGoogle } from '../testing/test-google.ts'

let t: TestGoogle
let made = 0
/** The address of each test's mailbox. */
let ann = ''
let bob = ''

before(async () => {
  t = await startTestGoogle()
})
after(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.google.users.clear()
  ann = `ann${++made}@demo.test`
  bob = `bob${made}@demo.test`
})
afterEach(() => {
  t.google.delays = { visible: 0, complete: 0, ready: 0 }
  t.google.seats = 1000
  assert.deepEqual([t.google.complaints, t.google.faults], [[], []])
})

async function change(method: string, path: string, body?: unknown): Promise<void> {
  const reply = await t.api.call(method, path, body === undefined ? {} : { body })
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`)
}

test('a mailbox is active when its service has it, and not before', async () => {
  t.google.delays = { visible: 5_000, complete: 20_000, ready: 90_000 }
  await t.create(ann, { first_name: 'Ann', last_name: 'Lee', password: 'a password of hers 7' })
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass()
  assert.equal(textAt(await t.remote(ann), 'state'), 'propagating')
  const { name, password } = t.google.user(ann)
  assert.deepEqual([name, password], [{ givenName: 'Ann', familyName: 'Lee' }, 'a password of hers 7'])
  await t.pass(10)
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass(100)
  assert.equal(await t.stateOf(ann), 'active')
  const remote = await t.remote(ann)
  assert.deepEqual(
    [at(remote, 'state'), at(remote, 'drift'), at(remote, 'next_attempt_at')],
    ['ready', [], null],
  )
  assert.equal(t.google.users.size, 1)
})

test('what changes here is changed there', async () => {
  const alias = 'a.lee@demo.test'
  await t.create(ann)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'active')
  const user = t.google.user(ann)
  await change('PATCH', `/v1/mailboxes/${ann}`, { first_name: 'Anna', last_name: 'Lee' })
  await change('POST', `/v1/mailboxes/${ann}/aliases`, { address: alias })
  await change('POST', `/v1/mailboxes/${ann}/password`, { password: 'another fine password 8' })
  await t.pass()
  assert.deepEqual(user.name, { givenName: 'Anna', familyName: 'Lee' })
  assert.deepEqual(user.aliases, [alias])
  assert.equal(user.password, 'another fine password 8')
  user.aliases.push('kept@demo.test') // an admin's
  await change('DELETE', `/v1/mailboxes/${ann}/aliases/${alias}`)
  await change('POST', `/v1/mailboxes/${ann}/suspend`)
  await t.pass()
  assert.deepEqual(user.aliases, ['kept@demo.test'])
  assert.equal(user.suspended, true)
  assert.equal(textAt(await t.remote(ann), 'state'), 'suspended')
  await change('POST', `/v1/mailboxes/${ann}/resume`)
  await t.pass()
  assert.equal(user.suspended, false)
})

test('deleted, restored, and deleted for good', async () => {
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  await change('DELETE', `/v1/mailboxes/${ann}`)
  await t.pass()
  assert.notEqual(user.deletedMs, null)
  const deleted = await t.remote(ann)
  assert.equal(textAt(deleted, 'state'), 'deleted')
  const mailbox = (await t.api.call('GET', `/v1/mailboxes/${ann}`)).json
  // Not longer than the service can bring it back.
  const days = (Date.parse(textAt(mailbox, 'purge_at')) - t.api.platform.clock.now().getTime()) / 86_400_000
  assert.ok(days > 19.9 && days <= 20)
  assert.ok(Date.parse(textAt(deleted, 'restorable_until')) >= Date.parse(textAt(mailbox, 'purge_at')))
  await change('POST', `/v1/mailboxes/${ann}/restore`)
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass()
  await t.pass(5)
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(user.deletedMs, null)
  await change('DELETE', `/v1/mailboxes/${ann}?purge=true`)
  await t.pass()
  assert.notEqual(user.deletedMs, null)
  const rows = t.api.platform.db.selectFrom('mailbox_remotes').selectAll()
  assert.deepEqual(await rows.where('remote_id', '=', user.id).execute(), [])
})

test('a restore of what is gone there fails, and makes no other user', async () => {
  await t.create(ann)
  await t.pass()
  await change('DELETE', `/v1/mailboxes/${ann}`)
  await t.pass()
  t.google.users.clear()
  await change('POST', `/v1/mailboxes/${ann}/restore`)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass(31 * 60)
  assert.equal(await t.stateOf(ann), 'failed')
  assert.match(textAt(await t.remote(ann), 'last_error'), /cannot be restored/)
  assert.equal(t.google.users.size, 0)
})

test('what is refused for good has failed, in the service’s words, until it is asked for again', async () => {
  t.google.seats = 0
  await t.create(ann)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'failed')
  const remote = await t.remote(ann)
  assert.deepEqual([at(remote, 'state'), at(remote, 'error_kind')], ['failed', 'no_seats'])
  assert.match(textAt(remote, 'last_error'), /Domain user limit reached/)
  assert.match(textAt(remote, 'request_id'), /^[0-9a-f]{12}$/)
  t.google.seats = 1
  await change('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'active')
  const events = await t.api.platform.db
    .selectFrom('events')
    .select('data')
    .where('type', '=', 'mailbox.remote_changed')
    .orderBy('id')
    .execute()
  assert.ok(events.some(({ data }) => /user limit/.test(JSON.stringify(data))))
})

test('an address that is somebody else’s is left alone', async () => {
  await t.create(ann)
  await t.pass()
  const theirs = t.google.user(ann)
  theirs.externalIds = []
  theirs.primaryEmail = bob
  await t.create(bob)
  await t.pass()
  assert.equal(await t.stateOf(bob), 'failed')
  assert.equal(textAt(await t.remote(bob), 'error_kind'), 'conflict')
  await change('DELETE', `/v1/mailboxes/${bob}?purge=true`)
  await t.pass()
  assert.equal(theirs.deletedMs, null)
})

test('a domain that the tenant has not verified is waited for, and said', async () => {
  t.google.domains.delete('demo.test')
  await t.create(ann)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'provisioning')
  const remote = await t.remote(ann)
  assert.match(textAt(remote, 'last_error'), /demo\.test is not verified in this Google Workspace/)
  assert.match(JSON.stringify(at(remote, 'operator_steps')), /verify demo\.test/)
  t.google.domains.set('demo.test', true)
  await t.pass(60)
  assert.equal(await t.stateOf(ann), 'active')
})

test('a key of the mailbox may ask again, and is not shown its notes', async () => {
  await t.create(ann, { notes: 'not for her' })
  await t.pass()
  const { json } = await t.api.call('GET', `/v1/mailboxes/${ann}`)
  const key = await t.api.key({ workspaceId: t.api.scope.workspaceId, mailboxId: textAt(json, 'id') })
  const reply = await t.api.call('POST', `/v1/mailboxes/${ann}/remote/retry`, { key })
  assert.deepEqual([reply.status, at(json, 'notes'), at(reply.json, 'notes')], [200, 'not for her', null])
})

test('what takes long is told, and after a day it has failed', async () => {
  t.google.delays.ready = 48 * 3_600_000
  await t.create(ann)
  await t.pass()
  assert.equal(at(await t.remote(ann), 'late'), false)
  await t.pass(31 * 60)
  assert.equal(at(await t.remote(ann), 'late'), true)
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass(24 * 3600)
  assert.equal(await t.stateOf(ann), 'failed')
  await t.pass(24 * 3600)
  await change('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(t.google.users.size, 1)
})

test('a service that wants to be left alone is', async () => {
  t.google.faults.push({ on: /^GET \/users\/ann/, status: 429, headers: { 'retry-after': '300' } })
  await t.create(ann)
  await t.pass()
  await t.create(bob)
  await t.pass(60)
  assert.equal(t.google.users.size, 0)
  const connection = (await t.api.call('GET', `/v1/service-connections/${t.connectionId}`)).json
  assert.equal(textAt(connection, 'state'), 'working')
  assert.notEqual(at(connection, 'retry_at'), null)
  await t.pass(300)
  assert.equal(t.google.users.size, 2)
})

test('a connection that lost its rights is failing, and works on when it has them', async () => {
  await t.create(ann)
  await t.pass()
  const scopes = [...t.google.scopes]
  t.google.scopes.clear()
  t.google.revokeTokens()
  await change('POST', `/v1/mailboxes/${ann}/suspend`)
  await t.pass()
  const path = `/v1/service-connections/${t.connectionId}`
  const failing = (await t.api.call('GET', path)).json
  assert.equal(textAt(failing, 'state'), 'failing')
  assert.match(textAt(failing, 'last_error'), /unauthorized_client/)
  assert.equal(textAt((await t.api.call('POST', `${path}/check`)).json, 'state'), 'failing')
  for (const scope of scopes) t.google.scopes.add(scope)
  assert.equal(textAt((await t.api.call('POST', `${path}/check`)).json, 'state'), 'working')
  await t.pass(60)
  assert.equal(t.google.user(ann).suspended, true)
})

test('one change that the service refuses does not keep the others from being made', async () => {
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  t.google.faults.push({ on: /\/aliases$/, status: 400, reason: 'invalid', message: 'No such alias.' })
  await change('POST', `/v1/mailboxes/${ann}/aliases`, { address: 'x@demo.test' })
  await change('PATCH', `/v1/mailboxes/${ann}`, { first_name: 'Anna' })
  await change('POST', `/v1/mailboxes/${ann}/password`, { password: 'another fine password 8' })
  await t.pass()
  assert.deepEqual([user.name.givenName, user.password], ['Anna', 'another fine password 8'])
  const remote = await t.remote(ann)
  assert.match(textAt(remote, 'last_error'), /No such alias/)
  assert.deepEqual([at(remote, 'untold'), at(remote, 'state')], [['aliases'], 'ready'])
  assert.deepEqual(at(remote, 'drift'), ['The alias x@demo.test is not there.'])
  await change('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  assert.deepEqual(user.aliases, ['x@demo.test'])
  assert.deepEqual(at(await t.remote(ann), 'last_error'), null)
})

test('credentials, capabilities, and mailboxes that are no one else’s', async () => {
  await t.create(ann)
  const credentials = (await t.api.call('GET', `/v1/mailboxes/${ann}/credentials`)).json
  assert.deepEqual(
    [at(credentials, 'password_usable'), at(credentials, 'imap', 'host'), at(credentials, 'smtp', 'host')],
    [false, 'imap.gmail.com', 'smtp.gmail.com'],
  )
  const local = await t.api.call('POST', '/v1/mailboxes', { body: { address: 'local@demo.test' } })
  assert.equal(local.status, 201)
  assert.equal(
    refusal(await t.api.call('GET', '/v1/mailboxes/local@demo.test/remote')),
    '404 mailbox_not_remote',
  )
  const services = (await t.api.call('GET', '/v1/services')).json
  assert.deepEqual(
    [0, 1, 2].map((index) => [
      at(services, 'data', index, 'service'),
      at(services, 'data', index, 'is_set_up'),
    ]),
    [
      ['local', true],
      ['google', true],
      ['microsoft', false],
    ],
  )
  assert.equal(at(services, 'data', 1, 'capabilities', 'restore_days'), 20)
  const other = await t.api.tenant()
  await t.api.call('POST', '/v1/domains', { key: other.key, body: { name: 'other.test' } })
  const body = { address: 'x@other.test', service: 'google' }
  assert.equal(
    refusal(await t.api.call('POST', '/v1/mailboxes', { key: other.key, body })),
    '422 service_unavailable',
  )
})
