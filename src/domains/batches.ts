/** Batches: many domains connected in one call, and what is left to do for each. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Db, Tx } from '../platform/database.ts'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { Domain } from './domains.ts'
import type { DomainName } from './names.ts'
import { wantedNameservers } from './nameservers.ts'
import {
  domainRoom,
  firstState,
  followNewDomains,
  limitReached,
  type NewDomainRow,
  newDomainRow,
  requireConnectable,
} from './new-domain.ts'
import type { Product } from './products.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain_batch.completed': { batch_id: string; requested: number; created: number; failed: number }
  }
}

export type NewDomain = {
  name: string
  dnsMode: 'served' | 'manual'
  /** The only one that it is for. Default: any. */
  product?: Product
}

export type ConnectResult =
  | { status: 'created'; domain: Domain }
  | { status: 'failed'; name: string; code: ErrorCode; detail: string }

/** How many domains one call may connect. */
export const domainBatchMax = 1000

export type DomainBatch = Selectable<DomainBatchesTable>

/** An item that cannot be connected does not keep the others from it. */
export type BatchFailure = { index: number; name: string; code: ErrorCode; detail: string }

export type DomainBatchesTable = {
  id: string
  organization_id: string
  workspace_id: string
  requested: number
  created: number
  failed: number
  /** As JSON when it is written. */
  failures: BatchFailure[]
  created_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    domain_batches: DomainBatchesTable
  }
}

/**
 * Connects the domains that can be connected.
 * @returns the batch and a result for each item, in their order.
 * @throws Refusal workspace_not_found, forbidden.
 */
export async function connectBatch(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewDomain[],
): Promise<{ batch: DomainBatch; results: ConnectResult[] }> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const id = newId()
  const results = await connectAll(platform, tx, scope, items, id)
  const failures = results.flatMap((result, index): BatchFailure[] =>
    result.status === 'failed'
      ? [{ index, name: result.name, code: result.code, detail: result.detail }]
      : [],
  )
  const counts = { requested: items.length, created: items.length - failures.length, failed: failures.length }
  const batch = {
    id,
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    ...counts,
    failures,
    created_at: platform.clock.now(),
  }
  await sql`insert into domain_batches (id, organization_id, workspace_id, requested, created, failed, failures, created_at)
    values (${id}, ${batch.organization_id}, ${batch.workspace_id}, ${batch.requested}, ${batch.created}, ${batch.failed},
      ${JSON.stringify(failures)}::jsonb, ${batch.created_at})`.execute(tx)
  await appendEvents(platform, tx, [
    {
      type: 'domain_batch.completed',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      data: { batch_id: id, ...counts },
    },
  ])
  return { batch, results }
}

async function connectAll(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewDomain[],
  batchId: string,
): Promise<ConnectResult[]> {
  const results = new Map<number, ConnectResult>()
  const fail = (index: number, refusal: Refusal): void => {
    const name = items[index]?.name ?? ''
    results.set(index, { status: 'failed', name, code: refusal.code, detail: refusal.detail })
  }
  const wanted = new Map<string, { index: number; row: NewDomainRow }>()
  let room = await domainRoom(platform, tx, scope)
  for (const [index, item] of items.entries()) {
    const name = connectableOrRefusal(platform, scope, item)
    if (name instanceof Refusal) fail(index, name)
    else if (wanted.has(name))
      fail(index, new Refusal('domain_taken', `${name} occurs twice in the request.`))
    else if (room-- < 1) fail(index, limitReached(platform))
    else {
      const { dnsMode, product = null } = item
      const state = firstState(name, dnsMode)
      const row = newDomainRow(platform, scope, { name, state, dnsMode, batchId, product })
      wanted.set(name, { index, row })
    }
  }
  // All transactions take names in the same order, so that two batches cannot lock each other out.
  const rows = [...wanted.keys()].sort().flatMap((name) => wanted.get(name)?.row ?? [])
  const made = await insertFree(platform, tx, rows)
  const byName = new Map(made.map((domain) => [domain.name, domain]))
  for (const [name, { index }] of wanted) {
    const domain = byName.get(name)
    if (domain) results.set(index, { status: 'created', domain })
    else fail(index, new Refusal('domain_taken', `${name} is already connected.`))
  }
  return items.map((_, index) => {
    const result = results.get(index)
    if (!result) throw new Error('an item of the batch has no result')
    return result
  })
}

function connectableOrRefusal(
  platform: Platform,
  scope: Scope,
  { name, dnsMode }: NewDomain,
): DomainName | Refusal {
  try {
    return requireConnectable(platform, scope, name, dnsMode)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Those whose name nobody has. */
async function insertFree(platform: Platform, tx: Tx, rows: NewDomainRow[]): Promise<Domain[]> {
  if (rows.length === 0) return []
  const made = await tx
    .insertInto('domains')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .execute()
  await followNewDomains(platform, tx, made)
  return made
}

export type NameserverGroup = { nameservers: string[]; domains: string[] }

/** What has to be set at registrars: the domains by the name servers that they should have. Those of others are left out. */
export function nameserverGroups(platform: Platform, domains: readonly Domain[]): NameserverGroup[] {
  const groups = new Map<string, NameserverGroup>()
  for (const domain of domains) {
    const nameservers = wantedNameservers(platform, domain)
    if (nameservers.length === 0) continue
    const key = nameservers.join(' ')
    const group = groups.get(key) ?? { nameservers, domains: [] }
    group.domains.push(domain.name)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** @throws Refusal batch_not_found, forbidden. */
export async function getDomainBatch(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<{ batch: DomainBatch; domains: Domain[] }> {
  requireWorkspace(scope)
  const batch = isId(id)
    ? await db
        .selectFrom('domain_batches')
        .selectAll()
        .where('id', '=', id)
        .where('workspace_id', '=', scope.workspaceId)
        .executeTakeFirst()
    : undefined
  if (!batch) throw new Refusal('batch_not_found')
  const domains = await db
    .selectFrom('domains')
    .selectAll()
    .where('batch_id', '=', batch.id)
    .orderBy('id')
    .limit(domainBatchMax)
    .execute()
  return { batch, domains }
}
