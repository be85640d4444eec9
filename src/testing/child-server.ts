/** The real program as a child process, as a user runs it: for tests and benchmarks that cross everything. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Endpoints } from '../server.ts'
import { testApiKey } from './test-platform.ts'

export type ChildServer = AsyncDisposable & {
  pid: number
  endpoints: Endpoints
  apiKey: string
  /** What it printed so far, both streams. */
  output(): string
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL, as a crash. The embedded database goes down with it. */
  kill(): Promise<void>
}

/** The command line, as npm start runs it. */
export const mailwrightProgram = fileURLToPath(new URL('../../bin/mailwright', import.meta.url))
const startMsMax = 60_000

/** Starts `serve` on a data directory that the caller makes and removes. All ports are free ones. */
export async function startChildServer(
  dataDir: string,
  environment: Record<string, string> = {},
): Promise<ChildServer> {
  const endpointsFile = join(dataDir, 'endpoints.json')
  await rm(endpointsFile, { force: true })
  const child = spawn(mailwrightProgram, ['serve'], {
    env: { ...cleanEnvironment(), ...freePorts, MAILWRIGHT_DATA_DIR: dataDir, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-200_000)
    })
  }
  const exited = once(child, 'exit')
  const endpoints = await waitForEndpoints(child, endpointsFile, () => output)
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await exited
    }
    return child.exitCode
  }
  return {
    pid: child.pid ?? 0,
    endpoints,
    apiKey: testApiKey,
    output: () => output,
    stop,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

const freePorts = {
  MAILWRIGHT_LOG_LEVEL: 'warn',
  MAILWRIGHT_HTTP_PORT: '0',
  MAILWRIGHT_SMTP_PORT: '0',
  MAILWRIGHT_SUBMISSION_PORT: '0',
  MAILWRIGHT_SUBMISSIONS_PORT: '0',
  MAILWRIGHT_IMAP_PORT: '0',
  MAILWRIGHT_IMAPS_PORT: '0',
  MAILWRIGHT_POP3_PORT: '0',
  MAILWRIGHT_POP3S_PORT: '0',
  MAILWRIGHT_DNS_PORT: '0',
  MAILWRIGHT_BOOTSTRAP_API_KEY: testApiKey,
  MAILWRIGHT_RESOLVER: '127.0.0.1:1', // nobody answers there: who needs DNS brings its own
  MAILWRIGHT_BOOTSTRAP_PASSWORD: 'a password for tests',
}

/** The environment without settings that whoever runs the tests has for a server of his own. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('MAILWRIGHT_') && name !== 'DATABASE_URL',
    ),
  )
}

async function waitForEndpoints(child: ChildProcess, file: string, output: () => string): Promise<Endpoints> {
  const deadline = performance.now() + startMsMax
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${output()}`)
    const text = await readFile(file, 'utf8').catch(() => null)
    if (text !== null) return JSON.parse(text) as Endpoints // our own file
    await sleep(20)
  }
  child.kill('SIGKILL')
  throw new Error(`the server was not ready after ${startMsMax} ms: ${output()}`)
}

/** A call of the API with the test key. @throws when the status is not the expected one. */
export async function callApi<T>(
  server: Pick<ChildServer, 'endpoints' | 'apiKey'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${server.endpoints.http}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
  return (text === '' ? null : JSON.parse(text)) as T // the caller names what the route answers
}

/** Host and port of an endpoint. */
export function addressOf(endpoint: string | null): { host: string; port: number } {
  if (endpoint === null) throw new Error('that listener is off')
  const at = endpoint.lastIndexOf(':')
  return { host: endpoint.slice(0, at), port: Number(endpoint.slice(at + 1)) }
}
