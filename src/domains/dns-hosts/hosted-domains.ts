/** Which domains of a workspace are kept at hosts of one kind, read in one statement. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { DnsHostKind } from './drivers.ts'

export type HostedDomain = {
  domain_id: string
  dns_host_id: string
  /** Of the connection: whether its last request failed for a reason that concerns all its domains. */
  host_state: 'working' | 'failing'
  /** The host's own name for the zone; null until it was found. */
  zone_id: string | null
}

/** By the domains' ids. @param among only those of these; null: all. @throws Refusal forbidden. */
export async function hostedDomains(
  db: Db,
  scope: Scope,
  kind: DnsHostKind,
  among: readonly string[] | null = null,
): Promise<ReadonlyMap<string, HostedDomain>> {
  requireWorkspace(scope)
  const { rows } =
    await sql<HostedDomain>`/* prepared ${sql.raw(among === null ? 'domains_at_hosts' : 'domains_at_hosts_among')} */
    select domains.id as domain_id, dns_hosts.id as dns_host_id, dns_hosts.state as host_state, zone_id
    from domains join dns_hosts on dns_hosts.id = domains.dns_host_id and dns_hosts.kind = ${kind}
      left join dns_host_domains on dns_host_domains.domain_id = domains.id
        and dns_host_domains.dns_host_id = dns_hosts.id
    where domains.workspace_id = ${scope.workspaceId}::uuid and domains.state <> 'deleted'
      and ${among === null ? sql`true` : sql`domains.id = any(${uuidArray(among)})`}`.execute(db)
  return new Map(rows.map((row) => [row.domain_id, row]))
}
