/** What becomes of mailboxes at Google when they, or what they belong to, are changed over the API. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { expireAliases } from '../mailboxes/aliases.ts'
import { endDuePeriods } from '../mailboxes/period-ends.ts'
import { pictureJpeg } from '../mailboxes/pictures.ts'
import { at, type Reply, textAt } from '../testing/test-api.ts'
import { connectionBody, startTestGoogle, type TestGoogle } from '../testing/test-google.ts'
import { plain, red } from '../testing/test-pictures.ts'

let t: TestGoogle
let made = 0
/** The address of each test's mailbox. */
let ann = ''

before(async () => {
  t = await startTestGoogle()
})
after(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.google.users.clear()
  ann = `ann${++made}@demo.test`
})
afterEach(() => {
  t.google.seats = 1000
  assert.deepEqual([t.google.complaints, t.google.faults], [[], []])
})

async function change(method: string, path: string, body?: unknown, workspace?: string): Promise<Reply> {
  const reply = await t.api.call(method, path, {
    ...(body === undefined ? {} : { body }),
    ...(workspace === undefined ? {} : { headers: { 'mailwright-workspace': workspace } }),
  })
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`)
  return reply
}

async function standing(address: string): Promise<unknown[]> {
  const remote = await t.remote(address)
  return ['state', 'drift', 'untold', 'last_error'].map((name) => at(remote, name))
}

test('renamed, the old address is an alias there for as long as it is one here', async () => {
  const anna = `anna${made}@demo.test`
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  await change('POST', `/v1/mailboxes/${ann}/rename`, { address: anna, alias_days: 30 })
  await t.pass()
  assert.deepEqual([user.primaryEmail, user.aliases], [anna, [ann]])
  assert.deepEqual(await standing(anna), ['ready', [], [], null])
  t.api.platform.clock.advance?.('P31D')
  await expireAliases(t.api.platform)
  await t.pass()
  assert.deepEqual([user.primaryEmail, user.aliases], [anna, []])
  await change('POST', `/v1/mailboxes/${anna}/rename`, { address: ann, alias_days: 0 })
  await t.pass()
  assert.deepEqual([user.primaryEmail, user.aliases], [ann, []])
  assert.deepEqual(await standing(ann), ['ready', [], [], null])
  assert.equal(t.google.users.size, 1)
})

test('renamed and given a picture before it is there, it is made so', async () => {
  const anna = `anna${made}@demo.test`
  await t.create(ann)
  await change('POST', `/v1/mailboxes/${ann}/rename`, { address: anna, alias_days: 0 })
  await change('PUT', `/v1/mailboxes/${anna}/picture`, await redPicture())
  await t.pass()
  assert.equal(await t.stateOf(anna), 'active')
  const user = t.google.user(anna)
  assert.deepEqual([t.google.users.size, user.aliases], [1, []])
  assert.notEqual(user.photo, null)
})

const redPicture = async () => ({ content_base64: (await plain(red).png().toBuffer()).toString('base64') })

test('a picture is there as it is shown here, and goes', async () => {
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  const { json } = await change('PUT', `/v1/mailboxes/${ann}/picture`, await redPicture())
  await t.pass()
  assert.deepEqual(user.photo, await pictureJpeg(t.api.platform.db, textAt(json, 'id')))
  assert.equal(user.photo?.readUInt16BE(0), 0xffd8)
  await change('DELETE', `/v1/mailboxes/${ann}/picture`)
  await t.pass()
  assert.equal(user.photo, null)
  assert.deepEqual(await standing(ann), ['ready', [], [], null])
})

test('a restore that finds no seat is had by a retry when there is one', async () => {
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  await change('DELETE', `/v1/mailboxes/${ann}`)
  await t.pass()
  t.google.seats = 0
  await change('POST', `/v1/mailboxes/${ann}/restore`)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'failed')
  assert.equal(at(await t.remote(ann), 'error_kind'), 'no_seats')
  t.google.seats = 1
  await change('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  await t.pass(5)
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(user.deletedMs, null)
})

test('a user that is deleted there before it is ready is restored by a retry', async () => {
  t.google.delays.ready = 60_000
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  user.deletedMs = t.google.now()
  await t.pass(60)
  assert.equal(await t.stateOf(ann), 'failed')
  await change('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  await t.pass(60)
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(user.deletedMs, null)
  t.google.delays.ready = 0
})

test('a mailbox whose deletion the service refused comes back all the same', async () => {
  await t.create(ann)
  await t.pass()
  t.google.faults.push({ on: /^DELETE \/users/, status: 400, reason: 'invalid' })
  await change('DELETE', `/v1/mailboxes/${ann}`)
  await t.pass()
  assert.equal(at(await t.remote(ann), 'state'), 'failed')
  await change('POST', `/v1/mailboxes/${ann}/restore`)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'active')
  assert.deepEqual(await standing(ann), ['ready', [], [], null])
})

test('removed at its period’s end, it is restorable here no longer than there', async () => {
  const { clock } = t.api.platform
  await t.create(ann)
  await t.pass()
  await change('POST', `/v1/mailboxes/${ann}/cancel`)
  clock.advance?.('P32D')
  await endDuePeriods(t.api.platform)
  const { json } = await change('GET', `/v1/mailboxes/${ann}`)
  assert.equal(textAt(json, 'state'), 'deletion_scheduled')
  assert.ok(Date.parse(textAt(json, 'purge_at')) <= clock.now().getTime() + 20 * 86_400_000)
})

test('an alias goes there with its domain', async () => {
  const domain = `second${made}.test`
  t.google.domains.set(domain, true)
  await change('POST', '/v1/domains', { name: domain })
  await t.create(ann)
  await change('POST', `/v1/mailboxes/${ann}/aliases`, { address: `a@${domain}` })
  await t.pass()
  const user = t.google.user(ann)
  assert.deepEqual(user.aliases, [`a@${domain}`])
  await change('DELETE', `/v1/domains/${domain}`)
  await t.pass()
  assert.deepEqual(user.aliases, [])
})

test('the connection of a deleted workspace goes when its last user is deleted there', async () => {
  const { db } = t.api.platform
  const workspace = textAt((await change('POST', '/v1/workspaces', { name: 'Gone' })).json, 'id')
  const [domain, address] = [`gone${made}.test`, `ann@gone${made}.test`]
  t.google.domains.set(domain, true)
  await change('POST', '/v1/service-connections', connectionBody(t.google), workspace)
  await change('POST', '/v1/domains', { name: domain }, workspace)
  await change('POST', '/v1/mailboxes', { address, service: 'google' }, workspace)
  await t.pass()
  const user = t.google.user(address)
  await change('DELETE', `/v1/mailboxes/${address}?purge=true`, undefined, workspace)
  await change('DELETE', `/v1/domains/${domain}`, undefined, workspace)
  await change('DELETE', `/v1/workspaces/${workspace}`)
  const connections = () =>
    db.selectFrom('service_connections').select('id').where('workspace_id', '=', workspace).execute()
  await t.pass()
  assert.notEqual(user.deletedMs, null)
  assert.equal((await connections()).length, 1)
  await t.pass()
  assert.deepEqual(await connections(), [])
  const events = db.selectFrom('events').select('type').where('workspace_id', '=', workspace)
  assert.ok((await events.execute()).some(({ type }) => type === 'service_connection.deleted'))
})
