/** The zones at a host, and connecting the domains that they are of: the host is driven for each from then on. */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { connectBatch } from '../batches.ts'
import { type Domain, domainsByName } from '../domains.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { RRset } from '../zones/records.ts'
import { type DnsHostRow, openConnection, refusing } from './connections.ts'
import { setDnsHost } from './drive.ts'
import type { HostZone, ListedZone } from './driver.ts'
import { dnsHostPolicy } from './policy.ts'

/**
 * The zones that a connection shows. Not for a transaction: it waits for the world.
 * @throws Refusal dns_host_credentials_refused, dns_host_failed; invalid_request for a kind that lists none.
 */
export async function zonesAt(platform: Platform, row: DnsHostRow): Promise<ListedZone[]> {
  const host = openConnection(platform, row)
  return await refusing(async () => {
    if (!host.listZones) {
      throw new Refusal('invalid_request', `A host of the kind ${row.kind} does not list its zones.`)
    }
    return await host.listZones(dnsHostPolicy.zonesListedMax)
  })
}

/** What is in one of them. Not for a transaction either. @throws Refusal as `zonesAt`, dns_zone_not_found. */
export async function recordsOfZone(platform: Platform, row: DnsHostRow, zone: HostZone): Promise<RRset[]> {
  return await refusing(() => openConnection(platform, row).listRRsets(zone))
}

/**
 * What became of a zone. connected: its domain is new here. reconnected: it was here, and its DNS was not driven.
 * already_connected: it is driven already. already_exists: another workspace has it.
 */
export type ImportedZone = { name: string } & (
  | { outcome: 'connected'; domain: Domain }
  | { outcome: 'reconnected'; domain: Domain }
  | { outcome: 'already_connected'; domain: Domain }
  | { outcome: 'already_exists' }
  | { outcome: 'failed'; problem: string }
)

/**
 * Connects the domains of some zones of a host, and lets it keep their records. Records of others stay there.
 * @returns a result for each, in their order: one that cannot be had does not keep the others from it.
 * @throws Refusal dns_host_not_found, workspace_not_found, forbidden.
 */
export async function importZones(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  dnsHostId: string,
  names: readonly string[],
): Promise<ImportedZone[]> {
  requireWrite(scope)
  const wanted = { dnsHostId, takeOver: false, createZone: false }
  const known = await domainsByName(tx, scope, names)
  const results = new Map<string, ImportedZone>()
  for (const domain of [...known.values()].sort(byId)) {
    const { name } = domain
    const problem = problemOf(domain)
    if (wantedDnsMode(domain) === 'driven') results.set(name, { name, outcome: 'already_connected', domain })
    else if (problem !== null) results.set(name, { name, outcome: 'failed', problem })
    else {
      await setDnsHost(platform, tx, scope, domain.id, wanted)
      results.set(name, { name, outcome: 'reconnected', domain })
    }
  }
  const fresh = [...new Set(names)].filter((name) => !known.has(name))
  const items = fresh.map((name) => ({ name, dnsMode: 'manual' as const }))
  const made = items.length === 0 ? [] : (await connectBatch(platform, tx, scope, items)).results
  for (const [at, name] of fresh.entries()) {
    const result = made[at]
    if (result?.status === 'created') {
      await setDnsHost(platform, tx, scope, result.domain.id, wanted)
      results.set(name, { name, outcome: 'connected', domain: result.domain })
    } else if (result?.code === 'domain_taken') results.set(name, { name, outcome: 'already_exists' })
    else results.set(name, { name, outcome: 'failed', problem: result?.detail ?? 'It was not connected.' })
  }
  return names.flatMap((name) => results.get(name) ?? [])
}

const byId = (one: Domain, other: Domain): number => (one.id < other.id ? -1 : 1)

/** What keeps a domain that is here from being brought to a host with many others; null: nothing. */
function problemOf(domain: Domain): string | null {
  const { name, state } = domain
  if (state === 'deletion_scheduled' || state === 'failed') return `${name} is ${state}.`
  // Whether it may leave depends on its parent (dnssec/leaving.ts), which is asked for one domain at a time.
  const isServed = domain.dns_mode === 'served' && state !== 'pending_nameservers'
  return isServed ? `${name} is served by this platform’s own name servers.` : null
}
