/** Which host drives a domain's DNS: set, left and looked at. The work itself is the job's (reconcile.ts). */
import type { Selectable } from 'kysely'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Domain, getDomain } from '../domains.ts'
import { touchZones } from '../zones/serial.ts'
import { getDnsHost, openConnection, refusing } from './connections.ts'
import { locateZone } from './locate-zone.ts'
import type { DnsHostDomainsTable, DnsHostRecordsTable } from './tables.ts'

export type Hosting = Selectable<DnsHostDomainsTable>
export type HostRecordRow = Selectable<DnsHostRecordsTable>

export type WantedHosting = { dnsHostId: string; takeOver: boolean; createZone: boolean }

/**
 * Looks for the domain's zone at a host. Not for a transaction: it waits for the world.
 * @throws Refusal dns_zone_not_found unless it may be made; dns_host_credentials_refused, dns_host_failed,
 * dns_host_not_found, domain_not_found, forbidden.
 */
export async function requireZone(
  platform: Platform,
  scope: Scope,
  ref: string,
  wanted: WantedHosting,
): Promise<void> {
  requireWrite(scope)
  const domain = await getDomain(platform, scope, ref)
  const host = await getDnsHost(platform, scope, wanted.dnsHostId)
  const zone = await refusing(() => locateZone(openConnection(platform, host), domain.name))
  if (zone === null && !wanted.createZone) {
    throw new Refusal('dns_zone_not_found', `The host has no zone for ${domain.name}, nor for one above it.`)
  }
}

/**
 * Lets a host drive a domain's DNS. What we put at another host is taken away there.
 * @throws Refusal domain_not_found, dns_host_not_found, domain_state_conflict, forbidden.
 */
export async function setDnsHost(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: WantedHosting,
): Promise<Hosting> {
  requireWrite(scope)
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.state === 'deletion_scheduled' || domain.state === 'failed') {
    throw new Refusal('domain_state_conflict', `${domain.name} is ${domain.state}.`)
  }
  const host = await getDnsHost(platform, scope, wanted.dnsHostId, tx)
  // Locked, so that the connection is not deleted meanwhile.
  await tx.selectFrom('dns_hosts').select('id').where('id', '=', host.id).forShare().executeTakeFirstOrThrow()
  await tx
    .updateTable('dns_host_domains')
    .set({ leaving: true })
    .where('domain_id', '=', domain.id)
    .where('dns_host_id', '<>', host.id)
    .execute()
  const chosen = {
    take_over: wanted.takeOver,
    create_zone: wanted.createZone,
    leaving: false,
    put_back: true,
    state: 'pending' as const,
    attempts: 0,
    next_attempt_at: null,
  }
  const hosting = await tx
    .insertInto('dns_host_domains')
    .values({ ...newHosting(platform, domain.id, host.id), ...chosen })
    .onConflict((conflict) => conflict.columns(['domain_id', 'dns_host_id']).doUpdateSet(chosen))
    .returningAll()
    .executeTakeFirstOrThrow()
  await moveTo(platform, tx, domain, host.id)
  return hosting
}

/** The row of a domain that comes to a host. */
export function newHosting(platform: Platform, domainId: string, hostId: string) {
  return {
    domain_id: domainId,
    dns_host_id: hostId,
    zone_id: null,
    zone_name: null,
    take_over: false,
    create_zone: false,
    leaving: false,
    put_back: true,
    state: 'pending' as const,
    conflicts: '[]',
    error_kind: null,
    last_error: null,
    attempts: 0,
    checked_at: null,
    next_attempt_at: null,
    created_at: platform.clock.now(),
  }
}

/**
 * Gives a domain's DNS back into its owner's hands: what we put at the host is taken away.
 * @param putBack whether values that were displaced come back. An SPF record that ours was merged into always does.
 * @throws Refusal domain_not_found, domain_dns_not_driven, forbidden.
 */
export async function leaveDnsHost(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  putBack: boolean,
): Promise<void> {
  requireWrite(scope)
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.dns_host_id === null) throw new Refusal('domain_dns_not_driven')
  await tx
    .updateTable('dns_host_domains')
    .set({ leaving: true, put_back: putBack, attempts: 0, next_attempt_at: null })
    .where('domain_id', '=', domain.id)
    .where('dns_host_id', '=', domain.dns_host_id)
    .execute()
  await moveTo(platform, tx, domain, null)
}

async function moveTo(platform: Platform, tx: Tx, domain: Domain, hostId: string | null): Promise<void> {
  await tx
    .updateTable('domains')
    .set({
      dns_mode: hostId === null ? 'manual' : 'driven',
      dns_host_id: hostId,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', domain.id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'domain.dns_host_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name, dns_host_id: hostId },
    },
  ])
  await touchZones(platform, tx, [domain.id])
}

async function lockDomain(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  const { id } = await getDomain(platform, scope, ref, tx)
  const domain = await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
  if (!domain) throw new Refusal('domain_not_found')
  return domain
}

/** @throws Refusal domain_not_found, domain_dns_not_driven, forbidden. */
export async function getHosting(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<{ domain: Domain; hosting: Hosting; records: HostRecordRow[] }> {
  const domain = await getDomain(platform, scope, ref)
  const { dns_host_id: hostId } = domain
  if (hostId === null) throw new Refusal('domain_dns_not_driven')
  const hosting = await hostingOf(platform.db, domain.id, hostId)
  // A mode that was set without its host's row: the job makes it.
  if (hosting === undefined) throw new Refusal('domain_dns_not_driven')
  return { domain, hosting, records: await recordsAt(platform.db, domain.id, hostId) }
}

export async function hostingOf(db: Db, domainId: string, hostId: string): Promise<Hosting | undefined> {
  return await db
    .selectFrom('dns_host_domains')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('dns_host_id', '=', hostId)
    .executeTakeFirst()
}

/** What we put at a host for a domain, and what we took out. */
export async function recordsAt(db: Db, domainId: string, hostId: string): Promise<HostRecordRow[]> {
  return await db
    .selectFrom('dns_host_records')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('dns_host_id', '=', hostId)
    .orderBy('name')
    .orderBy('type')
    .orderBy('value')
    .execute()
}

/** The rows that a domain's job is about; one that is missing for its present host is made. */
export async function hostingsOf(platform: Platform, domain: Domain): Promise<Hosting[]> {
  const hostId = domain.dns_mode === 'driven' && domain.state !== 'deleted' ? domain.dns_host_id : null
  return await transaction(platform.db, async (tx) => {
    if (hostId !== null) {
      await tx
        .insertInto('dns_host_domains')
        .values(newHosting(platform, domain.id, hostId))
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    const rows = await tx
      .selectFrom('dns_host_domains')
      .selectAll()
      .where('domain_id', '=', domain.id)
      .orderBy('created_at')
      .execute()
    // Whatever the row says: a domain that this host does not drive leaves it. Those go first.
    return rows
      .map((row) => ({ ...row, leaving: row.leaving || row.dns_host_id !== hostId }))
      .sort((one, other) => Number(other.leaving) - Number(one.leaving))
  })
}
