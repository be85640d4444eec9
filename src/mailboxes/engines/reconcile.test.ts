/** Crashes, nodes that are gone, many at a time, and what others change at the service. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestGoogle, type TestGoogle } from '../../testing/test-google.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { claimNext } from './claims.ts'
import { driverOf } from './connection-health.ts'
import { reconcileDue } from './due.ts'
import { observeAll } from './observe.ts'
import { enginePolicy } from './policy.ts'
import { ClaimLost, note } from './run.ts'

let t: TestGoogle
let made = 0
let ann = ''

before(async () => {
  t = await startTestGoogle()
})
after(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.google.users.clear()
  ann = `ann${++made}@demo.test`
})
afterEach(() => assert.deepEqual([t.google.complaints, t.google.faults], [[], []]))

const creations = (): number => t.google.requests.filter((line) => line === 'POST /users').length

test('a creation whose answer is lost makes no second user', async () => {
  t.google.faults.push({ on: /^POST \/users$/, status: 0, lost: true })
  const before = creations()
  await t.create(ann)
  await t.pass()
  assert.equal(t.google.users.size, 1)
  assert.deepEqual(
    [at(await t.remote(ann), 'state'), at(await t.remote(ann), 'remote_id')],
    ['creating', null],
  )
  await t.pass(60)
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(textAt(await t.remote(ann), 'remote_id'), t.google.user(ann).id)
  assert.equal(creations(), before + 1)
})

test('nor one that is not found at once: the conflict tells', async () => {
  t.google.delays = { visible: 30_000, complete: 30_000, ready: 30_000 }
  t.google.faults.push({ on: /^POST \/users$/, status: 0, lost: true })
  await t.create(ann)
  await t.pass()
  await t.pass(10)
  assert.equal(await t.stateOf(ann), 'provisioning')
  await t.pass(60)
  await t.pass(60)
  assert.equal(await t.stateOf(ann), 'active')
  assert.equal(t.google.users.size, 1)
  t.google.delays = { visible: 0, complete: 0, ready: 0 }
})

test('a creation whose answer is lost, of a mailbox that is purged meanwhile, leaves nothing there', async () => {
  t.google.faults.push({ on: /^POST \/users$/, status: 0, lost: true })
  await t.create(ann)
  await t.pass()
  await t.api.call('DELETE', `/v1/mailboxes/${ann}?purge=true`)
  await t.pass(60)
  assert.notEqual(t.google.user(ann).deletedMs, null)
})

test('a node that dies in a run is followed by another', async () => {
  await t.create(ann)
  const { platform } = t.api
  const claim = await claimNext(platform, t.connectionId)
  assert.ok(claim !== null && claim !== 'busy')
  await t.pass()
  assert.equal(t.google.users.size, 0) // the dead node's claim holds
  await t.pass(enginePolicy.claimMs / 1000 + 1)
  assert.equal(await t.stateOf(ann), 'active')
})

test('a run whose claim was taken over writes nothing', async () => {
  const { platform } = t.api
  await t.create(ann)
  const stolen = { claim_id: '01980000-0000-7000-8000-000000000000', claimed_until: new Date(0) }
  const claim = await claimNext(platform, t.connectionId)
  assert.ok(claim !== null && claim !== 'busy')
  await platform.db
    .updateTable('mailbox_remotes')
    .set(stolen)
    .where('mailbox_id', '=', claim.remote.mailbox_id)
    .execute()
  const mailbox = await platform.db
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', claim.remote.mailbox_id)
    .executeTakeFirstOrThrow()
  const run = { claim, mailbox, remote: claim.remote, driver: driverOf(platform, claim.connection) }
  await assert.rejects(note(platform, run, { state: 'creating' }), ClaimLost)
  await t.pass()
  assert.equal(await t.stateOf(ann), 'active')
})

test('no more mailboxes of a connection are worked on at a time than may be', async () => {
  const { platform } = t.api
  for (const name of ['a', 'b', 'c']) await t.create(`${name}${made}@demo.test`)
  const claims = [await claimNext(platform, t.connectionId), await claimNext(platform, t.connectionId)]
  assert.ok(claims.every((claim) => claim !== null && claim !== 'busy'))
  assert.equal(await claimNext(platform, t.connectionId), 'busy')
  await t.pass(enginePolicy.claimMs / 1000 + 1)
  assert.equal(t.google.users.size, 3)
})

test('a whole batch', async () => {
  const mailboxes = Array.from({ length: 25 }, (_, index) => ({
    address: `batch${index}@demo.test`,
    service: 'google',
  }))
  const reply = await t.api.call('POST', '/v1/mailboxes', { body: { mailboxes } })
  assert.equal(at(reply.json, 'data', 24, 'status'), 'pending')
  await t.pass()
  assert.equal(t.google.users.size, 25)
  for (const { address } of mailboxes) assert.equal(await t.stateOf(address), 'active')
})

test('what changes while a run is under way is not taken for done', async () => {
  await t.create(ann)
  await t.pass()
  const rename = (name: string) => t.api.call('PATCH', `/v1/mailboxes/${ann}`, { body: { first_name: name } })
  await rename('Anna')
  t.google.before = async (line) => {
    if (!line.startsWith('PATCH /users/')) return
    t.google.before = null
    await rename('Annie')
  }
  await t.pass()
  assert.equal(t.google.before, null)
  assert.equal(t.google.user(ann).name.givenName, 'Annie')
})

test('a mailbox that is deleted while it is made does not stay there', async () => {
  t.google.before = async (line) => {
    if (line !== 'POST /users') return
    t.google.before = null
    await t.api.call('DELETE', `/v1/mailboxes/${ann}?purge=true`)
  }
  await t.create(ann)
  await t.pass()
  await t.pass(60)
  assert.notEqual(t.google.user(ann).deletedMs, null)
})

async function observe(): Promise<void> {
  await observeAll(t.api.platform)
  await runJobs(t.api.platform)
}

test('what an admin changes there is shown, and not undone', async () => {
  const bob = `bob${made}@demo.test`
  const cid = `cid${made}@demo.test`
  for (const address of [ann, bob, cid]) await t.create(address)
  await t.pass()
  const [first, second, third] = [ann, bob, cid].map((address) => t.google.user(address))
  assert.ok(first && second && third)
  first.suspended = true
  first.suspensionReason = 'ABUSE'
  second.primaryEmail = 'renamed@demo.test'
  third.deletedMs = t.google.now()
  t.google.usageMb.set(second.id, 3)
  t.google.pageSizeMax = 1
  await observe()
  assert.deepEqual(at(await t.remote(ann), 'drift'), ['It is suspended there.'])
  assert.equal(textAt(await t.remote(ann), 'observed', 'problem'), 'Suspended (ABUSE).')
  assert.deepEqual(at(await t.remote(bob), 'drift'), ['Its address there is renamed@demo.test.'])
  assert.equal(at(await t.remote(bob), 'usage_bytes'), 3 * 1024 ** 2)
  assert.deepEqual(at(await t.remote(cid), 'drift'), ['It is deleted there.'])
  await t.pass(3600)
  assert.deepEqual([first.suspended, second.primaryEmail], [true, 'renamed@demo.test'])
  assert.notEqual(third.deletedMs, null)
  for (const address of [bob, cid]) await t.api.call('POST', `/v1/mailboxes/${address}/remote/retry`)
  await t.pass()
  await t.pass(5)
  assert.equal(second.primaryEmail, bob)
  assert.equal(third.deletedMs, null)
  t.google.pageSizeMax = 500
})

test('a suspension by the service is not undone by other changes, and shown when it cannot be', async () => {
  await t.create(ann)
  await t.pass()
  const user = t.google.user(ann)
  user.suspended = true
  user.suspensionReason = 'ABUSE'
  await t.api.call('PATCH', `/v1/mailboxes/${ann}`, { body: { first_name: 'Anna' } })
  await t.pass()
  assert.deepEqual([user.name.givenName, user.suspended], ['Anna', true])
  await t.api.call('POST', `/v1/mailboxes/${ann}/remote/retry`)
  await t.pass()
  const remote = await t.remote(ann)
  assert.equal(user.suspended, true)
  assert.match(textAt(remote, 'last_error'), /suspended for abuse/)
  assert.equal(textAt(remote, 'error_kind'), 'rejected') // one user that we may not touch stops no other
  const connection = (await t.api.call('GET', `/v1/service-connections/${t.connectionId}`)).json
  assert.equal(textAt(connection, 'state'), 'working')
})

test('a mailbox waits until its domain is proved, wherever that sends its mail', async () => {
  const { platform } = t.api
  t.google.domains.set('proved.example', true)
  await t.api.call('POST', '/v1/domains', { body: { name: 'proved.example' } })
  const address = 'ann@proved.example'
  await t.create(address)
  await t.pass()
  assert.equal(await t.stateOf(address), 'waiting_domain')
  const domain = await platform.db
    .selectFrom('domains')
    .select('id')
    .where('name', '=', 'proved.example')
    .executeTakeFirstOrThrow()
  const records = JSON.stringify([{ purpose: 'ownership', status: 'valid' }])
  await platform.db.updateTable('domain_checks').set({ records }).where('domain_id', '=', domain.id).execute()
  await reconcileDue(platform)
  assert.equal(await t.stateOf(address), 'provisioning')
  await t.pass()
  assert.equal(await t.stateOf(address), 'active')
})

test('a mailbox is deleted and restored with its domain', async () => {
  await t.api.call('POST', '/v1/domains', { body: { name: 'whole.test' } })
  t.google.domains.set('whole.test', true)
  const address = 'ann@whole.test'
  await t.create(address)
  await t.pass()
  const user = t.google.user(address)
  assert.equal((await t.api.call('DELETE', '/v1/domains/whole.test?with_mailboxes=true')).status, 200)
  await t.pass()
  assert.notEqual(user.deletedMs, null)
  const { json } = await t.api.call('GET', `/v1/mailboxes/${address}`)
  const days = (Date.parse(textAt(json, 'purge_at')) - t.api.platform.clock.now().getTime()) / 86_400_000
  assert.ok(days <= 20)
  assert.equal((await t.api.call('POST', '/v1/domains/whole.test/restore')).status, 200)
  await t.pass()
  await t.pass(5)
  assert.equal(user.deletedMs, null)
  assert.equal(await t.stateOf(address), 'active')
})
