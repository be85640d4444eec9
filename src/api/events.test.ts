/** GET /v1/events, and the same log as server-sent events and over a WebSocket. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { WebSocket } from 'ws'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import {
  type EventClient,
  type EventClientOptions,
  followSocket,
  followStream,
} from '../testing/event-clients.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({
    requestsPerMinute: 1e9,
    eventStreams: { perCallerMax: 8, perNodeMax: 16, heartbeatMs: 150, stallMs: 2000 },
  })
})
after(() => api[Symbol.asyncDispose]())

/** Waits until all that is committed is settled: other databases of the server may hold it back (decision 0009). */
async function settled(): Promise<void> {
  const { db } = api.platform
  const { rows } = await sql<{ xid: string }>`
    select pg_snapshot_xmax(pg_current_snapshot())::text as xid`.execute(db)
  for (let isSettled = false; !isSettled; ) {
    const { rows: found } = await sql<{ settled: boolean }>`
      select pg_snapshot_xmin(pg_current_snapshot()) >= ${rows[0]?.xid}::xid8 as settled`.execute(db)
    isSettled = found[0]?.settled ?? false
  }
}

/** Events of the default workspace by these names. */
async function happen(names: readonly string[], mailboxId: string | null = null): Promise<void> {
  const { platform, scope } = api
  const { organizationId, workspaceId } = scope
  const events = names.map((name) => ({
    type: 'workspace.updated' as const,
    organizationId,
    workspaceId,
    mailboxId,
    data: { workspace_id: workspaceId, name },
  }))
  await transaction(platform.db, (tx) => appendEvents(platform, tx, events))
  await settled()
}

const nameOf = (event: unknown): string => textAt(event, 'data', 'name')
const namesIn = ({ json }: Reply): string[] => listAt(json, 'data').map(nameOf)
async function endCursor(): Promise<string> {
  await settled()
  return textAt((await api.call('GET', '/v1/events')).json, 'next_cursor')
}

const faces: Record<string, (path: string, options: EventClientOptions) => Promise<EventClient>> = {
  stream: (path, options) => followStream(api.base, path, options),
  websocket: (path, options) => followSocket(api.base, path, options),
}

test('without a cursor it begins now, or with the oldest that is kept', async () => {
  await happen(['past'])
  const now = await api.call('GET', '/v1/events')
  assert.equal(now.status, 200)
  assert.deepEqual(at(now.json, 'data'), [])
  const start = await api.call('GET', '/v1/events?from=start&limit=1')
  const [first] = listAt(start.json, 'data')
  assert.equal(textAt(start.json, 'next_cursor'), textAt(first, 'cursor'))
  assert.deepEqual(Object.keys(Object(first)), [
    'id',
    'type',
    'created_at',
    'organization_id',
    'workspace_id',
    'mailbox_id',
    'data',
    'cursor',
  ])
})

test('pages go on where they ended, and an empty one moves on, too', async () => {
  const start = await endCursor()
  await happen(['1', '2', '3'])
  const one = await api.call('GET', `/v1/events?cursor=${start}&limit=2`)
  assert.deepEqual(namesIn(one), ['1', '2'])
  const two = await api.call('GET', `/v1/events?cursor=${textAt(one.json, 'next_cursor')}&limit=2`)
  assert.deepEqual(namesIn(two), ['3'])
  const none = await api.call('GET', `/v1/events?cursor=${textAt(two.json, 'next_cursor')}`)
  assert.deepEqual(namesIn(none), [])
  await happen(['4'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${textAt(none.json, 'next_cursor')}`)), [
    '4',
  ])
})

test('types and a mailbox narrow it; what is internal is never shown', async () => {
  const mailbox = await api.createMailbox()
  const start = await endCursor()
  await happen(['of the workspace'])
  await happen(['of the mailbox'], mailbox.mailboxId)
  const { organizationId, workspaceId } = api.scope
  const domain = { domain_id: newId(), name: 'x.test', serial: 1 }
  await transaction(api.platform.db, (tx) =>
    appendEvents(api.platform, tx, [
      { type: 'domain.zone_changed', organizationId, workspaceId, data: domain },
      { type: 'domain.deleted', organizationId, workspaceId, data: domain },
    ]),
  )
  await settled()
  const typesOf = async (query: string): Promise<unknown[]> =>
    listAt((await api.call('GET', `/v1/events?cursor=${start}${query}`)).json, 'data').map(
      (one) => `${textAt(one, 'type')} ${nameOf(one)}`,
    )
  const all = [
    'workspace.updated of the workspace',
    'workspace.updated of the mailbox',
    'domain.deleted x.test',
  ]
  assert.deepEqual(await typesOf(''), all)
  assert.deepEqual(await typesOf('&types=*'), all)
  assert.deepEqual(await typesOf('&types=domain.*,message.received'), all.slice(2))
  assert.deepEqual(await typesOf('&types=workspace.updated'), all.slice(0, 2))
  assert.deepEqual(await typesOf(`&mailbox=${mailbox.address}`), all.slice(1, 2))
  assert.deepEqual(await typesOf(`&mailbox=${mailbox.mailboxId}&types=domain.*`), [])
})

test('a request that waits is answered by the first event, or empty at the end of its time', async () => {
  const cursor = await endCursor()
  const waiting = api.call('GET', `/v1/events?cursor=${cursor}&wait=30`)
  const fromNow = api.call('GET', '/v1/events?wait=30')
  await new Promise((resolve) => setTimeout(resolve, 300)) // both wait
  await happen(['awaited'])
  assert.deepEqual(namesIn(await waiting), ['awaited'])
  const shown = await fromNow
  assert.deepEqual(namesIn(shown), ['awaited'])
  const none = await api.call('GET', `/v1/events?cursor=${textAt(shown.json, 'next_cursor')}&wait=1`)
  assert.deepEqual(namesIn(none), [])
  await happen(['later'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${textAt(none.json, 'next_cursor')}`)), [
    'later',
  ])
})

test('what cannot be is refused by every face', async () => {
  const expired = Buffer.from(await endCursor(), 'base64url')
  expired.writeUIntBE(0, 24, 6)
  const cases: [query: string, refused: string][] = [
    ['cursor=nonsense', '400 invalid_cursor'],
    [`cursor=${expired.toString('base64url')}`, '410 cursor_expired'],
    ['types=nonsense', '400 invalid_request'],
    ['types=', '400 invalid_request'],
    ['types=a.*.b', '400 invalid_request'],
    [`types=${'a.b,'.repeat(100)}a.b`, '400 invalid_request'],
    ['mailbox=nobody@demo.test', '404 mailbox_not_found'],
    ['of=all', '400 invalid_request'],
    ['nonsense=1', '400 invalid_request'],
  ]
  for (const [query, refused] of cases) {
    for (const path of ['/v1/events', '/v1/events/stream']) {
      assert.equal(refusal(await api.call('GET', `${path}?${query}`)), refused, `${path}?${query}`)
    }
    const status = refused.slice(0, 3)
    const open = followSocket(api.base, `/v1/events/websocket?${query}`, { key: api.apiKey })
    await assert.rejects(open, new RegExp(status), query)
  }
  for (const query of ['wait=56', 'wait=-1', 'limit=0', 'limit=201', 'from=middle']) {
    assert.equal(refusal(await api.call('GET', `/v1/events?${query}`)), '400 invalid_request', query)
  }
  const header = { 'last-event-id': 'nonsense' }
  assert.equal(refusal(await api.call('GET', '/v1/events/stream', { headers: header })), '400 invalid_cursor')
})

test('a key that is bound to a mailbox sees what concerns that, and no other key sees more than its own', async () => {
  const mine = await api.createMailbox()
  const other = await api.createMailbox()
  const bound = await api.key({
    workspaceId: api.scope.workspaceId,
    mailboxId: mine.mailboxId,
    access: 'read',
  })
  const stranger = await api.tenant()
  const start = await endCursor()
  const clients = await Promise.all(
    Object.entries(faces).flatMap(([name, follow]) => [
      follow(`/v1/events/${name}`, { key: bound }),
      follow(`/v1/events/${name}`, { key: stranger.key }),
    ]),
  )
  await happen(['nobody’s'])
  await happen(['other’s'], other.mailboxId)
  await happen(['mine'], mine.mailboxId)
  const page = await api.call('GET', `/v1/events?cursor=${start}`, { key: bound })
  assert.deepEqual(namesIn(page), ['mine'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${start}`, { key: stranger.key })), [])
  for (const path of ['/v1/events', '/v1/events/stream']) {
    const foreign = `${path}?mailbox=${other.address}`
    for (const key of [bound, stranger.key]) {
      assert.equal(refusal(await api.call('GET', foreign, { key })), '404 mailbox_not_found')
    }
    assert.equal(refusal(await api.call('GET', `${path}?of=organization`, { key: bound })), '403 forbidden')
    const nobody = await api.call('GET', path, { key: 'mw_unknown_key_0123456789012345678901234567' })
    assert.equal(refusal(nobody), '401 unauthenticated')
    const elsewhere = { 'mailwright-workspace': api.scope.workspaceId }
    const reply = await api.call('GET', path, { key: stranger.key, headers: elsewhere })
    assert.equal(refusal(reply), '404 workspace_not_found')
  }
  await assert.rejects(followSocket(api.base, '/v1/events/websocket', { key: 'mw_nobody' }), /401/)
  for (const [at, client] of clients.entries()) {
    if (at % 2 === 0) await client.until(1)
    assert.deepEqual(client.seen.map(nameOf), at % 2 === 0 ? ['mine'] : [])
    client.close()
  }
})

test('the organization’s own events are for who manages it', async () => {
  const start = await endCursor()
  const made = await api.call('POST', '/v1/api-keys', { body: { name: 'of the organization' } })
  assert.equal(made.status, 201)
  await settled()
  const { json } = await api.call('GET', `/v1/events?of=organization&cursor=${start}`)
  assert.deepEqual(
    listAt(json, 'data').map((one) => textAt(one, 'type')),
    ['api_key.created'],
  )
  assert.ok(!JSON.stringify(json).includes(textAt(made.json, 'token')))
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${start}`)), [])
})

for (const [name, follow] of Object.entries(faces)) {
  const path = `/v1/events/${name}`

  test(`${name}: events come as they happen, and a client that comes again misses nothing`, async () => {
    const client = await follow(path, { key: api.apiKey })
    await happen(['1', '2'])
    await client.until(2)
    client.close()
    await happen(['3'])
    const again = await follow(path, { key: api.apiKey, cursor: client.cursor() })
    await again.until(1)
    await happen(['4'])
    await again.until(2)
    const typed = await follow(`${path}?types=message.*`, { key: api.apiKey, cursor: client.cursor() })
    assert.deepEqual([...client.seen, ...again.seen].map(nameOf), ['1', '2', '3', '4'])
    assert.deepEqual(typed.seen, [])
    again.close()
    typed.close()
  })

  test(`${name}: the cursor of a client that sees nothing moves on`, async () => {
    const client = await follow(`${path}?types=message.*`, { key: api.apiKey })
    const first = client.cursor()
    await happen(['unseen'])
    const witness = await follow(path, { key: api.apiKey, cursor: first })
    await witness.until(1)
    witness.close()
    while (true) {
      const { json } = await api.call('GET', `/v1/events?cursor=${client.cursor()}`)
      if (listAt(json, 'data').length === 0) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.deepEqual(client.seen, [])
    client.close()
  })

  test(`${name}: ends with the key, and is refused past the bound`, async () => {
    const token = textAt((await api.call('POST', '/v1/api-keys', { body: { name: 'short' } })).json, 'token')
    const { json } = await api.call('GET', '/v1/me', { key: token })
    const clients = await Promise.all(Array.from({ length: 8 }, () => follow(path, { key: token })))
    await assert.rejects(follow(path, { key: token }), /429/)
    clients.pop()?.close()
    while (true) {
      const more = await follow(path, { key: token }).catch(() => null)
      if (more !== null) {
        clients.push(more)
        break
      }
    }
    await api.call('DELETE', `/v1/api-keys/${textAt(json, 'id')}`)
    await Promise.all(clients.map(({ closed }) => closed))
    await assert.rejects(follow(path, { key: token }), /401/)
  })
}

/** Has whoever asks for a mailbox wait until `work` is done. */
async function whileMailboxesAreLocked(
  work: (isAskedFor: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { db } = api.platform
  await transaction(db, async (tx) => {
    await sql`lock table mailboxes in access exclusive mode`.execute(tx)
    await work(async () => {
      for (let waiting = 0; waiting === 0; ) {
        const { rows } = await sql`select from pg_locks
          where relation = 'mailboxes'::regclass and not granted
            and database = (select oid from pg_database where datname = current_database())`.execute(db)
        waiting = rows.length
      }
    })
  })
}

for (const [name, follow] of Object.entries(faces)) {
  test(`${name}: a key that is revoked while its request is looked at gets nothing`, async () => {
    const { address } = await api.createMailbox()
    const token = textAt((await api.call('POST', '/v1/api-keys', { body: { name: 'brief' } })).json, 'token')
    const { json } = await api.call('GET', '/v1/me', { key: token })
    let following: Promise<unknown> | null = null
    await whileMailboxesAreLocked(async (isAskedFor) => {
      following = follow(`/v1/events/${name}?mailbox=${address}`, { key: token })
      following.catch(() => undefined)
      await isAskedFor()
      assert.equal((await api.call('DELETE', `/v1/api-keys/${textAt(json, 'id')}`)).status, 204)
    })
    await assert.rejects(following ?? Promise.resolve(), /401/)
  })
}

test('a client that is gone before its WebSocket is there leaves nothing behind', async () => {
  const { address } = await api.createMailbox()
  const path = '/v1/events/websocket'
  const open = await Promise.all(
    Array.from({ length: 7 }, () => followSocket(api.base, path, { key: api.apiKey })),
  )
  await whileMailboxesAreLocked(async (isAskedFor) => {
    const socket = askForSocket(api, `${path}?mailbox=${address}`)
    await isAskedFor()
    socket.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 100)) // until the server has seen it
  })
  const last = askForSocket(api, `${path}?mailbox=${address}`)
  const [text] = await once(last, 'data')
  last.destroy()
  assert.match(text, /^HTTP\/1.1 101 /, 'the one that is gone takes no place')
  for (const client of open) client.close()
})

test('an app password follows its own mailbox, until it is revoked', async () => {
  const mailbox = await api.createMailbox()
  const made = await api.call('POST', `/v1/mailboxes/${mailbox.address}/app-passwords`, {
    body: { name: 'agent' },
  })
  const password = textAt(made.json, 'password')
  const authorization = `Basic ${Buffer.from(`${mailbox.address}:${password}`).toString('base64')}`
  const client = await followStream(api.base, '/v1/events/stream', { key: '', headers: { authorization } })
  await happen(['of the workspace'])
  await happen(['mine'], mailbox.mailboxId)
  await client.until(1)
  assert.deepEqual(client.seen.map(nameOf), ['mine'])
  const id = textAt(made.json, 'id')
  assert.equal((await api.call('DELETE', `/v1/mailboxes/${mailbox.address}/app-passwords/${id}`)).status, 204)
  await client.closed
})

test('a browser gives its key as a protocol', async () => {
  const url = `${api.base.replace('http', 'ws')}/v1/events/websocket`
  const socket = new WebSocket(url, ['bearer', api.apiKey])
  const [message] = await once(socket, 'message')
  assert.equal(textAt(JSON.parse(String(message)), 'type'), 'hello')
  assert.equal(socket.protocol, 'bearer')
  socket.terminate()
  const wrong = new WebSocket(url, ['bearer', 'mw_nobody'])
  const [error] = await once(wrong, 'error')
  assert.match(String(error), /401/)
})

test('whoever asks for an upgrade elsewhere, or for none here, is answered and not left hanging', async () => {
  const plain = await api.call('GET', '/v1/events/websocket')
  assert.equal(refusal(plain), '426 websocket_expected')
  assert.equal(plain.headers.get('upgrade'), 'websocket')
  const cases: [path: string, upgrade: string, status: number][] = [
    ['/v1/nothing', 'websocket', 404],
    ['/healthz', 'websocket', 200],
    ['/v1/events', 'h2c', 200],
    ['/v1/events/websocket', 'h2c', 426],
    ['/v1/events/websocket', 'websocket', 400], // no key of a handshake
  ]
  for (const [path, upgrade, status] of cases) {
    const socket = connect(Number(new URL(api.base).port), '127.0.0.1')
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n` +
        `Authorization: Bearer ${api.apiKey}\r\n\r\n`,
    )
    const [text] = await once(socket.setEncoding('utf8'), 'data')
    socket.destroy()
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), `${upgrade} ${path}: ${text}`)
  }
})

test('what a client sends is not taken for anything, and too much of it ends the connection', async () => {
  const socket = new WebSocket(`${api.base.replace('http', 'ws')}/v1/events/websocket`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  await once(socket, 'message')
  const heard = new Promise<void>((resolve) =>
    socket.on('message', (message) => {
      if (nameOf(JSON.parse(String(message))) === 'still here') resolve()
    }),
  )
  socket.send('{"type":"subscribe"}')
  await happen(['still here'])
  await heard
  socket.send('x'.repeat(5000))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1009) // RFC 6455 §7.4.1
})

/** A client that knows no more of WebSockets than how to ask for one. */
function askForSocket({ base, apiKey }: Pick<TestApi, 'base' | 'apiKey'>, path: string): Socket {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n` +
      `Authorization: Bearer ${apiKey}\r\n\r\n`,
  )
  return socket.setEncoding('latin1')
}

/** A WebSocket whose other side takes no part in a closing handshake (RFC 6455 §7.1.2). */
async function followRudely(mine: TestApi): Promise<{ closed: Promise<unknown> }> {
  const socket = askForSocket(mine, '/v1/events/websocket')
  const [text] = await once(socket, 'data')
  assert.match(text, /^HTTP\/1.1 101 /)
  return { closed: once(socket.resume(), 'close') }
}

test('a stop ends streams and waiting requests in order', async () => {
  const mine = await startTestApi()
  const clients = [
    await followStream(mine.base, '/v1/events/stream', { key: mine.apiKey }),
    await followSocket(mine.base, '/v1/events/websocket', { key: mine.apiKey }),
    await followRudely(mine),
  ]
  const waiting = mine.call('GET', '/v1/events?wait=50')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const from = performance.now()
  await mine[Symbol.asyncDispose]()
  await Promise.all(clients.map(({ closed }) => closed))
  const reply = await waiting
  assert.equal(reply.status, 200)
  assert.deepEqual(at(reply.json, 'data'), [])
  assert.ok(performance.now() - from < 8_000, 'nothing was waited for') // a drain waits ten seconds
})
