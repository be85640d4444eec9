/** Host names in use: the platform's own, and those of domains that lead here. */

import { isIP } from 'node:net'
import { sql } from 'kysely'
import type { Config } from '../../platform/config.ts'
import { type Dns, DnsFailure } from '../../platform/dns.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
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

/** Whether a name leads to the hosts that the platform's name leads to, and nowhere else. No answer is no. */
export async function leadsHere(
  { dns, config }: Pick<Platform, 'dns' | 'config'>,
  name: string,
): Promise<boolean> {
  if (name === config.hostname.toLowerCase()) return true
  try {
    const [ours, theirs] = await Promise.all([addressesOf(dns, config.hostname), addressesOf(dns, name)])
    return theirs.length > 0 && theirs.every((address) => ours.includes(address))
  } catch (error) {
    if (error instanceof DnsFailure) return false
    throw error
  }
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
  const { rows: domains } = await sql<{ id: string; name: string }>`
    update domains set host_names_checked_at = ${now} where id in (
      select id from domains
      where state = 'active' and (host_names_checked_at is null or host_names_checked_at < ${before})
      order by host_names_checked_at nulls first limit ${certificatePolicy.domainsPerRunMax}
      for update skip locked
    ) returning id, name`.execute(platform.db)
  for (const { id, name } of domains) {
    if (!isPublicName(name)) continue
    const names = certificatePolicy.domainPrefixes.map((prefix) => `${prefix}.${name}`)
    const here = await Promise.all(names.map((one) => leadsHere(platform, one)))
    await enter(
      platform,
      names.filter((_, index) => here[index]).map((hostName) => ({ hostName, domainId: id })),
    )
  }
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
