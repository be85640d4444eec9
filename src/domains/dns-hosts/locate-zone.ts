/** The zone at a host that a domain's records go into: its own, or one above it. */
import { getDomain as registrableDomain } from 'tldts'
import type { DnsHost, HostZone } from './driver.ts'

/** @throws DnsHostError. */
export async function locateZone(host: DnsHost, domain: string): Promise<HostZone | null> {
  for (const name of zoneNames(domain)) {
    const zone = await host.findZone(name)
    if (zone !== null) return zone
  }
  return null
}

const zonesTriedMax = 5

/** The domain and what is above it, down to what was registered. */
function zoneNames(domain: string): string[] {
  const registered = registrableDomain(domain, { allowPrivateDomains: false }) ?? domain
  const labels = domain.split('.')
  return labels
    .map((_, index) => labels.slice(index).join('.'))
    .filter((name) => name === registered || name.endsWith(`.${registered}`))
    .slice(0, zonesTriedMax)
}
