/** Batches by API: counts and items as they are now, and the events that tell of them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { activateWaitingMailboxes, addActivation } from '../mailboxes/domain-activation.ts'
import { transaction } from '../platform/database.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_LOG_LEVEL: 'silent' } }) // one call is made to fail
  for (const name of ['slow.example', 'slower.example']) await connect(name)
})
after(() => api[Symbol.asyncDispose]())

const connect = (name: string): Promise<Reply> => api.call('POST', '/v1/domains', { body: { name } })

async function createBatch(...addresses: string[]): Promise<string> {
  const body = { mailboxes: addresses.map((address) => ({ address })) }
  return textAt((await api.call('POST', '/v1/mailboxes', { body })).json, 'batch_id')
}

async function counts(batch: string): Promise<string> {
  const { json } = await api.call('GET', `/v1/batches/${batch}`)
  return ['requested', 'created', 'pending', 'failed', 'deleted'].map((name) => at(json, name)).join(' ')
}

async function events(batch: string): Promise<string[]> {
  const { rows } = await sql<{ type: string; data: unknown }>`
    select type, data from events where data ->> 'batch_id' = ${batch} order by xid, id`.execute(
    api.platform.db,
  )
  return rows.map(({ type, data }) => `${type} ${at(data, 'created')}/${at(data, 'pending')}`)
}

/** As a look at its records would. */
async function activate(name: string): Promise<void> {
  await transaction(api.platform.db, async (tx) => {
    const { id } = await tx
      .updateTable('domains')
      .set({ state: 'active' })
      .where('name', '=', name)
      .returning('id')
      .executeTakeFirstOrThrow()
    await addActivation(tx, id)
  })
  await runJobs(api.platform, handlersWith({ 'domains.make_dkim_keys': async () => undefined }))
}

test('counts follow the mailboxes, progress is told in sets, and completion once', async () => {
  const batch = await createBatch(
    'a@demo.test',
    'a@slow.example',
    'b@slow.example',
    'a@slower.example',
    'a@nowhere.test',
    'b@demo.test',
  )
  assert.equal(await counts(batch), '6 2 3 1 0')
  assert.deepEqual(await events(batch), [])
  await activate('slow.example')
  assert.equal(await counts(batch), '6 4 1 1 0')
  assert.deepEqual(await events(batch), ['batch.progress 4/1'])
  await activate('slower.example')
  assert.deepEqual(await events(batch), ['batch.progress 4/1', 'batch.completed 5/0'])
  await api.call('DELETE', '/v1/mailboxes/b@demo.test')
  assert.equal(await counts(batch), '6 4 0 1 1')
  await api.call('POST', '/v1/mailboxes/b@demo.test/restore')
  await api.call('POST', '/v1/mailboxes/b@demo.test/suspend')
  assert.equal(await counts(batch), '6 5 0 1 0')
  assert.equal((await events(batch)).length, 2)
  assert.ok(
    !Number.isNaN(Date.parse(textAt((await api.call('GET', `/v1/batches/${batch}`)).json, 'completed_at'))),
  )
})

test('of mailboxes that now wait for their service instead of their domain there is nothing to tell', async () => {
  await connect('cloudy.example')
  const batch = await createBatch('x@cloudy.example')
  await sql`update mailboxes set service = 'google' where address = 'x@cloudy.example'`.execute(
    api.platform.db,
  )
  await activate('cloudy.example')
  assert.equal(await counts(batch), '1 0 1 0 0')
  assert.deepEqual(await events(batch), [])
})

test('domains that become active at the same moment complete their batch once', async () => {
  const names = Array.from({ length: 4 }, (_, n) => `same${n}.example`)
  for (const name of names) await connect(name)
  const batch = await createBatch(...names.flatMap((name) => [`a@${name}`, `b@${name}`]))
  const { db } = api.platform
  const domains = await db
    .updateTable('domains')
    .set({ state: 'active' })
    .where('name', 'in', names)
    .returning('id')
    .execute()
  await Promise.all(domains.map(({ id }) => activateWaitingMailboxes(api.platform, id)))
  const told = await events(batch)
  assert.deepEqual(
    told.filter((one) => one.startsWith('batch.completed')),
    ['batch.completed 8/0'],
  )
  assert.equal(told.length, names.length)
})

test('a batch without anything pending is completed at once, and one whose last pending mailbox is deleted then', async () => {
  const batch = await createBatch('c@demo.test', 'no address')
  assert.deepEqual(await events(batch), ['batch.completed 1/0'])
  await connect('slowest.example')
  const waiting = await createBatch('x@slowest.example', 'd@demo.test')
  assert.deepEqual(await events(waiting), [])
  await api.call('DELETE', '/v1/mailboxes/x@slowest.example')
  assert.deepEqual(await events(waiting), ['batch.completed 1/0'])
  assert.equal(await counts(waiting), '2 1 0 0 1')
})

test('mailboxes that go with their domain complete a batch', async () => {
  await connect('gone.example')
  const batch = await createBatch('x@gone.example', 'y@gone.example')
  await api.call('DELETE', '/v1/domains/gone.example?with_mailboxes=true')
  assert.deepEqual(await events(batch), ['batch.completed 0/0'])
  assert.equal(await counts(batch), '2 0 0 0 2')
})

test('items come in pages, in the order of the call, each as it is now', async () => {
  const addresses = ['z@demo.test', 'no-at', 'y@nowhere.test', 'x@demo.test', 'z@demo.test']
  const batch = await createBatch(...addresses)
  const seen: unknown[] = []
  for (let path = `/v1/batches/${batch}/items?limit=2`; ; ) {
    const { status, json } = await api.call('GET', path)
    assert.equal(status, 200)
    seen.push(...[at(json, 'data')].flat())
    const cursor = at(json, 'next_cursor')
    if (cursor === null) break
    path = `/v1/batches/${batch}/items?limit=2&cursor=${cursor}`
  }
  assert.deepEqual(
    seen.map((item) => [
      at(item, 'index'),
      at(item, 'address'),
      at(item, 'status'),
      at(item, 'problem', 'code'),
    ]),
    [
      [0, 'z@demo.test', 'created', undefined],
      [1, 'no-at', 'failed', 'address_invalid'],
      [2, 'y@nowhere.test', 'failed', 'domain_not_found'],
      [3, 'x@demo.test', 'created', undefined],
      [4, 'z@demo.test', 'failed', 'address_repeated'],
    ],
  )
  const mailbox = await api.call('GET', '/v1/mailboxes/x@demo.test')
  assert.equal(at(seen[3], 'mailbox_id'), at(mailbox.json, 'id'))
  assert.equal(at(seen[3], 'mailbox_state'), 'active')
  assert.equal(at(seen[1], 'mailbox_id'), null)
  for (const cursor of ['AAAA', mailboxCursor(textAt(mailbox.json, 'id'))]) {
    const reply = await api.call('GET', `/v1/batches/${batch}/items?cursor=${cursor}`)
    assert.equal(refusal(reply), '400 invalid_cursor')
  }
})

function mailboxCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
}

test('the list has every batch of the workspace with its counts', async () => {
  const batch = await createBatch('listed@demo.test')
  const last: unknown[] = []
  for (let path = '/v1/batches?limit=2'; ; ) {
    const { json } = await api.call('GET', path)
    last.push(...[at(json, 'data')].flat())
    if (at(json, 'next_cursor') === null) break
    path = `/v1/batches?limit=2&cursor=${at(json, 'next_cursor')}`
  }
  const found = last.find((one) => at(one, 'id') === batch)
  assert.deepEqual(found, (await api.call('GET', `/v1/batches/${batch}`)).json)
  assert.equal(new Set(last.map((one) => at(one, 'id'))).size, last.length)
  const bound = await api.key({
    workspaceId: api.scope.workspaceId,
    mailboxId: textAt((await api.call('GET', '/v1/mailboxes/listed@demo.test')).json, 'id'),
  })
  for (const path of ['/v1/batches', `/v1/batches/${batch}`, `/v1/batches/${batch}/items`]) {
    assert.equal(refusal(await api.call('GET', path, { key: bound })), '403 forbidden', path)
  }
})

test('the same call again gives the same set, also after its transaction was lost', async () => {
  const body = { mailboxes: Array.from({ length: 1500 }, (_, n) => ({ address: `again${n}@demo.test` })) }
  const headers = { 'idempotency-key': 'again' }
  const send = (): Promise<Reply> => api.call('POST', '/v1/mailboxes', { body, headers })
  const made = async (): Promise<number> => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from mailboxes where address like 'again%'`.execute(api.platform.db)
    return rows[0]?.count ?? -1
  }
  // The connection of the call dies when its first mailboxes are being inserted, as it would with the node.
  await sql`create function die() returns trigger language plpgsql as $$
    begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`.execute(api.platform.db)
  await sql`create trigger die before insert on mailboxes for each statement execute function die()`.execute(
    api.platform.db,
  )
  assert.equal((await send()).status, 500)
  await sql`drop trigger die on mailboxes`.execute(api.platform.db)
  assert.equal(await made(), 0)
  const first = await send()
  assert.equal(first.status, 200)
  assert.equal(await made(), 1500)
  const again = await send()
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.deepEqual(again.json, first.json)
  assert.equal(await made(), 1500)
  assert.equal(await counts(textAt(first.json, 'batch_id')), '1500 1500 0 0 0')
})
