/** Connections to tenants at services elsewhere, as people keep them. The secret goes in and never comes out. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import { privateKeyContext } from '../../domains/reseal.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents, type EventType } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { RemoteFailure } from './driver.ts'
import { type ConnectionService, openDriver, remoteKinds } from './drivers.ts'
import { wakeConnections } from './jobs.ts'
import { enginePolicy } from './policy.ts'
import type { ConnectionSettings } from './settings.ts'
import type { ServiceConnectionsTable } from './tables.ts'

export type Connection = Selectable<ServiceConnectionsTable>

export type NewConnection = {
  name: string
  service: ConnectionService
  settings: ConnectionSettings
  secret: string
  /** Null: if the workspace has no other for the service. */
  isDefault: boolean | null
}

export type ConnectionUpdate = {
  name?: string
  settings?: ConnectionSettings
  secret?: string
  isDefault?: boolean
}

export async function listConnections(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<Connection>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal service_connection_not_found, forbidden. */
export async function getConnection(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Connection> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('service_connection_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('service_connections')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
}

/**
 * Asks the service whether it takes the credentials. Not for a transaction: it waits for the world.
 * @returns settings and secret in their one form.
 * @throws Refusal invalid_request, service_credentials_refused, service_failed, forbidden.
 */
export async function tryNewConnection(
  platform: Platform,
  scope: Scope,
  { service, settings, secret }: Pick<NewConnection, 'service' | 'settings' | 'secret'>,
): Promise<{ settings: ConnectionSettings; secret: string }> {
  requireWrite(scope)
  requireWorkspace(scope)
  const checked = remoteKinds[service].check(settings, secret)
  try {
    await openDriver(platform, { service, settings: checked.settings }, checked.secret).check()
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error
    const isRefused = error.kind === 'unauthorized' || error.kind === 'rejected'
    const code = isRefused ? 'service_credentials_refused' : 'service_failed'
    throw new Refusal(code, error.message, { cause: error })
  }
  return checked
}

/** The same for a change of a connection. @throws Refusal service_connection_not_found too. */
export async function tryConnectionUpdate(
  platform: Platform,
  scope: Scope,
  id: string,
  update: ConnectionUpdate,
): Promise<ConnectionUpdate> {
  requireWrite(scope)
  const before = await getConnection(platform, scope, id)
  if (update.settings === undefined && update.secret === undefined) return update
  const wanted = {
    service: before.service,
    settings: update.settings ?? before.settings,
    secret: update.secret ?? secretOf(platform, before),
  }
  const { settings, secret } = await tryNewConnection(platform, scope, wanted)
  return {
    ...update,
    ...(update.settings === undefined ? {} : { settings }),
    ...(update.secret === undefined ? {} : { secret }),
  }
}

export function secretOf(platform: Platform, row: Pick<Connection, 'id' | 'sealed_private_key'>): string {
  return platform.vault
    .open(row.sealed_private_key, privateKeyContext('service_connections', row.id))
    .toString()
}

/**
 * Keeps a connection that was tried.
 * @throws Refusal service_connection_limit_reached, workspace_not_found, forbidden.
 */
export async function createConnection(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewConnection,
): Promise<Connection> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const others = await own(tx, scope).orderBy('id').forUpdate().execute()
  if (others.length >= enginePolicy.connectionsPerWorkspaceMax) {
    throw new Refusal('service_connection_limit_reached')
  }
  const hasDefault = others.some((one) => one.service === wanted.service && one.is_default)
  const isDefault = wanted.isDefault ?? !hasDefault
  if (isDefault) await unsetDefault(tx, scope, wanted.service)
  const id = newId()
  const now = platform.clock.now()
  const row = await tx
    .insertInto('service_connections')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      service: wanted.service,
      name: wanted.name,
      settings: JSON.stringify(wanted.settings),
      ...sealed(platform, id, wanted.secret),
      is_default: isDefault,
      state: 'working',
      last_error: null,
      checked_at: now,
      retry_at: null,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, 'service_connection.created', row)
  return row
}

async function unsetDefault(tx: Tx, scope: Scope, service: ConnectionService): Promise<void> {
  await tx
    .updateTable('service_connections')
    .set({ is_default: false })
    .where('workspace_id', '=', scope.workspaceId)
    .where('service', '=', service)
    .where('is_default', '=', true)
    .execute()
}

/**
 * Keeps a change that was tried; what failed at the service is tried anew.
 * @throws Refusal service_connection_not_found, service_connection_in_use, forbidden.
 */
export async function updateConnection(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  update: ConnectionUpdate,
): Promise<Connection> {
  requireWrite(scope)
  const before = await lockConnections(platform, tx, scope, ref)
  const { id, service } = before
  if (update.settings !== undefined) await requireTenant(tx, before, update.settings)
  if (update.isDefault === true) await unsetDefault(tx, scope, service)
  const now = platform.clock.now()
  const isTried = update.settings !== undefined || update.secret !== undefined
  const row = await tx
    .updateTable('service_connections')
    .set({
      updated_at: now,
      ...(update.name === undefined ? {} : { name: update.name }),
      ...(update.settings === undefined ? {} : { settings: JSON.stringify(update.settings) }),
      ...(update.secret === undefined ? {} : sealed(platform, id, update.secret)),
      ...(update.isDefault === undefined ? {} : { is_default: update.isDefault }),
      ...(isTried ? { ...working, checked_at: now } : {}),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, 'service_connection.updated', row)
  if (isTried) await wakeConnections(tx, [id])
  return row
}

/** All of them, in one order: the default of two changes at the same time is one. @returns the one that is named. */
async function lockConnections(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Connection> {
  await own(tx, scope).orderBy('id').forUpdate().execute()
  return await getConnection(platform, scope, ref, tx)
}

/** As long as there are mailboxes in a tenant: in another, each would be taken for gone, or be somebody else's. */
async function requireTenant(
  tx: Tx,
  { id, service, settings }: Connection,
  wanted: ConnectionSettings,
): Promise<void> {
  const { tenantOf } = remoteKinds[service]
  if (tenantOf(settings) === tenantOf(wanted)) return
  const { count } = await tx
    .selectFrom('mailbox_remotes')
    .select((of) => of.fn.countAll<string>().as('count'))
    .where('connection_id', '=', id)
    .executeTakeFirstOrThrow()
  if (Number(count) === 0) return
  throw new Refusal('service_connection_in_use', `${count} mailboxes are in the tenant that it names now.`)
}

/** Of a connection that the service has just let in. */
export const working = { state: 'working' as const, last_error: null, retry_at: null, failures: 0 }

/**
 * @param abandon whether users of mailboxes that are deleted here may stay there.
 * @throws Refusal service_connection_not_found, service_connection_in_use, forbidden.
 */
export async function deleteConnection(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  abandon: boolean,
): Promise<void> {
  requireWrite(scope)
  const { id } = await lockConnections(platform, tx, scope, ref)
  const { rows } = await sql<{ living: number; leaving: number }>`
    select count(*) filter (where state <> 'deleted')::int as living,
      count(*) filter (where state = 'deleted')::int as leaving
    from mailboxes where id in (select mailbox_id from mailbox_remotes where connection_id = ${id}::uuid)`.execute(
    tx,
  )
  const { living = 0, leaving = 0 } = rows[0] ?? {}
  if (living > 0) throw new Refusal('service_connection_in_use', `It runs ${living} mailboxes.`)
  if (leaving > 0 && !abandon) {
    throw new Refusal('service_connection_in_use', `${leaving} mailboxes are still to be deleted there.`)
  }
  await tx.deleteFrom('mailbox_remotes').where('connection_id', '=', id).execute()
  const row = await tx
    .deleteFrom('service_connections')
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, 'service_connection.deleted', row)
}

/** Those of deleted workspaces go, with their secrets, as soon as nothing of theirs is left to be deleted there. */
export async function forgetConnections(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Connection>`
      delete from service_connections using workspaces
      where workspaces.id = workspace_id and workspaces.deleted_at is not null
        and not exists (select 1 from mailbox_remotes where connection_id = service_connections.id)
      returning service_connections.*`.execute(tx)
    await tell(platform, tx, 'service_connection.deleted', ...rows)
  })
}

function sealed({ vault }: Platform, id: string, secret: string) {
  const context = privateKeyContext('service_connections', id)
  return { sealed_private_key: vault.seal(secret, context), key_id: vault.keyId }
}

async function tell(
  platform: Platform,
  tx: Tx,
  type: Extract<EventType, `service_connection.${string}`>,
  ...rows: readonly Connection[]
): Promise<void> {
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { service_connection_id: row.id, service: row.service, name: row.name },
    })),
  )
}
