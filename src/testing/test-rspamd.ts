/** rspamd for tests: a stand-in that checks what it is sent, and the real one on free ports without a network. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

export type RspamdRequest = { path: string; headers: IncomingHttpHeaders; body: string }

export type RspamdStandIn = AsyncDisposable & {
  port: number
  requests: RspamdRequest[]
  /** How it answers; may be changed at any time. 'drops' breaks the connection off. */
  answer: { status: number; body: unknown } | 'drops'
}

/** Speaks HTTP as rspamd does: POST only, a Content-Length, the password where one is set. */
export async function startRspamdStandIn(password: string | null = null): Promise<RspamdStandIn> {
  const state: Pick<RspamdStandIn, 'answer' | 'requests'> = { answer: verdict('no action', 0), requests: [] }
  const server = createServer((request, response) => {
    void respond(state, password, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    port,
    requests: state.requests,
    get answer() {
      return state.answer
    },
    set answer(answer) {
      state.answer = answer
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function respond(
  state: Pick<RspamdStandIn, 'answer' | 'requests'>,
  password: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const body = Buffer.concat(pieces)
  if (state.answer === 'drops') {
    request.socket.destroy()
    return
  }
  const say = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (request.method !== 'POST') return say(405, { error: 'POST is needed' })
  if (Number(request.headers['content-length']) !== body.length) return say(400, { error: 'no length' })
  if (password !== null && request.headers['password'] !== password)
    return say(401, { error: 'Unauthorized' })
  state.requests.push({ path: request.url ?? '', headers: request.headers, body: body.toString('latin1') })
  say(state.answer.status, state.answer.body)
}

/** An answer to /checkv2, under rspamd's usual thresholds. */
export function verdict(
  action: string,
  score: number,
  symbols: string[] = [],
): { status: number; body: object } {
  return {
    status: 200,
    body: {
      is_skipped: false,
      score,
      required_score: 15,
      action,
      thresholds: { reject: 15, 'add header': 6, greylist: 4 },
      symbols: Object.fromEntries(symbols.map((name) => [name, { name, score: 1, metric_score: 1 }])),
      messages: {},
      'message-id': 'x@y',
    },
  }
}

const startMsMax = 120_000

/** Starts rspamd itself, with a password, and nothing but its test for GTUBE and a Bayes classifier. */
export async function startRealRspamd(
  stack: AsyncDisposableStack,
  password: string,
): Promise<{ port: number }> {
  const directory = await temporaryDirectory(stack)
  const database = join(directory, 'db')
  await mkdir(database)
  for (const path of [directory, database]) await chmod(path, 0o777) // it gives up root
  const [port = 0] = await freePorts(1)
  const file = join(directory, 'rspamd.conf')
  await writeFile(file, configuration({ directory, database, port, password }))
  // --insecure: as root, where it finds no user of its own.
  // Its own state goes into the directory too, not to where the package has it.
  const places = ['DBDIR', 'RUNDIR', 'LOGDIR'].flatMap((name) => ['--var', `${name}=${database}`])
  const child = spawn('rspamd', ['--no-fork', '--insecure', ...places, '--config', file], { stdio: 'ignore' })
  stack.defer(() => end(child))
  const deadline = performance.now() + startMsMax
  while (!(await answersPing(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('rspamd did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { port }
}

async function answersPing(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/ping`).then(
    (response) => response.ok,
    () => false,
  )
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(hard)
}

function configuration(of: { directory: string; database: string; port: number; password: string }): string {
  return `
options {
  pidfile = "${of.directory}/rspamd.pid"; tempdir = "${of.directory}"; filters = "dkim";
  dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "file"; filename = "${of.directory}/log"; level = "warning"; }
actions { reject = 15; add_header = 6; greylist = 4; }
worker "controller" {
  bind_socket = "127.0.0.1:${of.port}"; count = 1; secure_ip = [];
  password = "${of.password}"; enable_password = "${of.password}";
}
classifier "bayes" {
  tokenizer { name = "osb"; } backend = "sqlite3"; min_tokens = 1; min_learns = 1;
  cache { type = "sqlite3"; path = "${of.database}/learned.sqlite"; }
  statfile { symbol = "BAYES_HAM"; path = "${of.database}/ham.sqlite"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; path = "${of.database}/spam.sqlite"; spam = true; }
}
`
}
