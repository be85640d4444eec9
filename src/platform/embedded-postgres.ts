/**
 * The embedded database: a real PostgreSQL server, started as a child process in the data directory. It ends with
 * this process, also after kill -9, and a server that was left behind all the same is stopped at the next start.
 */
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { chooseLauncher, giveTreeTo, ownerOf } from './postgres-account.ts'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import {
  createCluster,
  databaseName,
  readOrCreatePassword,
  removeUnfinishedClusters,
  roleName,
  writeLoginRules,
} from './postgres-cluster.ts'
import {
  closeEndpoint,
  connectionStringFor,
  endpointSettings,
  openEndpoint,
  type PostgresEndpoint,
} from './postgres-endpoint.ts'
import type { Launcher } from './postgres-launcher.ts'
import {
  clearAbandonedServer,
  type Exit,
  spawnProgram,
  stopServer,
  watchForOwnDeath,
} from './postgres-process.ts'
import { postgresSettings, settingArguments } from './postgres-settings.ts'

export type EmbeddedPostgres = {
  /** For the `pg` package: the database `mailwright` as its owner. */
  connectionString: string
  pid: number
  /** Stops the server within 20 s, or throws. May be called more than once. */
  stop(): Promise<void>
  /** Resolves when the server has ended, for whatever reason. */
  exited: Promise<Exit>
}

export type EmbeddedPostgresOptions = {
  /** DATA_DIR/postgres. The caller holds the lock of the data directory. */
  directory: string
  /** PostgreSQL's own log, line by line. */
  onLog?: (line: string) => void
  /** PostgreSQL settings that replace ours. */
  settings?: Record<string, string>
  /** Default 30 s. While the server repairs itself after a crash, it gets up to 10 minutes. */
  startTimeoutMs?: number
  /** Default: a Unix socket, or TCP on 127.0.0.1 where sockets do not work. */
  transport?: 'socket' | 'tcp'
  /** Default: those of the npm package for this platform. */
  binaries?: PostgresBinaries
}

const startTimeoutMsDefault = 30_000
const recoveryTimeoutMs = 10 * 60_000
const connectRetryMs = 25
const logLinesKept = 20

/** Error code of a server that is there and still recovering. PostgreSQL Appendix A, class 57. */
const cannotConnectNow = '57P03'
/** What the server logs about our own early attempts to connect. */
const startingUpLine = 'FATAL:  the database system is starting up'
/** The socket or port is not there yet. */
const notListeningYet = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', cannotConnectNow]

/** Starts PostgreSQL, making the database first where there is none, and resolves when it accepts connections. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const onLog = options.onLog ?? (() => {})
  const directory = resolve(options.directory)
  const cluster = join(directory, 'cluster')
  const uid = process.getuid?.() ?? 0
  await mkdir(directory, { recursive: true })
  const owner = await ownerOf(directory)
  if (uid !== 0 && owner?.uid !== uid) {
    throw new Error(
      `The database in ${directory} belongs to user ${owner?.uid}; start Mailwright as that user.`,
    )
  }
  await chmod(directory, uid === 0 ? 0o711 : 0o700) // under root, another account owns the cluster below it
  const binaries = options.binaries ?? (await findPostgresBinaries())
  const clusterOwner = await ownerOf(cluster)
  const launcher = await chooseLauncher({
    directory,
    program: binaries.postgres,
    clusterOwner,
    uid,
    gid: process.getgid?.() ?? 0,
  })
  onLog(`PostgreSQL runs ${launcher.description}`)

  const password = await readOrCreatePassword(directory)
  await removeUnfinishedClusters(directory)
  if (clusterOwner === null) await createCluster({ directory, cluster, binaries, launcher, password })
  await clearAbandonedServer(cluster, onLog)
  await giveTreeTo(launcher.owner, cluster)

  const loginRules = await writeLoginRules(directory)
  const endpoint = await openEndpoint({
    directory,
    owner: launcher.owner,
    transport: options.transport ?? 'socket',
  })
  const settings = {
    ...postgresSettings(Math.min(totalmem(), process.constrainedMemory() || totalmem())),
    ...options.settings,
    hba_file: loginRules,
    ...endpointSettings(endpoint),
  }
  return runServer({
    launcher,
    endpoint,
    program: binaries.postgres,
    args: ['-D', cluster, ...settingArguments(settings)],
    connectionString: connectionStringFor(endpoint, { user: roleName, password, database: databaseName }),
    startTimeoutMs: options.startTimeoutMs ?? startTimeoutMsDefault,
    onLog,
  })
}

async function runServer(server: {
  launcher: Launcher
  endpoint: PostgresEndpoint
  program: string
  args: string[]
  connectionString: string
  startTimeoutMs: number
  onLog: (line: string) => void
}): Promise<EmbeddedPostgres> {
  const child = spawnProgram(server.launcher, server.program, server.args)
  const { pid } = child
  const lastLines = followLog(child, server.onLog)
  const watch = server.launcher.endsWithParent || pid === undefined ? null : watchForOwnDeath(pid)
  let exit: Exit | null = null
  const exited = exitOf(child).then(async (ended) => {
    exit = ended
    watch?.cancel()
    await closeEndpoint(server.endpoint)
    return ended
  })
  let stopping: Promise<void> | null = null
  const stopOnce = async () => {
    if (pid !== undefined && exit === null) await stopServer(pid, async () => exit !== null)
    await exited // its socket directory too is gone then
  }
  const stop = () => {
    stopping ??= stopOnce()
    return stopping
  }

  try {
    await waitUntilReady({ ...server, hasEnded: () => pid === undefined || exit !== null })
  } catch (error) {
    await stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`PostgreSQL did not start: ${reason}\n${lastLines.join('\n')}`, { cause: error })
  }
  return { connectionString: server.connectionString, pid: pid ?? 0, stop, exited }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

/** Passes on each line of the log; the array always holds the last ones. */
function followLog(child: ChildProcess, onLog: (line: string) => void): string[] {
  const lastLines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      if (line.endsWith(startingUpLine)) return
      lastLines.push(line)
      if (lastLines.length > logLinesKept) lastLines.shift()
      onLog(line)
    })
  }
  child.stdin?.end()
  return lastLines
}

async function waitUntilReady(server: {
  connectionString: string
  startTimeoutMs: number
  hasEnded: () => boolean
}): Promise<void> {
  const startedMs = performance.now()
  let timeoutMs = server.startTimeoutMs
  while (true) {
    if (server.hasEnded()) throw new Error('the server ended before it was ready.')
    const answer = await tryToConnect(server.connectionString)
    if (answer === 'ready') return
    if (answer === cannotConnectNow) timeoutMs = Math.max(timeoutMs, recoveryTimeoutMs)
    if (performance.now() - startedMs > timeoutMs) throw new Error(`not ready after ${timeoutMs} ms.`)
    await sleep(connectRetryMs)
  }
}

/** 'ready', or the code of an error that waiting can cure; throws any other error. */
async function tryToConnect(connectionString: string): Promise<string> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5000 })
  client.on('error', () => {}) // a connection lost after this is not of interest
  try {
    await client.connect()
    return 'ready'
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (notListeningYet.includes(code)) return code
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}
