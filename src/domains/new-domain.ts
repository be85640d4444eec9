/** The row of a domain that comes to a workspace, and how many of them there may be. */
import { randomBytes } from 'node:crypto'
import { type Insertable, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { DomainState } from './lifecycle.ts'
import type { DnsMode, DomainsTable } from './tables.ts'

export type NewDomainRow = Insertable<DomainsTable>

export function newDomainRow(
  platform: Platform,
  scope: Scope,
  domain: { name: string; state: DomainState; dnsMode: DnsMode; batchId?: string },
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
    created_at: now,
    updated_at: now,
    state_changed_at: now,
  }
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

export function limitReached({ config }: Platform): Refusal {
  return new Refusal(
    'domain_limit_reached',
    `A workspace may have ${config.domainsPerWorkspace} domains, those that can be restored included.`,
  )
}
