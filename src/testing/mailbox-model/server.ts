/** The real server under a model test: over its sockets, with a clock that stands still until it is moved. */
import assert from 'node:assert/strict'
import { jobHandlers } from '../../job-handlers.ts'
import { addDuration, type Clock } from '../../platform/clock.ts'
import { startServer } from '../../server.ts'
import { at, type CallOptions, call, listAt, type Reply, textAt } from '../test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../test-database.ts'
import { startTestDns } from '../test-dns.ts'
import { connectRaw } from '../test-imap.ts'
import { runJobs } from '../test-jobs.ts'
import { testApiKey, testConfig } from '../test-platform.ts'
import { connectSmtp } from '../test-smtp.ts'
import { type ModelDomain, newWorld, type World } from './model.ts'
import { domainNames } from './plan.ts'

export type ModelServer = AsyncDisposable & {
  /** What is there after the start: domains, and no mailbox. */
  world: World
  call(method: string, path: string, options?: CallOptions): Promise<Reply>
  /** All items of a list. */
  list(path: string): Promise<unknown[]>
  /** Runs the jobs that the last call has added, and with `isDue` those that the time asks for. */
  settle(isDue: boolean): Promise<void>
  /** What LOGIN is answered with over IMAP. */
  logIn(username: string, password: string): Promise<string>
  /** What RCPT TO is answered with, code and enhanced code, for each address. */
  rcpt(addresses: readonly string[]): Promise<string[]>
}

/** The jobs that look what is due. */
const dueJobs = [
  'mailbox.end_periods',
  'mailbox.purge_due',
  'mailbox.expire_aliases',
  'mailbox.expire_app_passwords',
  'platform.clean_up',
] as const

/** Without a worker of its own: jobs run when `settle` says. @param now where its clock begins. */
export async function startModelServer(now: Date): Promise<ModelServer> {
  await using stack = new AsyncDisposableStack()
  const dns = stack.use(await startTestDns())
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_ROLES: 'http,smtp,imap',
    MAILWRIGHT_HOSTNAME: 'mx.platform.example',
    MAILWRIGHT_RESOLVER: dns.resolver,
  })
  const { platform, endpoints } = stack.use(await startServer(config))
  const { http, imap, smtp } = endpoints
  assert.ok(http && imap && smtp)
  stopClock(platform.clock, now)
  const callServer: ModelServer['call'] = (method, path, options = {}) =>
    call(http, testApiKey, method, path, options)
  const settle: ModelServer['settle'] = async (isDue) => {
    for (const job of isDue ? dueJobs : []) await jobHandlers[job](platform, {})
    await runJobs(platform)
  }
  const domains: ModelDomain[] = []
  for (const name of domainNames) {
    const made = await callServer('POST', '/v1/domains', { body: { name } })
    assert.equal(made.status, 201, made.text)
    const isSandbox = name.endsWith('.test')
    domains.push({
      id: textAt(made.json, 'id'),
      name,
      state: isSandbox ? 'active' : 'pending_records',
      limit: null,
    })
    await settle(false)
    if (isSandbox) continue
    // Its owner sets the records; whoever asks for a look makes it active.
    for (const row of listAt(
      (await callServer('GET', `/v1/domains/${name}/dns?fresh=true`)).json,
      'records',
    )) {
      const [purpose, value] = [textAt(row, 'purpose'), textAt(row, 'value')]
      if (purpose === 'ownership') dns.zone[textAt(row, 'name')] = { TXT: [value] }
      if (purpose === 'mx') dns.zone[textAt(row, 'name')] = { MX: [[10, 'mx.platform.example']] }
    }
  }
  const { json: workspaces } = await callServer('GET', '/v1/workspaces')
  const running = stack.move()
  return {
    world: newWorld(platform.clock.now(), textAt(workspaces, 'data', 0, 'id'), domains),
    call: callServer,
    list: (path) => listAll(callServer, path),
    settle,
    logIn: (username, password) => logIn(portOf(imap), username, password),
    rcpt: (addresses) => rcpt(portOf(smtp), addresses),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** From now on it moves by `advance` alone, so that every time is known to the millisecond. */
function stopClock(clock: Clock, at: Date): void {
  let now = at
  clock.now = () => new Date(now)
  clock.advance = (duration) => {
    now = addDuration(now, duration)
    return new Date(now)
  }
}

function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(':') + 1))
}

async function listAll(callServer: ModelServer['call'], path: string): Promise<unknown[]> {
  const all: unknown[] = []
  let next = `${path}${path.includes('?') ? '&' : '?'}limit=50`
  for (;;) {
    const { json, text, status } = await callServer('GET', next)
    assert.equal(status, 200, `GET ${next}: ${text}`)
    all.push(...listAt(json, 'data'))
    const cursor = at(json, 'next_cursor')
    if (cursor === null) return all
    next = `${path}${path.includes('?') ? '&' : '?'}limit=50&cursor=${cursor}`
  }
}

async function logIn(port: number, username: string, password: string): Promise<string> {
  const client = await connectRaw(port, false, '127.0.0.1')
  try {
    await client.line()
    return (await client.run(`LOGIN "${username}" "${password}"`)).tagged
  } finally {
    client.close()
  }
}

async function rcpt(port: number, addresses: readonly string[]): Promise<string[]> {
  using client = await connectSmtp(port)
  assert.match(await client.command('EHLO far.example'), /^250/)
  assert.match(await client.command('MAIL FROM:<writer@far.example>'), /^250/)
  client.write(addresses.map((address) => `RCPT TO:<${address}>\r\n`).join(''))
  const answers: string[] = []
  for (const _ of addresses) answers.push((await client.reply()).slice(0, 9))
  return answers
}
