/** The log of events as server-sent events and over a WebSocket: what comes, the bounds and the ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { WebSocket } from 'ws'
import { transaction } from '../platform/database.ts'
import { followSocket, followStream } from '../testing/event-clients.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import {
  eventFaces,
  nameOf,
  startTestEventsApi,
  type TestEventsApi,
  untilSettled,
} from '../testing/test-events.ts'

let api: TestEventsApi
before(async () => {
  api = await startTestEventsApi()
})
after(() => api[Symbol.asyncDispose]())
beforeEach(() => api.settled()) // what the test before did

for (const [name, follow] of Object.entries(eventFaces)) {
  const path = `/v1/events/${name}`

  test(`${name}: events come as they happen, and a client that comes again misses nothing`, async () => {
    const client = await follow(api.base, path, { key: api.apiKey })
    await api.happen(['1', '2'])
    await client.until(2)
    client.close()
    await api.happen(['3'])
    const again = await follow(api.base, path, { key: api.apiKey, cursor: client.cursor() })
    await again.until(1)
    await api.happen(['4'])
    await again.until(2)
    const typed = await follow(api.base, `${path}?types=message.*`, {
      key: api.apiKey,
      cursor: client.cursor(),
    })
    assert.deepEqual([...client.seen, ...again.seen].map(nameOf), ['1', '2', '3', '4'])
    assert.deepEqual(typed.seen, [])
    again.close()
    typed.close()
  })

  test(`${name}: the cursor of a client that sees nothing moves on`, async () => {
    const client = await follow(api.base, `${path}?types=message.*`, { key: api.apiKey })
    const first = client.cursor()
    await api.happen(['unseen'])
    const witness = await follow(api.base, path, { key: api.apiKey, cursor: first })
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
    const clients = await Promise.all(Array.from({ length: 8 }, () => follow(api.base, path, { key: token })))
    await assert.rejects(follow(api.base, path, { key: token }), /429/)
    clients.pop()?.close()
    while (true) {
      const more = await follow(api.base, path, { key: token }).catch(() => null)
      if (more !== null) {
        clients.push(more)
        break
      }
    }
    await api.call('DELETE', `/v1/api-keys/${textAt(json, 'id')}`)
    await Promise.all(clients.map(({ closed }) => closed))
    await assert.rejects(follow(api.base, path, { key: token }), /401/)
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

for (const [name, follow] of Object.entries(eventFaces)) {
  test(`${name}: a key that is revoked while its request is looked at gets nothing`, async () => {
    const { address } = await api.createMailbox()
    const token = textAt((await api.call('POST', '/v1/api-keys', { body: { name: 'brief' } })).json, 'token')
    const { json } = await api.call('GET', '/v1/me', { key: token })
    let following: Promise<unknown> | null = null
    await whileMailboxesAreLocked(async (isAskedFor) => {
      following = follow(api.base, `/v1/events/${name}?mailbox=${address}`, { key: token })
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
  await api.settled()
  const authorization = `Basic ${Buffer.from(`${mailbox.address}:${password}`).toString('base64')}`
  const client = await followStream(api.base, '/v1/events/stream', { key: '', headers: { authorization } })
  await api.happen(['of the workspace'])
  await api.happen(['mine'], mailbox.mailboxId)
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
  await api.happen(['still here'])
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
  await untilSettled(mine.platform.db)
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
