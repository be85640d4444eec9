/** The server that the demo shows: `mailwright serve` in a process, a directory and an environment of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

export type DemoServer = {
  apiKey: string
  http: string
  smtpPort: number
  submissionPort: number
  imapsPort: number
  tls: ClientTls
}

/** How a client checks the server: against the certificate that this server made for itself. */
export type ClientTls = { ca: string; servername: string }

const startMsMax = 60_000
const stopMsMax = 35_000 // a little longer than the server gives itself
const pollMs = 25
const logBytesKept = 4096

const Endpoints = Type.Object({
  http: Type.String(),
  smtp: Type.String(),
  submission: Type.String(),
  imaps: Type.String(),
})

export type ServerProcess = {
  /** Resolves when the server takes connections. */
  ready(): Promise<DemoServer>
  /** Rejects with the last lines of the log when the process ends before it is asked to. */
  ended: Promise<never>
  /** Asks the server to stop and waits until it has. @throws when it does not stop in order. */
  stop(): Promise<void>
}

/** Starts the process. Nothing of the caller's environment reaches it, a DATABASE_URL least of all. */
export function spawnServer(directory: string): ServerProcess {
  const dataDir = join(directory, 'data')
  const apiKey = `mw_${randomBytes(24).toString('base64url')}`
  const child = spawn(fileURLToPath(new URL('../../../bin/mailwright', import.meta.url)), ['serve'], {
    cwd: directory,
    env: environment(dataDir, apiKey),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // Ctrl-C is for the demo, which then stops the server itself
  })
  // The last resort, when the demo ends in a way that it did not foresee: the server still stops in order.
  const killAtExit = (): void => void child.kill('SIGTERM')
  process.once('exit', killAtExit)
  const exited = once(child, 'close').finally(() => process.off('exit', killAtExit))
  const log = keepTail(child)
  let stopping = false
  const ended = exited.then(([code, signal]) => {
    if (stopping) return new Promise<never>(() => undefined)
    throw new Error(`the server ended (${signal ?? code})\n${log()}`)
  })
  return {
    ready: async () => {
      const places = await Promise.race([readEndpoints(dataDir), ended])
      const ca = await readFile(join(dataDir, 'tls', 'self-signed.cert.pem'), 'utf8')
      return {
        apiKey,
        http: places.http,
        smtpPort: portOf(places.smtp),
        submissionPort: portOf(places.submission),
        imapsPort: portOf(places.imaps),
        tls: { ca, servername: 'localhost' },
      }
    },
    ended,
    stop: () => {
      stopping = true
      return stopProcess(child, exited, log)
    },
  }
}

function environment(dataDir: string, apiKey: string): Record<string, string> {
  const ports = ['HTTP', 'SMTP', 'SUBMISSION', 'SUBMISSIONS', 'IMAP', 'IMAPS', 'POP3', 'POP3S', 'DNS']
  return {
    MAILWRIGHT_DATA_DIR: dataDir,
    MAILWRIGHT_BOOTSTRAP_API_KEY: apiKey,
    MAILWRIGHT_LOG_LEVEL: 'warn',
    ...Object.fromEntries(ports.map((name) => [`MAILWRIGHT_${name}_PORT`, '0'])),
  }
}

/** The server writes the file when everything is ready, and only then. */
async function readEndpoints(dataDir: string) {
  const deadlineMs = performance.now() + startMsMax
  while (performance.now() < deadlineMs) {
    const text = await readFile(join(dataDir, 'endpoints.json'), 'utf8').catch(() => null)
    if (text !== null) return Value.Parse(Endpoints, JSON.parse(text))
    await sleep(pollMs)
  }
  throw new Error(`the server was not ready after ${startMsMax / 1000} s`)
}

function portOf(place: string): number {
  return Number(place.slice(place.lastIndexOf(':') + 1))
}

async function stopProcess(child: ChildProcess, exited: Promise<unknown>, log: () => string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await Promise.race([exited, sleep(stopMsMax, null, { ref: false })])
  }
  if (child.exitCode === 0) return
  child.kill('SIGKILL')
  throw new Error(
    `the server did not stop in order (${child.signalCode ?? child.exitCode ?? 'too slow'})\n${log()}`,
  )
}

/** @returns what gives the last lines of the server's log. */
function keepTail(child: ChildProcess): () => string {
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-logBytesKept)
  })
  return () => tail.trimEnd()
}
