/** Host names in use: the platform's own, and those of domains that lead here. */

import { isIP, isIPv6 } from 'node:net'
import { sql } from 'kysely'
import type { Config } from '../../platform/config.ts'
import { type Dns, DnsFailure } from '../../platform/dns.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Domain } from '../domains.ts'
import { parseDomainName } from '../names.ts'
import { certificatePolicy } from './policy.ts'

/** The platform's name, where an authority could sign for it and no configured file does. */
export function ownHostName({
  hostname,
  tlsCertFile,
}: Pick<Config, 'hostname' | 'tlsCertFile'>): string | null {
  return tlsCertFile === null && isPublicName(hostname) ? hostname.toLowerCase() : null
}

/** Whether clients are shown a certificate for the platform's name that they know how to trust. */
export function hasRealCertificate(config: Config): boolean {
  return config.tlsCertFile !== null || (config.acmeDirectoryUrl !== null && ownHostName(config) !== null)
}

// RFC 6761 §6: these exist on no public server.
function isPublicName(name: string): boolean {
  return (
    isIP(name) === 0 && parseDomainName(name) !== null && !/\.(?:test|localhost|invalid|local)$/i.test(name)
  )
}

/** Whether a name leads to where the platform's name leads or its public addresses are, and nowhere else. No answer is no. */
export async function leadsHere(
  { dns, config }: Pick<Platform, 'dns' | 'config'>,
  name: string,
): Promise<boolean> {
  if (name === config.hostname.toLowerCase()) return true
  try {
    const [own, theirs] = await Promise.all([addressesOf(dns, config.hostname), addressesOf(dns, name)])
    const ours = new Set([...own, ...config.publicAddresses].map(plainAddress))
    return theirs.length > 0 && theirs.every((address) => ours.has(plainAddress(address)))
  } catch (error) {
    if (error instanceof DnsFailure) return false
    throw error
  }
}

/** One text for each address (RFC 5952): what an operator writes need not be what DNS gives. */
function plainAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address
}

async function addressesOf(dns: Dns, name: string): Promise<string[]> {
  return (await Promise.all([dns.lookup(name, 'A'), dns.lookup(name, 'AAAA')])).flat()
}

/** Enters the names in use that have no certificate yet; of domains some, those that were looked at longest ago. */
export async function enterHostNames(platform: Platform): Promise<void> {
  const own = ownHostName(platform.config)
  if (own !== null) await enter(platform, [{ hostName: own, domainId: null }])
  const now = platform.clock.now()
  const before = new Date(now.getTime() - certificatePolicy.namesHoldMs)
  const { rows: domains } = await sql<DomainWithNames>`
    update domains set host_names_checked_at = ${now} where id in (
      select id from domains
      where state = 'active' and (host_names_checked_at is null or host_names_checked_at < ${before})
      order by host_names_checked_at nulls first limit ${certificatePolicy.domainsPerRunMax}
      for update skip locked
    ) returning id, name, redirect_url`.execute(platform.db)
  for (const domain of domains) {
    if (!isPublicName(domain.name)) continue
    const names = namesOf(domain)
    const here = await Promise.all(names.map((one) => leadsHere(platform, one)))
    await enter(
      platform,
      names.filter((_, index) => here[index]).map((hostName) => ({ hostName, domainId: domain.id })),
    )
  }
}

type DomainWithNames = Pick<Domain, 'id' | 'name' | 'redirect_url'>

function namesOf({ name, redirect_url: redirectUrl }: DomainWithNames): string[] {
  const prefixed = certificatePolicy.domainPrefixes.map((prefix) => `${prefix}.${name}`)
  return redirectUrl === null ? prefixed : [...prefixed, name, `www.${name}`]
}

async function enter(
  { db, clock }: Platform,
  names: readonly { hostName: string; domainId: string | null }[],
): Promise<void> {
  if (names.length === 0) return
  const now = clock.now()
  await db
    .insertInto('certificates')
    .values(
      names.map(({ hostName, domainId }) => ({
        id: newId(),
        host_name: hostName,
        domain_id: domainId,
        state: 'pending' as const,
        attempts: 0,
        next_attempt_at: now,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
