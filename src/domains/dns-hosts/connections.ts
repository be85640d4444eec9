/** Connections to DNS hosts as people keep them. The secret goes in and never comes out. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents, type EventType } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { privateKeyContext } from '../reseal.ts'
import { type DnsHost, DnsHostError } from './driver.ts'
import { checkSettings, type DnsHostKind, type DnsHostSettings, openDnsHost } from './drivers.ts'
import { isDrivenRow } from './hosting.ts'
import { addReconcileJobs } from './jobs.ts'
import { dnsHostPolicy } from './policy.ts'
import type { DnsHostsTable } from './tables.ts'

export type DnsHostRow = Selectable<DnsHostsTable>

export type NewDnsHost = { name: string; kind: DnsHostKind; settings: DnsHostSettings; secret: string }

export type DnsHostUpdate = { name?: string; settings?: DnsHostSettings; secret?: string }

export async function listDnsHosts(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<DnsHostRow>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal dns_host_not_found, forbidden. */
export async function getDnsHost(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<DnsHostRow> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('dns_host_not_found')
  return found
}

/** The workspace's connections of a kind, the oldest first. @throws Refusal forbidden. */
export async function dnsHostsOf(db: Db, scope: Scope, kind: DnsHostKind): Promise<DnsHostRow[]> {
  requireWorkspace(scope)
  return await own(db, scope).where('kind', '=', kind).orderBy('id').execute()
}

/** Whether a connection has this secret. */
export function hasSecret(
  { vault }: Pick<Platform, 'vault'>,
  { id, sealed_private_key: sealed }: DnsHostRow,
  secret: string,
): boolean {
  return vault.open(sealed, privateKeyContext('dns_hosts', id)).equals(Buffer.from(secret))
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('dns_hosts')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
}

/** The host of a connection, with its secret opened. */
export function openConnection(
  platform: Platform,
  row: Pick<DnsHostRow, 'id' | 'kind' | 'settings' | 'sealed_private_key'>,
): DnsHost {
  const secret = platform.vault.open(row.sealed_private_key, privateKeyContext('dns_hosts', row.id))
  return openDnsHost(platform, row, secret.toString())
}

/**
 * Asks the host whether it takes the credentials. Not for a transaction: it waits for the world.
 * @returns the settings in their one form.
 * @throws Refusal invalid_request, dns_host_credentials_refused, dns_host_failed, forbidden.
 */
export async function tryNewDnsHost(
  platform: Platform,
  scope: Scope,
  { kind, settings, secret }: Omit<NewDnsHost, 'name'>,
): Promise<DnsHostSettings> {
  requireWrite(scope)
  requireWorkspace(scope)
  const checked = checkSettings(kind, settings)
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new Refusal('invalid_request', 'The secret must be printable ASCII without spaces.')
  }
  await refusing(() => openDnsHost(platform, { kind, settings: checked }, secret).check())
  return checked
}

/**
 * The same for a change of a connection.
 * @throws Refusal dns_host_not_found too, and invalid_request for another place without its secret.
 */
export async function tryDnsHostUpdate(
  platform: Platform,
  scope: Scope,
  id: string,
  update: DnsHostUpdate,
): Promise<DnsHostUpdate> {
  requireWrite(scope)
  const before = await getDnsHost(platform, scope, id)
  if (update.settings === undefined && update.secret === undefined) return update
  const { kind, settings: kept } = before
  const settings = update.settings ?? kept
  if (settings.url !== kept.url && update.secret === undefined) {
    // Else whoever may change a connection could have its secret sent to a host of his own.
    throw new Refusal('invalid_request', 'With another URL the secret must be given again.')
  }
  const secret =
    update.secret ??
    platform.vault.open(before.sealed_private_key, privateKeyContext('dns_hosts', id)).toString()
  return { ...update, settings: await tryNewDnsHost(platform, scope, { kind, settings, secret }) }
}

/** What a host's failure is to a caller who waits for it. */
export async function refusing<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof DnsHostError)) throw error
    const code =
      error.kind === 'credentials'
        ? 'dns_host_credentials_refused'
        : error.kind === 'zone_missing'
          ? 'dns_zone_not_found'
          : 'dns_host_failed'
    throw new Refusal(code, error.message, { cause: error })
  }
}

/**
 * Keeps a connection that was tried.
 * @throws Refusal dns_host_limit_reached, workspace_not_found, forbidden.
 */
export async function createDnsHost(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewDnsHost,
): Promise<DnsHostRow> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const { count } = await tx
    .selectFrom('dns_hosts')
    .select((of) => of.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', scope.workspaceId)
    .executeTakeFirstOrThrow()
  if (Number(count) >= dnsHostPolicy.hostsPerWorkspaceMax) throw new Refusal('dns_host_limit_reached')
  const id = newId()
  const now = platform.clock.now()
  const row = await tx
    .insertInto('dns_hosts')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      kind: wanted.kind,
      name: wanted.name,
      settings: JSON.stringify(wanted.settings),
      ...sealed(platform, id, wanted.secret),
      state: 'working',
      last_error: null,
      checked_at: now,
      retry_at: null,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, 'dns_host.created', row)
  return row
}

/** Keeps a change that was tried; whatever failed at the host is tried anew. @throws Refusal dns_host_not_found. */
export async function updateDnsHost(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  update: DnsHostUpdate,
): Promise<DnsHostRow> {
  requireWrite(scope)
  const { id } = await getDnsHost(platform, scope, ref, tx)
  const now = platform.clock.now()
  const isTried = update.settings !== undefined || update.secret !== undefined
  const row = await tx
    .updateTable('dns_hosts')
    .set({
      updated_at: now,
      ...(update.name === undefined ? {} : { name: update.name }),
      ...(update.settings === undefined ? {} : { settings: JSON.stringify(update.settings) }),
      ...(update.secret === undefined ? {} : sealed(platform, id, update.secret)),
      ...(isTried ? { state: 'working' as const, last_error: null, checked_at: now, retry_at: null } : {}),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, 'dns_host.updated', row)
  if (isTried) {
    const domains = await domainsAt(tx, id)
    await addReconcileJobs(
      tx,
      domains.map((domain) => domain.id),
    )
  }
  return row
}

/** Domains that are kept at a host, or have something left there: deleted ones too, until it is taken away. */
export async function domainsAt(tx: Tx, hostId: string): Promise<{ id: string; leaving: boolean }[]> {
  const { rows } = await sql<{ id: string; leaving: boolean }>`
    select domains.id, domains.dns_host_id is distinct from ${hostId}::uuid or not ${isDrivenRow} as leaving
    from domains left join dns_host_domains on domain_id = domains.id
      and dns_host_domains.dns_host_id = ${hostId}::uuid
    where domains.dns_host_id = ${hostId}::uuid and ${isDrivenRow}
      or dns_host_domains.domain_id is not null`.execute(tx)
  return rows
}

/**
 * @param abandon whether what is still to be taken away there may stay.
 * @throws Refusal dns_host_not_found, dns_host_in_use.
 */
export async function deleteDnsHost(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  abandon: boolean,
): Promise<void> {
  requireWrite(scope)
  const { id } = await getDnsHost(platform, scope, ref, tx)
  await tx.selectFrom('dns_hosts').select('id').where('id', '=', id).forUpdate().execute()
  const domains = await domainsAt(tx, id)
  const kept = domains.filter(({ leaving }) => !leaving)
  if (kept.length > 0) {
    throw new Refusal('dns_host_in_use', `It keeps the records of ${kept.length} domains.`)
  }
  if (domains.length > 0 && !abandon) {
    throw new Refusal(
      'dns_host_in_use',
      `Records of ${domains.length} domains are still to be removed there.`,
    )
  }
  await removeDnsHost(platform, tx, id)
}

/** Those of deleted workspaces go, with their secrets, as soon as nothing of theirs is left to be taken away there. */
export async function forgetDnsHosts(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select dns_hosts.id from dns_hosts join workspaces on workspaces.id = workspace_id
      where workspaces.deleted_at is not null
        and not exists (select 1 from dns_host_domains where dns_host_id = dns_hosts.id)
      for update of dns_hosts`.execute(tx)
    for (const { id } of rows) await removeDnsHost(platform, tx, id)
  })
}

async function removeDnsHost(platform: Platform, tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('dns_host_domains').where('dns_host_id', '=', id).execute()
  await tx.updateTable('domains').set({ dns_host_id: null }).where('dns_host_id', '=', id).execute()
  const row = await tx.deleteFrom('dns_hosts').where('id', '=', id).returningAll().executeTakeFirstOrThrow()
  await tell(platform, tx, 'dns_host.deleted', row)
}

function sealed(platform: Platform, id: string, secret: string) {
  const { vault } = platform
  return {
    sealed_private_key: vault.seal(secret, privateKeyContext('dns_hosts', id)),
    key_id: vault.keyId,
  }
}

async function tell(
  platform: Platform,
  tx: Tx,
  type: Extract<EventType, `dns_host.${string}`>,
  row: DnsHostRow,
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { dns_host_id: row.id, kind: row.kind, name: row.name },
    },
  ])
}
