/** Which host drives a domain's DNS: set and left. The work itself is the job's (reconcile.ts). */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { startChecks } from '../checks/start.ts'
import { type Domain, getDomain, lockDomain } from '../domains.ts'
import { applyMode } from '../settings.ts'
import { touchZones } from '../zones/serial.ts'
import { getDnsHost, openConnection, refusing } from './connections.ts'
import { type Hosting, newHosting } from './hosting.ts'
import { locateZone } from './locate-zone.ts'

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
  await moveTo(platform, tx, scope, domain, { ...modeAtHost(domain), dns_host_id: host.id })
  return hosting
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
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.dns_host_id === null) throw new Refusal('domain_dns_not_driven')
  await tx
    .updateTable('dns_host_domains')
    .set({ leaving: true, put_back: putBack, attempts: 0, next_attempt_at: null })
    .where('domain_id', '=', domain.id)
    .where('dns_host_id', '=', domain.dns_host_id)
    .execute()
  await moveTo(platform, tx, scope, domain, { ...modeAfterHost(domain), dns_host_id: null })
}

type Mode = Pick<Domain, 'dns_mode' | 'pending_dns_mode'>

/**
 * A zone that we answer for is answered until its delegation has followed (checks/decide.ts); the host has the records by
 * then. A domain that was not active yet has nothing to lose.
 */
function modeAtHost({ dns_mode: mode, state }: Domain): Mode {
  const isWaiting = state === 'pending_nameservers' || state === 'pending_records'
  return mode === 'served' && !isWaiting
    ? { dns_mode: 'served', pending_dns_mode: 'driven' }
    : { dns_mode: 'driven', pending_dns_mode: null }
}

/** Back to what it was before, on to what is pending, or into its owner's hands. */
function modeAfterHost({ dns_mode: mode, pending_dns_mode: pending }: Domain): Mode {
  if (mode !== 'driven') return { dns_mode: mode, pending_dns_mode: null }
  return { dns_mode: pending ?? 'manual', pending_dns_mode: null }
}

async function moveTo(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domain: Domain,
  to: Mode & { dns_host_id: string | null },
): Promise<void> {
  const now = platform.clock.now()
  await tx
    .updateTable('domains')
    .set({ ...to, settings_version: domain.settings_version + 1, updated_at: now })
    .where('id', '=', domain.id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'domain.dns_host_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name, dns_host_id: to.dns_host_id },
    },
  ])
  await applyMode(platform, tx, scope, domain)
  await touchZones(platform, tx, [domain.id])
  await startChecks(tx, [domain.id], now)
}
