/** A domain that comes to a workspace: its row, what follows from it, and how many of them there may be. */
import { randomBytes } from 'node:crypto'
import { type Insertable, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { startChecks } from './checks/start.ts'
import { addDkimKeysJob } from './dkim-keys.ts'
import type { DomainState } from './lifecycle.ts'
import { type DomainName, isPublicSuffix, isSandboxName, parseDomainName } from './names.ts'
import { holdFormerZones, requireNameservers } from './nameservers.ts'
import type { Product } from './products.ts'
import type { DnsMode, Domain, DomainsTable } from './tables.ts'
import { touchZones } from './zones/serial.ts'

export type NewDomainRow = Insertable<DomainsTable>

/** A name that may be connected, as it is kept. @throws Refusal domain_invalid, nameservers_unavailable. */
export function requireConnectable(
  platform: Platform,
  scope: Scope,
  text: string,
  dnsMode: DnsMode,
): DomainName {
  const name = parseDomainName(text)
  if (name === null) throw new Refusal('domain_invalid', `"${text}" is not a domain name.`)
  if (isPublicSuffix(name)) throw new Refusal('domain_invalid', `"${name}" is a registry's own name.`)
  requireNameservers(platform, dnsMode, scope.workspaceId)
  return name
}

export function newDomainRow(
  platform: Platform,
  scope: Scope,
  domain: { name: string; state: DomainState; dnsMode: DnsMode; batchId?: string; product?: Product | null },
): NewDomainRow {
  const now = platform.clock.now()
  return {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    name: domain.name,
    state: domain.state,
    ownership_token: randomBytes(16).toString('hex'),
    dns_mode: domain.dnsMode,
    batch_id: domain.batchId ?? null,
    product: domain.product ?? null,
    created_at: now,
    updated_at: now,
    state_changed_at: now,
  }
}

/** Of a domain that is connected. */
export function firstState(name: DomainName, dnsMode: DnsMode): DomainState {
  return isSandboxName(name) ? 'active' : waitingState(dnsMode)
}

/** What a domain waits for that is not active yet. */
export function waitingState(dnsMode: DnsMode): 'pending_nameservers' | 'pending_records' {
  return dnsMode === 'served' ? 'pending_nameservers' : 'pending_records'
}

/** What rows that were just inserted have for others: they are told of, get keys, and are looked at; zones are served. */
export async function followNewDomains(
  platform: Platform,
  tx: Tx,
  domains: readonly Domain[],
): Promise<void> {
  await appendEvents(
    platform,
    tx,
    domains.map((domain) => ({
      type: 'domain.created' as const,
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name, state: domain.state },
    })),
  )
  const ids = domains.map(({ id }) => id)
  await addDkimKeysJob(tx, ids)
  await startChecks(tx, ids, platform.clock.now())
  await serveZones(
    platform,
    tx,
    domains.filter(({ dns_mode: mode }) => mode === 'served').map(({ id }) => id),
  )
}

/** Their zones are served from now on, unless a former owner's delegation may stand in the way. */
export async function serveZones(platform: Platform, tx: Tx, domainIds: readonly string[]): Promise<void> {
  await holdFormerZones(tx, domainIds)
  await touchZones(platform, tx, domainIds)
}

/**
 * How many more domains the workspace may have (MAILWRIGHT_DOMAINS_PER_WORKSPACE). Until the transaction ends nobody
 * else adds some.
 */
export async function domainRoom(platform: Platform, tx: Tx, scope: Scope): Promise<number> {
  const max = platform.config.domainsPerWorkspace
  if (max === null) return Number.POSITIVE_INFINITY
  await sql`select pg_advisory_xact_lock(hashtextextended(${`domains:${scope.workspaceId}`}, 0))`.execute(tx)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from (
    select 1 from domains where workspace_id = ${scope.workspaceId} and state <> 'deleted' limit ${max}) as counted`.execute(
    tx,
  )
  return max - (rows[0]?.count ?? 0)
}

/** @throws Refusal domain_limit_reached. */
export async function requireDomainRoom(platform: Platform, tx: Tx, scope: Scope): Promise<void> {
  if ((await domainRoom(platform, tx, scope)) < 1) throw limitReached(platform)
}

export function limitReached({ config: { domainsPerWorkspace: max } }: Platform): Refusal {
  return new Refusal(
    'domain_limit_reached',
    `A workspace may have ${max} domains, those that can be restored included.`,
    max === null ? {} : { quota: { max, used: max } },
  )
}
