/** Whether connections work: their drivers, and pauses for those that do not. */
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Connection, secretOf, working } from './connections.ts'
import { type RemoteDriver, RemoteFailure, type RemoteFailureKind } from './driver.ts'
import { openDriver } from './drivers.ts'
import { wakeConnections } from './jobs.ts'
import { enginePolicy } from './policy.ts'

const driversMax = 500

type Opened = { updatedAt: number; driver: RemoteDriver }

const drivers = new WeakMap<Platform, Map<string, Opened>>()

/** The driver of a connection, kept for as long as that is not changed: it holds a token that is good for an hour. */
export function driverOf(platform: Platform, row: Connection): RemoteDriver {
  const opened = drivers.get(platform) ?? new Map<string, Opened>()
  drivers.set(platform, opened)
  const updatedAt = row.updated_at.getTime()
  const known = opened.get(row.id)
  if (known?.updatedAt === updatedAt) return known.driver
  const driver = openDriver(platform, row, secretOf(platform, row))
  if (opened.size >= driversMax) opened.clear()
  opened.set(row.id, { updatedAt, driver })
  return driver
}

/** What concerns every mailbox of the connection, not this one. */
const ofConnection: ReadonlySet<RemoteFailureKind> = new Set(['unauthorized', 'busy', 'unreachable'])

export function concernsConnection({ kind }: RemoteFailure): boolean {
  return ofConnection.has(kind)
}

export async function noteWorking({ db, clock }: Platform, id: string): Promise<void> {
  await db
    .updateTable('service_connections')
    .set({ ...working, checked_at: clock.now() })
    .where('id', '=', id)
    .where((where) => where.or([where('failures', '>', 0), where('state', '=', 'failing')]))
    .execute()
}

/** Leaves it alone for a while. */
export async function noteConnectionFailure(
  { db, clock }: Platform,
  id: string,
  failure: RemoteFailure,
): Promise<void> {
  await transaction(db, async (tx) => {
    const now = clock.now()
    const row = await tx
      .selectFrom('service_connections')
      .select(['failures', 'state'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    const { connectionPauseMsMin, connectionPauseMsMax } = enginePolicy
    const grown = Math.min(connectionPauseMsMin * 2 ** (row?.failures ?? 0), connectionPauseMsMax)
    // Drawn apart, so that nodes and tenants do not come back all at once.
    const pauseMs = failure.retryAfterMs ?? grown * (0.75 + Math.random() / 2)
    await tx
      .updateTable('service_connections')
      .set({
        failures: Math.min((row?.failures ?? 0) + 1, 30),
        // Being asked too often is no fault of the connection.
        state: failure.kind === 'busy' ? (row?.state ?? 'working') : 'failing',
        last_error: failure.message,
        retry_at: new Date(now.getTime() + pauseMs),
        checked_at: now,
      })
      .where('id', '=', id)
      .execute()
  })
}

/** Asks the service now, whatever pause there is. Not for a transaction. @returns the connection as it is after that. */
export async function checkConnection(platform: Platform, row: Connection): Promise<Connection> {
  try {
    await driverOf(platform, row).check()
    await platform.db
      .updateTable('service_connections')
      .set({ ...working, checked_at: platform.clock.now() })
      .where('id', '=', row.id)
      .execute()
    await transaction(platform.db, (tx) => wakeConnections(tx, [row.id]))
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error
    await noteConnectionFailure(platform, row.id, error)
  }
  const after = await platform.db
    .selectFrom('service_connections')
    .selectAll()
    .where('id', '=', row.id)
    .executeTakeFirst()
  return after ?? row
}
