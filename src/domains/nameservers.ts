/** Domains whose DNS we answer: who may have that, and from when on. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { DnsMode, DomainsTable } from './tables.ts'
import { nameserversOf } from './zones/own-names.ts'

type Mode = { dns_mode: DnsMode; pending_dns_mode: DnsMode | null }

/** Where a domain's DNS is going to be, or is. */
export function wantedDnsMode({ dns_mode: mode, pending_dns_mode: pending }: Mode): DnsMode {
  return pending ?? mode
}

/** The name servers that its owner has to set; none when we do not answer for it. */
export function wantedNameservers(
  { config }: Pick<Platform, 'config'>,
  domain: Mode & Pick<DomainsTable, 'workspace_id'>,
): string[] {
  return wantedDnsMode(domain) === 'served' ? nameserversOf(config, domain.workspace_id) : []
}

/** Who answers for a domain of the workspace whose owner has not said who should: this platform, where it has name servers. */
export function usualDnsMode({ config }: Pick<Platform, 'config'>, workspaceId: string): 'served' | 'manual' {
  return nameserversOf(config, workspaceId).length > 0 ? 'served' : 'manual'
}

/** @throws Refusal nameservers_unavailable when the platform has no name servers. */
export function requireNameservers(
  { config }: Pick<Platform, 'config'>,
  mode: DnsMode,
  workspaceId: string,
): void {
  if (mode === 'served' && nameserversOf(config, workspaceId).length === 0) {
    throw new Refusal('nameservers_unavailable')
  }
}

/**
 * Holds the zones of served domains that another workspace had here before: our servers answer whoever asks, and the
 * delegation may be left over from then, so that answering would hand the name over to whoever connects it next. The
 * checks end a hold (checks/decide.ts). For the transaction that connects them, or makes them served.
 */
export async function holdFormerZones(tx: Tx, domainIds: readonly string[]): Promise<void> {
  await sql`update domains as present set zone_held = true
    where id = any(${domainIds}::uuid[]) and (dns_mode = 'served' or pending_dns_mode = 'served')
      and name not like '%.test'
      and exists (select 1 from domains as former where former.name = present.name and former.state = 'deleted'
        and former.workspace_id <> present.workspace_id
        and (former.dns_mode = 'served' or former.pending_dns_mode is not null))`.execute(tx)
}
