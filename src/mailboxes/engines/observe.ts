/**
 * The daily look at tenants: all their users, page by page, beside what we know of ours. What an admin or the service
 * changed there is noted and told; it is not undone, for we do not know why.
 */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Remote } from './claims.ts'
import { concernsConnection, driverOf, noteConnectionFailure, noteWorking } from './connection-health.ts'
import type { Connection } from './connections.ts'
import { type RemoteDriver, RemoteFailure, type RemoteUser } from './driver.ts'
import { type ConnectionService, remoteKinds } from './drivers.ts'
import { wakeConnections } from './jobs.ts'
import { enginePolicy } from './policy.ts'
import type { RemoteState } from './remote-states.ts'
import { observedOf, tellRemoteChange } from './run.ts'
import type { Observed } from './tables.ts'

/** Adds the look for every connection that has mailboxes. */
export async function observeAll(platform: Platform): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from service_connections
    where exists (select 1 from mailbox_remotes where connection_id = service_connections.id)`.execute(
    platform.db,
  )
  await transaction(platform.db, async (tx) => {
    await addJobs(
      tx,
      rows.map(({ id }) => ({
        name: 'engines.observe' as const,
        payload: { connection_id: id },
        key: `engines.observe:${id}`,
        queue: 'engines.observe', // one after another: a large tenant takes minutes
      })),
    )
  })
}

/** The look itself. What the service does wrong is noted at the connection; the next day is another look. */
export async function observeConnection(platform: Platform, connectionId: string): Promise<void> {
  const connection = await platform.db
    .selectFrom('service_connections')
    .selectAll()
    .where('id', '=', connectionId)
    .executeTakeFirst()
  if (!connection) return
  const startedAt = platform.clock.now()
  try {
    const driver = driverOf(platform, connection)
    await observePages(platform, connection, driver)
    await observeMissing(platform, connection, driver, startedAt)
    await observeUsage(platform, connection, driver)
    await noteWorking(platform, connection.id)
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error
    await noteConnectionFailure(platform, connection.id, error)
  }
  await retryLeaving(platform, connection)
}

async function observePages(platform: Platform, connection: Connection, driver: RemoteDriver): Promise<void> {
  let cursor: string | null = null
  for (let page = 0; page < enginePolicy.pagesMax; page++) {
    const { users, next }: Awaited<ReturnType<RemoteDriver['listUsers']>> = await driver.listUsers(cursor)
    await noteSeen(platform, connection, users)
    if (next === null) return
    cursor = next
  }
}

/** Those that no page had are looked up: deleted, perhaps. */
async function observeMissing(
  platform: Platform,
  connection: Connection,
  driver: RemoteDriver,
  since: Date,
): Promise<void> {
  const rows = await platform.db
    .selectFrom('mailbox_remotes')
    .select('remote_id')
    .where('connection_id', '=', connection.id)
    .where('state', 'in', ['ready', 'suspended'])
    .where((where) => where.or([where('observed_at', 'is', null), where('observed_at', '<', since)]))
    .orderBy('observed_at')
    .limit(enginePolicy.lookUpsMax)
    .execute()
  for (const { remote_id: id } of rows) {
    if (id === null) continue
    const user = await lookUp(driver, id)
    if (user !== 'refused') await noteSeen(platform, connection, [user ?? { ...nobody, id }])
  }
}

/** One that the service does not show for reasons of its own does not keep the others from being looked at. */
async function lookUp(driver: RemoteDriver, id: string): Promise<RemoteUser | null | 'refused'> {
  try {
    return await driver.get(id)
  } catch (error) {
    if (!(error instanceof RemoteFailure) || concernsConnection(error)) throw error
    return 'refused'
  }
}

/** A call for each: those that were asked for the longest time ago. */
async function observeUsage(platform: Platform, { id }: Connection, driver: RemoteDriver): Promise<void> {
  if (driver.usageBytes === undefined) return
  const rows = await platform.db
    .selectFrom('mailbox_remotes')
    .select(['mailbox_id', 'remote_id'])
    .where('connection_id', '=', id)
    .where('state', '=', 'ready')
    .orderBy(sql`usage_at nulls first`)
    .limit(enginePolicy.lookUpsMax)
    .execute()
  for (const { mailbox_id: mailboxId, remote_id: remoteId } of rows) {
    const bytes = remoteId === null ? null : await driver.usageBytes(remoteId)
    await platform.db
      .updateTable('mailbox_remotes')
      .set({ usage_at: platform.clock.now(), ...(bytes === null ? {} : { usage_bytes: String(bytes) }) })
      .where('mailbox_id', '=', mailboxId)
      .execute()
  }
}

const nobody: Omit<RemoteUser, 'id'> = {
  address: '',
  state: 'deleted',
  isReady: false,
  aliases: [],
  firstName: '',
  lastName: '',
  mark: null,
  problem: 'There is no such user any more.',
}

/** Not for mailboxes that are being worked on: their runs see for themselves. */
async function noteSeen(
  platform: Platform,
  { id, service }: Connection,
  users: readonly RemoteUser[],
): Promise<void> {
  const byId = new Map(users.map((user) => [user.id, user]))
  await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const { rows } = await sql<Remote & { organization_id: string; address: string }>`
      select mailbox_remotes.*, mailboxes.organization_id, mailboxes.address
      from mailboxes join mailbox_remotes on mailbox_id = mailboxes.id
      where connection_id = ${id}::uuid and remote_id = any(${[...byId.keys()]}::text[])
        and mailbox_remotes.state in ('ready', 'suspended') and claim_id is null
      order by mailboxes.id for update of mailbox_remotes skip locked`.execute(tx)
    for (const row of rows) {
      const user = byId.get(row.remote_id ?? '')
      if (!user) continue
      const observed = observedOf(user)
      const state = stateSeen(user)
      const isNews = state !== row.state || problemOf(row.observed) !== observed.problem
      await tx
        .updateTable('mailbox_remotes')
        .set({
          observed: JSON.stringify(observed),
          observed_at: now,
          ...(state === row.state ? {} : { state, state_changed_at: now, updated_at: now }),
          // When it was deleted there is not said: since the last look at the latest.
          ...(state === 'deleted' ? { restorable_until: restorableUntil(service, user, row) } : {}),
        })
        .where('mailbox_id', '=', row.mailbox_id)
        .execute()
      if (!isNews) continue
      const mailbox = {
        id: row.mailbox_id,
        organization_id: row.organization_id,
        workspace_id: row.workspace_id,
        address: row.address,
        service,
      }
      await tellRemoteChange(platform, tx, mailbox, { ...row, state, observed })
    }
  })
}

function stateSeen({ state }: RemoteUser): RemoteState {
  return state === 'active' ? 'ready' : state
}

function restorableUntil(service: ConnectionService, user: RemoteUser, row: Remote): Date | null {
  const days = remoteKinds[service].capabilities.restoreDays
  const seenAt = row.observed_at ?? row.created_at
  return user.address === '' || days === 0 ? null : new Date(seenAt.getTime() + days * 24 * 3_600_000)
}

function problemOf(observed: Observed | null): string | null {
  return observed?.problem ?? null
}

/** Deletions that were given up are tried again once a day: nobody is left here who would ask for it. */
async function retryLeaving(platform: Platform, { id }: Connection): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await sql`update mailbox_remotes set next_attempt_at = ${platform.clock.now()}
      where connection_id = ${id}::uuid and next_attempt_at is null and exists
        (select 1 from mailboxes where mailboxes.id = mailbox_id and mailboxes.state = 'deleted')`.execute(tx)
    await wakeConnections(tx, [id])
  })
}
