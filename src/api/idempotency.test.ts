/** Idempotency-Key on every POST, and previews, which leave nothing behind. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import {
  at,
  type CallOptions,
  type Reply,
  refusal,
  startTestApi,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

let keys = 0
const newKey = (): string => `key-${++keys}`
const post = (path: string, body: unknown, idempotencyKey: string, more: CallOptions = {}): Promise<Reply> =>
  api.call('POST', path, { body, ...more, headers: { 'idempotency-key': idempotencyKey, ...more.headers } })

/** How many rows each table has that a call could write to. */
async function rowCounts(): Promise<unknown> {
  const { rows } = await sql`
    select (select count(*) from events) as events, (select count(*) from mailboxes) as mailboxes,
      (select count(*) from addresses) as addresses, (select count(*) from mailbox_passwords) as passwords,
      (select count(*) from mailbox_batches) as batches, (select count(*) from folders) as folders,
      (select count(*) from domains) as domains, (select count(*) from idempotency_keys) as idempotency_keys,
      (select count(*) from graphile_worker.jobs) as jobs,
      (select string_agg(id::text || state || version, ',' order by id) from mailboxes) as states`.execute(
    api.platform.db,
  )
  return rows[0]
}

const posts: [path: string, body: (n: number) => unknown, status: number][] = [
  ['/v1/mailboxes', (n) => ({ address: `idem${n}@demo.test` }), 201],
  [
    '/v1/mailboxes',
    (n) => ({ mailboxes: [{ address: `idem-many${n}@demo.test` }, { address: 'bad' }] }),
    200,
  ],
  ['/v1/domains', (n) => ({ name: `idem${n}.test` }), 201],
  ['/v1/workspaces', (n) => ({ name: `Idem ${n}` }), 201],
  ['/v1/api-keys', (n) => ({ name: `Idem ${n}` }), 201],
  ['/v1/mailboxes/user@demo.test/password', () => undefined, 200],
  ['/v1/mailboxes/user@demo.test/suspend', () => ({}), 200],
  ['/v1/test/clock', () => ({ advance: 'PT1S' }), 200],
]
test('the same call again gets the first reply again, and has no second effect', async () => {
  await api.createMailbox('user@demo.test')
  for (const [n, [path, body, status]] of posts.entries()) {
    const key = newKey()
    const first = await post(path, body(n), key)
    assert.equal(first.status, status, path)
    assert.equal(first.headers.get('idempotency-replayed'), null)
    const before = await rowCounts()
    const again = await post(path, body(n), key)
    assert.deepEqual([again.status, again.text], [first.status, first.text], path)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    for (const name of ['location', 'etag', 'cache-control', 'content-type']) {
      assert.equal(again.headers.get(name), first.headers.get(name), name)
    }
    assert.deepEqual(await rowCounts(), before, path)
  }
})

test('the same key with anything else is refused', async () => {
  const key = newKey()
  const body = { address: 'reuse@demo.test' }
  assert.equal((await post('/v1/mailboxes', body, key)).status, 201)
  const other = textAt((await api.call('POST', '/v1/workspaces', { body: { name: 'W' } })).json, 'id')
  const rows: [string, unknown, CallOptions?][] = [
    ['/v1/mailboxes', { address: 'reuse2@demo.test' }],
    ['/v1/domains', { name: 'reuse.test' }],
    ['/v1/mailboxes/reuse@demo.test/suspend', undefined],
    ['/v1/mailboxes', body, { headers: { 'mailwright-workspace': other } }],
    ['/v1/mailboxes', body, { key: await api.key({ access: 'read' }) }],
  ]
  for (const [path, sent, more] of rows) {
    assert.equal(refusal(await post(path, sent, key, more)), '409 idempotency_key_reused')
  }
  assert.equal((await post('/v1/mailboxes', body, key)).headers.get('idempotency-replayed'), 'true')
})

test('another organization’s key of the same text is another key', async () => {
  const other = await api.tenant()
  const key = newKey()
  assert.equal((await post('/v1/domains', { name: 'first.test' }, key)).status, 201)
  const reply = await post('/v1/domains', { name: 'second.test' }, key, { key: other.key })
  assert.deepEqual([reply.status, at(reply.json, 'workspace_id')], [201, other.workspaceId])
})

test('of the same calls at the same moment one has the effect, and all get its reply', async () => {
  const key = newKey()
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => post('/v1/mailboxes', { address: 'at-once@demo.test' }, key)),
  )
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [201])
  assert.equal(new Set(replies.map(({ text }) => text)).size, 1)
  assert.equal(replies.filter(({ headers }) => headers.get('idempotency-replayed') === null).length, 1)
})

test('a refused call leaves its key free', async () => {
  const key = newKey()
  const body = { address: 'later@later.test' }
  assert.equal(refusal(await post('/v1/mailboxes', body, key)), '404 domain_not_found')
  await api.call('POST', '/v1/domains', { body: { name: 'later.test' } })
  assert.equal((await post('/v1/mailboxes', body, key)).status, 201)
})

for (const key of ['', 'has space', 'x'.repeat(256), 'é']) {
  test(`no key: ${JSON.stringify(key).slice(0, 20)}`, async () => {
    const reply = await post('/v1/domains', { name: 'k.test' }, key)
    assert.equal(refusal(reply), '400 idempotency_key_invalid')
  })
}

test('a preview says what would happen and leaves nothing, not even its idempotency key', async () => {
  await api.createMailbox('old@demo.test')
  await api.call('POST', '/v1/domains', { body: { name: 'empty.test' } })
  const old = textAt((await api.call('GET', '/v1/mailboxes/old@demo.test')).json, 'id')
  const empty = textAt((await api.call('GET', '/v1/domains/empty.test')).json, 'id')
  const made = { id: null, state: 'active' }
  const one = { ...made, type: 'mailbox', action: 'create', name: 'p1@demo.test' }
  const rows: [method: string, path: string, body: object | undefined, objects: object[]][] = [
    ['POST', '/v1/mailboxes', { address: 'p1@demo.test', preview: true }, [one]],
    [
      'POST',
      '/v1/mailboxes',
      {
        mailboxes: [{ address: 'p1@demo.test' }, { address: 'bad' }, { address: 'p2@demo.test' }],
        preview: true,
      },
      [one, { ...one, name: 'p2@demo.test' }],
    ],
    [
      'POST',
      '/v1/domains',
      { name: 'p.example', preview: true },
      [{ type: 'domain', action: 'create', id: null, name: 'p.example', state: 'pending_records' }],
    ],
    [
      'DELETE',
      '/v1/mailboxes/old@demo.test?preview=true',
      undefined,
      [{ type: 'mailbox', action: 'delete', id: old, name: 'old@demo.test', state: 'deletion_scheduled' }],
    ],
    [
      'DELETE',
      '/v1/mailboxes/old@demo.test?preview=true&purge=true',
      undefined,
      [{ type: 'mailbox', action: 'purge', id: old, name: 'old@demo.test', state: 'deleted' }],
    ],
    [
      'DELETE',
      '/v1/domains/empty.test?preview=true',
      undefined,
      [{ type: 'domain', action: 'delete', id: empty, name: 'empty.test', state: 'deleted' }],
    ],
  ]
  const heard: string[] = []
  const unsubscribe = api.platform.bus.subscribe(({ type }) => heard.push(type))
  for (const [method, path, body, objects] of rows) {
    const before = await rowCounts()
    const reply = await api.call(method, path, { body, headers: { 'idempotency-key': newKey() } })
    assert.equal(reply.status, 200, path)
    assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
    const { problems, ...rest } = Object(reply.json)
    assert.deepEqual(rest, {
      preview: true,
      charge: { amount: 0, currency: 'USD' },
      dns_changes: [],
      objects,
    })
    if (problems) {
      assert.deepEqual([at(problems, 0, 'index'), at(problems, 0, 'problem', 'code')], [1, 'address_invalid'])
    }
    assert.deepEqual(await rowCounts(), before, path)
  }
  unsubscribe()
  assert.deepEqual(heard, [])
})

test('a preview refuses what the real call would refuse', async () => {
  const mailbox = { address: 'old@demo.test', preview: true }
  assert.equal(refusal(await api.call('POST', '/v1/mailboxes', { body: mailbox })), '409 address_taken')
  assert.equal(
    refusal(await api.call('DELETE', '/v1/domains/demo.test?preview=true')),
    '409 domain_not_empty',
  )
})

test('preview: false is the real call', async () => {
  const body = { address: 'real@demo.test', preview: false }
  assert.equal((await api.call('POST', '/v1/mailboxes', { body })).status, 201)
})
