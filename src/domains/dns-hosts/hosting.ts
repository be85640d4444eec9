/** Which host drives a domain's DNS, and what was put there. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { type Db, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Domain, getDomain } from '../domains.ts'
import type { DnsHostDomainsTable, DnsHostRecordsTable } from './tables.ts'

export type Hosting = Selectable<DnsHostDomainsTable>
export type HostRecordRow = Selectable<DnsHostRecordsTable>

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

/** While another mode is pending both sides answer: the host that the domain goes to has its records before it gets there. */
function isDriven({ state, dns_mode: mode, pending_dns_mode: pending }: Domain): boolean {
  return state !== 'deleted' && (mode === 'driven' || pending === 'driven')
}

/** The same of a row of `domains`. */
export const isDrivenRow = sql<boolean>`(domains.state <> 'deleted'
  and (dns_mode = 'driven' or pending_dns_mode is not distinct from 'driven'))`

/** The rows that a domain's job is about; one that is missing for its present host is made. */
export async function hostingsOf(platform: Platform, domain: Domain): Promise<Hosting[]> {
  const hostId = isDriven(domain) ? domain.dns_host_id : null
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
