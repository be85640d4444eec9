/** Mailboxes at Google that a request made: in a workspace with a connection, which has nothing to do with them. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { sql } from 'kysely'
import { at, type Reply, refusal, textAt } from '../testing/test-api.ts'
import { startTestGoogle, type TestGoogle } from '../testing/test-google.ts'
import { plain, red } from '../testing/test-pictures.ts'

let t: TestGoogle
let usual = 0
before(async () => {
  t = await startTestGoogle()
  usual = t.google.requests.length
})
after(() => t[Symbol.asyncDispose]())
afterEach(() => assert.equal(t.google.requests.length, usual, 'nothing is asked of Google'))

async function ask(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await t.api.call(method, path, body === undefined ? {} : { body })
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`)
  return reply
}

async function requested(...addresses: string[]) {
  const mailboxes = addresses.map((address) => ({ address }))
  const { json } = await ask('POST', '/v1/mailbox-requests', { service: 'google', mailboxes })
  const ids = addresses.map((_, index) => textAt(json, 'data', index, 'request', 'id'))
  return { ids, batch: `/v1/batches/${textAt(json, 'batch_id')}`, batchId: textAt(json, 'batch_id') }
}

const become = (id: string | undefined, state: string) =>
  ask('PATCH', `/v1/mailbox-requests/${id}`, { state })

async function mailbox(ref: string): Promise<unknown> {
  return (await ask('GET', `/v1/mailboxes/${ref}`)).json
}

test('their period begins when they are active, and their batch is complete with the last', async () => {
  const { ids, batch, batchId } = await requested('ann@demo.test', 'bob@demo.test')
  await t.pass(3600)
  const before = await mailbox('ann@demo.test')
  assert.deepEqual([at(before, 'state'), at(before, 'period_ends_at')], ['provisioning', null])
  await become(ids[0], 'completed')
  const active = await mailbox('ann@demo.test')
  assert.equal(at(active, 'state'), 'active')
  assert.ok(Date.parse(textAt(active, 'period_ends_at')) > Date.parse(textAt(active, 'state_changed_at')))
  const half = (await ask('GET', batch)).json
  assert.deepEqual([at(half, 'created'), at(half, 'pending'), at(half, 'completed_at')], [1, 1, null])
  await become(ids[1], 'completed')
  const whole = (await ask('GET', batch)).json
  assert.deepEqual([at(whole, 'created'), at(whole, 'pending')], [2, 0])
  assert.notEqual(at(whole, 'completed_at'), null)
  const { rows } = await sql<{ type: string }>`select type from events
    where data ->> 'batch_id' = ${batchId} order by id`.execute(t.api.platform.db)
  assert.deepEqual(
    rows.map(({ type }) => type),
    ['batch.progress', 'batch.completed'],
  )
})

test('they are changed, deleted and restored here alone', async () => {
  const { ids } = await requested('cid@demo.test')
  await become(ids[0], 'completed')
  const path = '/v1/mailboxes/cid@demo.test'
  const content_base64 = (await plain(red).png().toBuffer()).toString('base64')
  await ask('PATCH', path, { first_name: 'Cid' })
  await ask('PUT', `${path}/picture`, { content_base64 })
  await ask('POST', `${path}/password`, { password: 'another fine password 8' })
  await ask('POST', `${path}/aliases`, { address: 'c@demo.test' })
  await ask('POST', `${path}/suspend`)
  await ask('POST', `${path}/resume`)
  await ask('POST', `${path}/rename`, { address: 'cid2@demo.test' })
  await t.pass(60)
  for (const [method, action] of [
    ['GET', 'remote'],
    ['POST', 'remote/retry'],
  ] as const) {
    assert.equal(refusal(await t.api.call(method, `${path}/${action}`)), '404 mailbox_not_remote')
  }
  await ask('DELETE', path)
  await t.pass(60)
  await ask('POST', `${path}/restore`)
  assert.equal(at(await mailbox('cid2@demo.test'), 'state'), 'active')
  await ask('DELETE', `${path}?purge=true`)
  await t.pass(60)
  assert.equal((await t.api.call('GET', path)).status, 404)
})

test('they are deleted and restored with their domain', async () => {
  await ask('POST', '/v1/domains', { name: 'whole.test' })
  const { ids } = await requested('ann@whole.test')
  await become(ids[0], 'completed')
  await ask('DELETE', '/v1/domains/whole.test?with_mailboxes=true')
  assert.equal(at(await mailbox('ann@whole.test'), 'state'), 'deletion_scheduled')
  await ask('POST', '/v1/domains/whole.test/restore')
  assert.equal(at(await mailbox('ann@whole.test'), 'state'), 'active')
})

test('an open request has the address that its mailbox was renamed to', async () => {
  const { ids } = await requested('dan@demo.test')
  await ask('POST', '/v1/mailboxes/dan@demo.test/rename', { address: 'daniel@demo.test', alias_days: 0 })
  const { json } = await ask('GET', `/v1/mailbox-requests/${ids[0]}`)
  assert.equal(textAt(json, 'address'), 'daniel@demo.test')
})

test('a failed one is not renamed: its address is somebody else’s by now', async () => {
  const { ids } = await requested('eve@demo.test')
  const id = textAt(await mailbox('eve@demo.test'), 'id')
  await become(ids[0], 'failed')
  const other = textAt((await ask('POST', '/v1/mailboxes', { address: 'eve@demo.test' })).json, 'id')
  for (const alias_days of [0, 30]) {
    const body = { address: 'eva@demo.test', alias_days }
    const refused = await t.api.call('POST', `/v1/mailboxes/${id}/rename`, { body })
    assert.equal(refusal(refused), '409 mailbox_state_conflict')
  }
  assert.equal(textAt(await mailbox('eve@demo.test'), 'id'), other)
})

test('they do not keep a connection from being deleted', async () => {
  const { ids } = await requested('fay@demo.test')
  await become(ids[0], 'completed')
  await ask('DELETE', `/v1/service-connections/${t.connectionId}`)
  assert.equal(at(await mailbox('fay@demo.test'), 'state'), 'active')
})
