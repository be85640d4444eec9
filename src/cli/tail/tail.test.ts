/** `mailwright tail` as a child process, with a connection that breaks. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { mailwrightProgram } from '../../testing/child-server.ts'
import { startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import { temporaryDirectory } from '../../testing/test-database.ts'
import { eventLine } from './line.ts'
import { readServerSentEvents } from './sse.ts'
import { type TailOptions, tailEvents } from './tail.ts'

await using stack = new AsyncDisposableStack()
const directory = await temporaryDirectory(stack)
const running = stack.move()
let api: TestApi
before(async () => {
  api = running.use(await startTestApi())
  await writeFile(join(directory, 'key'), `${api.apiKey}\n`)
  await writeFile(join(directory, 'endpoints.json'), JSON.stringify({ http: api.base }))
})
after(() => running.disposeAsync())

async function happen(...names: string[]): Promise<void> {
  const { platform, scope } = api
  const { organizationId, workspaceId } = scope
  const events = names.map((name) => ({
    type: 'workspace.updated' as const,
    organizationId,
    workspaceId,
    data: { workspace_id: workspaceId, name },
  }))
  await transaction(platform.db, (tx) => appendEvents(platform, tx, events))
}

type Tail = { child: ChildProcess; lines: string[]; errors(): string; until(count: number): Promise<void> }

function startTail(...args: string[]): Tail {
  const child = spawn(mailwrightProgram, ['tail', ...args], {
    env: { PATH: process.env['PATH'], MAILWRIGHT_DATA_DIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  let rest = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  return {
    child,
    lines,
    errors: () => errors,
    async until(count) {
      while (lines.length < count) {
        assert.equal(child.exitCode, null, errors)
        await once(child.stdout, 'data', { signal: AbortSignal.timeout(120_000) })
      }
    },
  }
}

const endCursor = async (): Promise<string> =>
  textAt((await api.call('GET', '/v1/events')).json, 'next_cursor')

async function ended({ child }: Tail, signal?: 'SIGINT' | 'SIGTERM'): Promise<number | null> {
  if (signal !== undefined) child.kill(signal)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

test('a line for each event, over connections that break, without gap or repeat', async () => {
  const sockets = new Set<Socket>()
  const proxy = createServer((socket) => {
    const upstream = connect(Number(new URL(api.base).port), '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.on('error', () => undefined)
    }
    socket.pipe(upstream).pipe(socket)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  assert.ok(address !== null && typeof address === 'object')
  const since = await endCursor()
  const key = join(directory, 'key')
  const tail = startTail(
    '--json',
    '--since',
    since,
    '--key-file',
    key,
    '--url',
    `http://127.0.0.1:${address.port}`,
  )
  await happen('0', '1')
  await tail.until(2)
  for (let at = 2; at < 20; at += 2) {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await happen(`${at}`, `${at + 1}`)
    await tail.until(at + 1)
  }
  await tail.until(20)
  assert.equal(await ended(tail, 'SIGINT'), 0)
  proxy.close()
  for (const socket of sockets) socket.destroy()
  assert.deepEqual(
    tail.lines.map((line) => textAt(JSON.parse(line), 'data', 'name')),
    Array.from({ length: 20 }, (_, n) => `${n}`),
  )
  assert.match(tail.errors(), /connecting again/)
})

test('a connection that breaks before it says where it begins does not lose the place', async () => {
  const asked: (string | undefined)[] = []
  const stop = new AbortController()
  const server = createHttpServer((incoming, outgoing) => {
    asked.push(incoming.headersDistinct['last-event-id']?.[0])
    outgoing.writeHead(200).write('retry: 1\n\n')
    if (asked.length === 3) stop.abort()
    outgoing.end(asked.length === 1 ? ': idle\nid: the place\n\n' : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const options = { keyFile: join(directory, 'key'), url: `http://127.0.0.1:${address.port}` }
  const output = { write: async () => assert.fail('there is nothing to show'), say: () => undefined }
  await tailEvents(api.config, options, output, stop.signal)
  server.closeAllConnections()
  server.close()
  assert.deepEqual(asked, [undefined, 'the place', 'the place'])
})

test('the server of the data directory, for people, narrowed by type', async () => {
  const since = await endCursor()
  await happen('a name\u001b[2J')
  const tail = startTail('--since', since, '--types', 'workspace.*', '--key-file', join(directory, 'key'))
  await tail.until(1)
  assert.match(
    tail.lines[0] ?? '',
    /^\d{4}-\S+Z workspace\.updated {8}name="a name\\u001b\[2J" workspace_id=\S+$/,
  )
  assert.equal(await ended(tail, 'SIGTERM'), 0)
})

test('what the server refuses ends it with a sentence', async () => {
  const keyFile = join(directory, 'key')
  const config = { ...api.config, dataDir: directory, bootstrapApiKey: null }
  const output = { write: async () => assert.fail('there is nothing to show'), say: assert.fail }
  const cases: [options: TailOptions, said: RegExp][] = [
    [{ keyFile, types: 'nonsense' }, /400 invalid_request/],
    [{ keyFile, since: 'nonsense' }, /400 invalid_cursor/],
    [{ keyFile, mailbox: 'nobody@demo.test' }, /404 mailbox_not_found/],
    [{ keyFile: join(directory, 'endpoints.json') }, /401 unauthenticated/],
    [{}, /an API key is needed: give --key-file/],
  ]
  for (const [options, said] of cases) {
    await assert.rejects(tailEvents(config, options, output, AbortSignal.timeout(30_000)), said)
  }
})

test('a line shows addresses, leaves out what is for mail programs, and cuts what is long', () => {
  const data = {
    from: { address: 'bob@b.test', name: 'Bob' },
    subject: 'x'.repeat(300),
    uid: 3,
    thread_id: null,
  }
  assert.equal(
    eventLine({ created_at: '2026-01-01T00:00:00.000Z', type: 'message.received', data }),
    `2026-01-01T00:00:00.000Z message.received         from=bob@b.test subject=${'x'.repeat(200)}…`,
  )
})

test('server-sent events in any pieces', async () => {
  const text =
    'retry: 1\n\n: idle\nid: 1\n\nid: 2\r\nevent: x\r\ndata: {"a":"ä"}\r\n\r\ndata:b\ndata: c\n\ndata: cut off'
  const bytes = Buffer.from(text)
  for (let size = 1; size <= bytes.length; size++) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, (n + 1) * size),
    )
    const seen = []
    for await (const one of readServerSentEvents(ReadableStream.from(pieces))) seen.push(one)
    const shown = seen.filter(({ data }) => data !== null)
    assert.deepEqual(shown, [
      { id: '2', data: '{"a":"ä"}' },
      { id: '2', data: 'b\nc' },
    ])
  }
})
