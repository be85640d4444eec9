/** A real PowerDNS of a test's own: an SQLite file under a temporary directory, its API and DNS on free ports. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

const run = promisify(execFile)

export type PowerDns = {
  /** Where its API is, as settings.url. */
  url: string
  apiKey: string
  dnsPort: number
  /** A call of its API. @returns the status and the body as JSON. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }>
  /** Its answer to a question, as `dig +short` has it, sorted. */
  dig(name: string, type: string): Promise<string[]>
  /** Ends it, as a host that is down. */
  stop(): Promise<void>
}

const schemaFile = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql' // Debian's
const startMsMax = 10_000

/** Starts it. It goes with the stack. */
export async function startPowerDns(stack: AsyncDisposableStack): Promise<PowerDns> {
  const directory = await temporaryDirectory(stack)
  const [apiPort = 0, dnsPort = 0] = await freePorts(2)
  const apiKey = 'a key that only tests know'.replaceAll(' ', '-')
  const database = join(directory, 'zones.sqlite')
  await run('sqlite3', [database, `.read ${schemaFile}`])
  await writeFile(
    join(directory, 'pdns.conf'),
    [
      'launch=gsqlite3',
      `gsqlite3-database=${database}`,
      'local-address=127.0.0.1',
      `local-port=${dnsPort}`,
      'api=yes',
      `api-key=${apiKey}`,
      'webserver-address=127.0.0.1',
      `webserver-port=${apiPort}`,
      'webserver-allow-from=127.0.0.0/8',
      'cache-ttl=0',
      'query-cache-ttl=0',
      'negquery-cache-ttl=0',
      'zone-cache-refresh-interval=0',
      `socket-dir=${directory}`,
      'daemon=no',
      'guardian=no',
      'setuid=',
      'setgid=',
      '',
    ].join('\n'),
  )
  const child = spawn('pdns_server', [`--config-dir=${directory}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL') // it has nothing to save, and its own stop takes a second
      await exited
    }
  }
  stack.defer(stop)
  const url = `http://127.0.0.1:${apiPort}`
  const call: PowerDns['call'] = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1/servers/localhost${path}`, {
      method,
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    }
  }
  const deadline = performance.now() + startMsMax
  while ((await call('GET', '').catch(() => null)) === null) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`pdns_server did not start: ${output}`)
    }
    await sleep(30)
  }
  return {
    url,
    apiKey,
    dnsPort,
    call,
    async dig(name, type) {
      const { stdout } = await run('dig', [
        '@127.0.0.1',
        '-p',
        String(dnsPort),
        '+short',
        '+norecurse',
        '+time=2',
        name,
        type,
      ])
      return stdout.split('\n').filter(Boolean).sort()
    },
    stop,
  }
}
