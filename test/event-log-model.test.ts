/**
 * The event log as a whole: clients work on two nodes by SMTP, IMAP and the API, while consumers of every face are cut off
 * again and again. In the end each has seen what the table has, once, in its order. MAILWRIGHT_TEST_DISCONNECTS says
 * how often they are cut off in all.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { decodeEventCursor } from '../src/platform/event-cursor.ts'
import { internalEventTypes } from '../src/platform/event-types.ts'
import { startServer } from '../src/server.ts'
import { addressOf, type ChildServer, callApi, mailwrightProgram } from '../src/testing/child-server.ts'
import { type EventClient, followSocket, followStream } from '../src/testing/event-clients.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { freshDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'

const disconnects = Number(process.env['MAILWRIGHT_TEST_DISCONNECTS'] ?? 60)
/** However many they are, something happens while they last. */
const roundsMin = 12

const stack = new AsyncDisposableStack()
let nodes: Node[]
let database: pg.Pool
before(async () => {
  const connectionString = await freshDatabase(stack)
  const start = async (): Promise<Node> => {
    const config = testConfig({
      MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
      DATABASE_URL: connectionString,
      MAILWRIGHT_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      MAILWRIGHT_BOOTSTRAP_API_KEY: testApiKey,
    })
    const { endpoints } = stack.use(await startServer(config))
    return { endpoints, apiKey: testApiKey }
  }
  nodes = [await start(), await start()]
  database = new pg.Pool({ connectionString, max: 3 })
  stack.defer(() => database.end())
})
after(() => stack.disposeAsync())

/** Each has a bus, a feed and a tail of its own. */
type Node = Pick<ChildServer, 'endpoints' | 'apiKey'>

type Page = { data: { id: string }[]; next_cursor: string }

const whole = (number: number): number => Math.floor(Math.random() * number)
const anyNode = (): Node => {
  const node = nodes[whole(nodes.length)]
  assert.ok(node)
  return node
}
const baseOf = ({ endpoints }: Node): string => endpoints.http ?? ''

/** How often consumers were cut off, and whether the work has ended; `lastId` is then the last event that there is. */
const state = { cutOff: 0, lastId: null as string | null, hasFailed: false }

const isDone = (seen: readonly string[]): boolean =>
  state.hasFailed || (state.lastId !== null && seen.includes(state.lastId))

/** Connects, reads a little, is cut off, and goes on with the last cursor. */
async function consumeStream(start: string, follow: typeof followStream, path: string): Promise<string[]> {
  const seen: string[] = []
  for (let cursor: string | null = start; !isDone(seen); ) {
    const client: EventClient = await follow(baseOf(anyNode()), path, { key: testApiKey, cursor })
    await Promise.race([client.until(1 + whole(8)).catch(() => undefined), sleep(20 + whole(300))])
    client.close()
    cursor = client.cursor()
    seen.push(...client.seen.map(({ id }) => id))
    state.cutOff++
  }
  return seen
}

async function consumePages(start: string): Promise<string[]> {
  const seen: string[] = []
  for (let cursor = start; !isDone(seen); ) {
    try {
      const path = `/v1/events?cursor=${cursor}&wait=${whole(2)}&limit=${1 + whole(20)}`
      const reply = await fetch(baseOf(anyNode()) + path, {
        headers: { authorization: `Bearer ${testApiKey}` },
        signal: AbortSignal.timeout(whole(2) === 0 ? 60_000 : 5 + whole(400)), // busy machines answer late
      })
      assert.equal(reply.status, 200)
      const { data, next_cursor } = (await reply.json()) as Page
      seen.push(...data.map(({ id }) => id))
      cursor = next_cursor
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      state.cutOff++ // whatever was read of it is asked for again
    }
  }
  return seen
}

/** The command line's tail, killed and started again where it was. */
async function consumeTail(start: string): Promise<string[]> {
  const seen: string[] = []
  const directory = await temporaryDirectory(stack)
  for (let cursor = start; !isDone(seen); ) {
    const child: ChildProcess = spawn(
      mailwrightProgram,
      ['tail', '--json', '--since', cursor, '--url', baseOf(anyNode())],
      {
        env: {
          PATH: process.env['PATH'],
          MAILWRIGHT_DATA_DIR: directory,
          MAILWRIGHT_BOOTSTRAP_API_KEY: testApiKey,
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const exited = once(child, 'exit')
    const watch = setInterval(() => isDone(seen) && child.kill(), 100)
    const wanted = seen.length + 50 + whole(300)
    let rest = ''
    for await (const text of child.stdout?.setEncoding('utf8') ?? []) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = JSON.parse(line) as { id: string; cursor: string }
        seen.push(event.id)
        ;({ cursor } = event)
      }
      if (seen.length >= wanted) child.kill(whole(2) === 0 ? 'SIGKILL' : 'SIGINT')
    }
    await exited
    clearInterval(watch)
    state.cutOff++
  }
  return seen
}

/** Mail over SMTP, changes over IMAP, calls of the API; each on a node of its own choice. */
async function work(): Promise<void> {
  const mailboxes = ['ann', 'bob', 'cyd'].map((name) => `${name}@model.test`)
  const client = await connectImap(anyNode(), 'ann@model.test')
  await client.mailboxOpen('INBOX')
  const any = (): string => mailboxes[whole(mailboxes.length)] ?? ''
  const works = [
    async (id: string) => {
      let left = 3
      const next = () => (left-- > 0 ? loadMessage(`${id}.${left}`, any(), 1000) : null)
      await sendLoad({ ...addressOf(anyNode().endpoints.smtp), sessions: 2, next })
    },
    async (id: string) =>
      void (await callApi(anyNode(), 'POST', `/v1/mailboxes/${any()}/messages`, {
        to: [any()],
        subject: `model ${id}`,
        text: 'hello',
      })),
    async (id: string) =>
      void (await callApi(anyNode(), 'POST', '/v1/mailboxes', { address: `m${id}@model.test` })),
    async () => void (await client.messageFlagsAdd('1:*', [`k${whole(5)}`])),
    async (id: string) => void (await client.append('INBOX', `Subject: ${id}\r\n\r\nappended\r\n`)),
  ]
  for (let round = 0; !state.hasFailed && (round < roundsMin || state.cutOff < disconnects); round++) {
    await Promise.all(works.map((one, at) => one(`${round}-${at}`)))
  }
  await client.logout()
}

/** A transaction that began early and is held open: what commits meanwhile must wait behind it. */
async function holdBack(workspaceId: string, organizationId: string): Promise<void> {
  const client = await database.connect()
  try {
    for (let round = 0; round < 3; round++) {
      await client.query('begin')
      await client.query('select pg_current_xact_id()')
      await sleep(500 + whole(1500))
      await client.query(
        `insert into events (id, node_id, type, organization_id, workspace_id, data, created_at)
         values (gen_random_uuid(), gen_random_uuid(), 'workspace.updated', $1, $2, '{"name": "held"}', now())`,
        [organizationId, workspaceId],
      )
      await client.query('commit')
    }
  } finally {
    client.release()
  }
}

test(`every consumer sees the whole log once and in order, cut off ${disconnects} times in all`, async () => {
  const [first] = nodes
  assert.ok(first)
  await callApi(first, 'POST', '/v1/domains', { name: 'model.test' })
  for (const name of ['ann', 'bob', 'cyd']) {
    await callApi(first, 'POST', '/v1/mailboxes', { address: `${name}@model.test` })
  }
  const { workspace_id, organization_id } = await callApi<Record<string, string>>(first, 'GET', '/v1/me')
  const { next_cursor: start } = await callApi<Page>(first, 'GET', '/v1/events')
  const { xid, id } = decodeEventCursor(start)
  const consumers = [
    consumeStream(start, followStream, '/v1/events/stream'),
    consumeStream(start, followStream, '/v1/events/stream'),
    consumeStream(start, followSocket, '/v1/events/websocket'),
    consumeStream(start, followSocket, '/v1/events/websocket'),
    consumePages(start),
    consumePages(start),
    consumeTail(start),
  ]
  const all = Promise.all(consumers)
  const fail = (error: unknown): never => {
    state.hasFailed = true // the others end, too
    throw error
  }
  await Promise.all([
    all.catch(fail),
    (async () => {
      await Promise.all([work(), holdBack(workspace_id ?? '', organization_id ?? '')])
      // Its event is the last of all: nothing runs any more when it is written.
      await callApi(first, 'PATCH', `/v1/workspaces/${workspace_id}`, { name: 'The end' })
      const { rows } = await database.query(
        `select id from events where data ->> 'name' = 'The end' order by xid desc limit 1`,
      )
      state.lastId = rows[0].id
    })().catch(fail),
  ])
  const seen = await all
  const { rows } = await database.query(
    `select id from events where workspace_id = $1 and type <> all($2) and (xid, id) > ($3::xid8, $4::uuid)
       and (xid, id) <= (select xid, id from events where id = $5) order by xid, id`,
    [workspace_id, Object.keys(internalEventTypes), xid, id, state.lastId],
  )
  const expected = rows.map((row) => row.id)
  assert.ok(expected.length > 60, `${expected.length} events`)
  for (const [at, ids] of seen.entries()) {
    const upToTheEnd = ids.slice(0, ids.indexOf(state.lastId ?? '') + 1)
    assert.deepEqual(upToTheEnd, expected, `consumer ${at}`)
  }
})
