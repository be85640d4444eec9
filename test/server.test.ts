/** The program as its user meets it: it starts, says where it is, refuses what is wrong, and stops in order. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import {
  addressOf,
  type ChildServer,
  callApi,
  mailwrightProgram,
  startChildServer,
} from '../src/testing/child-server.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'

const run = promisify(execFile)

type Outcome = { code: number; stdout: string; stderr: string }

async function mailwright(args: string[], environment: Record<string, string>): Promise<Outcome> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment }
  try {
    return { code: 0, ...(await run(mailwrightProgram, args, { env, timeout: 60_000 })) }
  } catch (error) {
    return error as Outcome // execFile rejects with the same fields
  }
}

describe('a running server', () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let server: ChildServer

  before(async () => {
    directory = await temporaryDirectory(stack)
    server = stack.use(await startChildServer(directory))
  })
  after(() => stack.disposeAsync())

  test('says where it listens, and listens there', async () => {
    assert.equal(server.endpoints.pid, server.pid)
    for (const name of ['smtp', 'submission', 'submissions', 'imap', 'imaps'] as const) {
      await reach(addressOf(server.endpoints[name]))
    }
    assert.equal((await fetch(`${server.endpoints.http}/readyz`)).status, 200)
    assert.equal((await fetch(`${server.endpoints.http}/healthz`)).status, 200)
    assert.match(await (await fetch(`${server.endpoints.http}/metrics`)).text(), /^mailwright_/m)
  })

  test('does not print secrets that came from variables, and keeps key files to itself', async () => {
    assert.ok(!server.output().includes(server.apiKey))
    assert.equal((await stat(join(directory, 'master.key'))).mode & 0o777, 0o600)
    assert.equal((await stat(join(directory, 'tls', 'self-signed.key.pem'))).mode & 0o777, 0o600)
  })

  test('a second start on its data directory says so and leaves it alone', async () => {
    const second = await mailwright(['serve'], { MAILWRIGHT_DATA_DIR: directory, MAILWRIGHT_HTTP_PORT: '0' })
    assert.equal(second.code, 2)
    assert.match(second.stderr, new RegExp(`is in use by the process ${server.pid}`))
    assert.equal(second.stderr.trim().split('\n').length, 1)
    assert.equal((await fetch(`${server.endpoints.http}/readyz`)).status, 200)
  })

  test('finishes the call that it is in the middle of, then stops', async () => {
    await callApi(server, 'POST', '/v1/domains', { name: 'stopping.test' })
    const mailboxes = Array.from({ length: 5000 }, (_, n) => ({ address: `user${n}@stopping.test` }))
    const answer = callApi<{ data: object[] }>(server, 'POST', '/v1/mailboxes', { mailboxes })
    await new Promise((resolve) => setTimeout(resolve, 150)) // it takes most of a second
    assert.equal(await server.stop(), 0)
    assert.equal((await answer).data.length, 5000)
    assert.ok(!existsSync(join(directory, 'endpoints.json')))
  })

  test('starts again on the same data, with the same accounts', async () => {
    await using again = await startChildServer(directory)
    const made = await callApi<{ data: object[] }>(again, 'GET', '/v1/mailboxes?search=user4999@')
    assert.equal(made.data.length, 1)
  })
})

describe('a start that cannot be', () => {
  test('names every variable that is wrong, in a sentence each', async () => {
    const { code, stderr } = await mailwright(['serve'], {
      MAILWRIGHT_HTTP_PORT: 'eighty',
      MAILWRIGHT_ROLES: 'http,ftp',
      MAILWRIGHT_COLOUR: 'blue',
    })
    assert.equal(code, 2)
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0])
        .sort(),
      ['MAILWRIGHT_COLOUR', 'MAILWRIGHT_HTTP_PORT', 'MAILWRIGHT_ROLES'],
    )
  })

  test('that fails half-way stops what it started', async () => {
    await using stack = new AsyncDisposableStack()
    const directory = await temporaryDirectory(stack)
    const taken = createServer().listen(0, '127.0.0.1')
    stack.defer(() => new Promise<void>((resolve) => taken.close(() => resolve())))
    await new Promise((resolve) => taken.once('listening', resolve))
    const address = taken.address()
    assert.ok(address && typeof address === 'object')
    const { code, stderr } = await mailwright(['serve'], {
      MAILWRIGHT_DATA_DIR: directory,
      MAILWRIGHT_HTTP_PORT: String(address.port),
      MAILWRIGHT_SMTP_PORT: '0',
      MAILWRIGHT_SUBMISSION_PORT: '0',
      MAILWRIGHT_SUBMISSIONS_PORT: '0',
      MAILWRIGHT_IMAP_PORT: '0',
      MAILWRIGHT_IMAPS_PORT: '0',
      MAILWRIGHT_POP3_PORT: '0',
      MAILWRIGHT_POP3S_PORT: '0',
      MAILWRIGHT_DNS_PORT: '0',
    })
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`port ${address.port} is in use already`))
    assert.ok(!existsSync(join(directory, 'endpoints.json')))
    assert.ok(
      !existsSync(join(directory, 'postgres', 'cluster', 'postmaster.pid')),
      'the database was left running',
    )
  })

  test('because the database cannot be reached says so', async () => {
    await using stack = new AsyncDisposableStack()
    const { code, stderr } = await mailwright(['serve'], {
      MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
      DATABASE_URL: 'postgresql://user:secret@127.0.0.1:1/none',
    })
    assert.equal(code, 1)
    assert.match(stderr, /^Mailwright cannot go on: .*database.*\n$/)
    assert.ok(!stderr.includes('secret'))
  })
})

test('the first start prints its credentials once, and the key works', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  const generated = { MAILWRIGHT_BOOTSTRAP_API_KEY: '', MAILWRIGHT_BOOTSTRAP_PASSWORD: '' }
  const first = await startChildServer(directory, generated)
  const apiKey = /API key\s+(mw_[\w-]+)/.exec(await printed(first))?.[1] ?? ''
  assert.ok(await callApi<object>({ endpoints: first.endpoints, apiKey }, 'GET', '/v1/me'))
  assert.match(first.output(), /Admin password\s+\S{20,}/)
  await first.stop()
  await using second = await startChildServer(directory, generated)
  assert.doesNotMatch(await printed(second), /mw_|Admin password/)
})

test('a new master key opens what the old one sealed, and seals anew', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  const before = await startChildServer(directory)
  await callApi(before, 'POST', '/v1/domains', { name: 'keys.test' })
  await callApi(before, 'POST', '/v1/mailboxes', { address: 'ann@keys.test' })
  const path = '/v1/mailboxes/ann@keys.test/credentials'
  const { password } = await callApi<{ password: string }>(before, 'GET', path)
  await before.stop()
  const { code, stdout } = await mailwright(['vault', 'rotate'], { MAILWRIGHT_DATA_DIR: directory })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^Sealed 1 passwords, \d private keys and 0 TOTP secrets under the key [0-9a-f]{8}\.\n$/,
  )
  assert.equal((await readFile(join(directory, 'master.key'), 'utf8')).trim().split('\n').length, 2)
  await using after = await startChildServer(directory)
  assert.equal((await callApi<{ password: string }>(after, 'GET', path)).password, password)
})

test('keys create prints a key that works', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  const { code, stdout } = await mailwright(['keys', 'create', 'lost the first'], {
    MAILWRIGHT_DATA_DIR: directory,
  })
  assert.equal(code, 0)
  await using server = await startChildServer(directory)
  const me = await callApi<object>({ endpoints: server.endpoints, apiKey: stdout.trim() }, 'GET', '/v1/me')
  assert.ok(me)
})

test('keys create works beside a running server', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  await using server = await startChildServer(directory)
  const { code, stdout, stderr } = await mailwright(['keys', 'create'], { MAILWRIGHT_DATA_DIR: directory })
  assert.equal(code, 0, stderr)
  assert.ok(await callApi<object>({ endpoints: server.endpoints, apiKey: stdout.trim() }, 'GET', '/v1/me'))
  assert.ok(existsSync(join(directory, 'endpoints.json')), 'the server goes on')
})

test('SIGTERM to npm start reaches the server', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  const ports = ['HTTP', 'SMTP', 'SUBMISSION', 'SUBMISSIONS', 'IMAP', 'IMAPS', 'POP3', 'POP3S', 'DNS']
  const npm = spawn('npm', ['start', '--silent'], {
    cwd: join(import.meta.dirname, '..'),
    env: {
      ...process.env,
      MAILWRIGHT_DATA_DIR: directory,
      ...Object.fromEntries(ports.map((name) => [`MAILWRIGHT_${name}_PORT`, '0'])),
    },
    stdio: 'ignore',
  })
  const ended = once(npm, 'exit')
  const file = join(directory, 'endpoints.json')
  for (let attempt = 0; attempt < 300 && !existsSync(file); attempt++) await sleep(100)
  const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid: number } // our own file
  npm.kill('SIGTERM')
  await ended
  for (let attempt = 0; attempt < 100 && existsSync(file); attempt++) await sleep(50)
  assert.ok(!existsSync(file), 'the server was left running')
  for (let attempt = 0; attempt < 100 && isAlive(pid); attempt++) await sleep(50)
  assert.ok(!isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The banner follows endpoints.json by a moment. */
async function printed(server: ChildServer): Promise<string> {
  for (let attempt = 0; attempt < 100 && !server.output().includes('is ready'); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return server.output()
}

function reach({ host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })
}
