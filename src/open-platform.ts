/**
 * Opens the platform: data directory, database, schema, vault, events. What is opened here closes in reverse; an
 * opening that fails half-way closes what it opened.
 */
import { join } from 'node:path'
import { runMigrations as migrateJobs } from 'graphile-worker'
import { withDelivery } from './delivery/local-engine.ts'
import { connectionServices } from './mailboxes/engines/drivers.ts'
import { remoteEngine } from './mailboxes/engines/remote-engine.ts'
import { type MailboxEngine, setEngines } from './mailboxes/engines.ts'
import type { Service } from './mailboxes/tables.ts'
import { localEngine } from './messages/local-engine.ts'
import { migrations } from './migrations.ts'
import { type Clock, createTestClock, systemClock } from './platform/clock.ts'
import type { Config } from './platform/config.ts'
import { DataDirectoryInUse, openDataDirectory, readOrCreateSecretFile } from './platform/data-directory.ts'
import { type Database, openDatabase } from './platform/database.ts'
import { createDns } from './platform/dns.ts'
import { startEmbeddedPostgres } from './platform/embedded-postgres.ts'
import { noListeners } from './platform/endpoints.ts'
import { createEventBus } from './platform/event-bus.ts'
import { startEventFeed } from './platform/event-feed.ts'
import { adoptRestoredEvents } from './platform/events.ts'
import { newId } from './platform/ids.ts'
import { createLogger, type Logger } from './platform/log.ts'
import { createMetrics } from './platform/metrics.ts'
import { migrate, requireServerVersion, whileOthersWait } from './platform/migrations.ts'
import type { Platform } from './platform/platform.ts'
import { connectionStringOfRunning } from './platform/postgres-attach.ts'
import { createVault, newMasterKey } from './platform/vault.ts'
import { requireVaultKey } from './platform/vault-keys.ts'
import { webhookFormats } from './webhook-formats.ts'
import { setWebhookFormats } from './webhooks/formats.ts'
import { withWebhooks } from './webhooks/local-engine.ts'

export type OpenPlatform = AsyncDisposable & {
  platform: Platform
  /** Resolves if the embedded database ends by itself: nothing works without it. Never, with another one. */
  databaseLost: Promise<string>
}

const connectionsMax = 20

export type OpenOptions = {
  clock?: Clock
  /** Works beside a server that holds the data directory, as one more node on its database. */
  attach?: boolean
}

/** Brings the schema up to date, the job library's included. @returns the names of our migrations that were applied. */
export async function bringUpToDate({ db, pool }: Pick<Database, 'db' | 'pool'>): Promise<string[]> {
  return await whileOthersWait(pool, async () => {
    const applied = await migrate(db, migrations)
    await migrateJobs({ pgPool: pool })
    return applied
  })
}

/** What the schema of this version is made of, for whoever compares it with a database. */
export const migrationNames: readonly string[] = Object.keys(migrations)

/** @throws DataDirectoryInUse, and an error with one clear sentence for everything else that is in the way. */
export async function openPlatform(config: Config, options: OpenOptions = {}): Promise<OpenPlatform> {
  await using stack = new AsyncDisposableStack()
  const log = createLogger(config.logLevel)
  const running = await holdDataDirectory(config, options.attach === true, stack)
  const { connectionString, lost } =
    running === null ? await openServer(config, log, stack) : { connectionString: running, lost: never() }
  let closing = false
  const bus = createEventBus((error) => log.error({ event: 'events.listener_failed', cause: error }))
  const database = openDatabase({
    connectionString,
    connectionsMax,
    onError({ message }) {
      if (closing) return
      log.warn({ event: 'database.connection_lost', message }) // the error itself holds the whole connection
      bus.doubt()
    },
  })
  stack.defer(async () => {
    closing = true
    await database.close()
  })
  await requireServerVersion(database.db)
  for (const name of await bringUpToDate(database)) log.debug({ event: 'database.migrated', name })
  const adopted = await adoptRestoredEvents(database.db)
  if (adopted > 0) log.warn({ event: 'events.adopted_after_restore', count: adopted })

  const nodeId = newId()
  const feed = await startEventFeed({ db: database.db, bus, log, nodeId, connectionString })
  stack.defer(() => feed.stop())
  const platform: Platform = {
    config,
    log,
    clock: options.clock ?? (config.testClock ? createTestClock() : systemClock),
    db: database.db,
    pool: database.pool,
    vault: createVault(config.masterKey ?? (await readMasterKeyFile(config))),
    dns: createDns(config),
    bus,
    feed,
    metrics: createMetrics(),
    ports: noListeners(),
    nodeId,
  }
  await requireVaultKey(platform)
  setEngines(platform, allEngines())
  setWebhookFormats(platform, webhookFormats)
  const opened = stack.move()
  return { platform, databaseLost: lost, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

function allEngines(): Map<Service, MailboxEngine> {
  const local = withWebhooks(withDelivery(localEngine))
  const elsewhere = connectionServices.map((service) => [service, remoteEngine(service, local)] as const)
  return new Map<Service, MailboxEngine>([['local', local], ...elsewhere])
}

/**
 * Takes the data directory until the stack is disposed.
 * @returns null, or where the database of the server is that holds it.
 * @throws DataDirectoryInUse
 */
async function holdDataDirectory(
  config: Config,
  mayAttach: boolean,
  stack: AsyncDisposableStack,
): Promise<string | null> {
  try {
    const dataDirectory = await openDataDirectory(config.dataDir)
    stack.defer(() => dataDirectory.release())
    return null
  } catch (error) {
    if (!(mayAttach && error instanceof DataDirectoryInUse)) throw error
    const running = config.databaseUrl ?? (await connectionStringOfRunning(postgresDirectory(config)))
    if (running === null) throw error
    return running
  }
}

function never(): Promise<string> {
  return new Promise(() => undefined)
}

function postgresDirectory(config: Config): string {
  return join(config.dataDir, 'postgres')
}

async function openServer(
  config: Config,
  log: Logger,
  stack: AsyncDisposableStack,
): Promise<{ connectionString: string; lost: Promise<string> }> {
  if (config.databaseUrl !== null) {
    return { connectionString: config.databaseUrl, lost: never() }
  }
  let stopping = false
  const postgres = await startEmbeddedPostgres({
    directory: postgresDirectory(config),
    onLog: (line) => log.debug({ event: 'postgres.log', line }),
  })
  stack.defer(async () => {
    stopping = true
    await postgres.stop()
  })
  const lost = postgres.exited.then(({ code, signal }) =>
    stopping ? never() : `the embedded database ended (${signal ?? code})`,
  )
  return { connectionString: postgres.connectionString, lost }
}

export function masterKeyFile(config: Config): string {
  return join(config.dataDir, 'master.key')
}

async function readMasterKeyFile(config: Config): Promise<string> {
  return await readOrCreateSecretFile(masterKeyFile(config), newMasterKey)
}
