/** Domains: connected, listed, locked, moved between states and deleted. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { requireWorkspace, requireWrite } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import { type Db, type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { addReconcileJobs } from './dns-hosts/jobs.ts'
import { type DomainState, mayMoveDomain } from './lifecycle.ts'
import { parseDomainName } from './names.ts'
import {
  firstState,
  followNewDomains,
  newDomainRow,
  requireConnectable,
  requireDomainRoom,
} from './new-domain.ts'
import type { Product } from './products.ts'
import type { DnsMode, Domain } from './tables.ts'

export type { Domain } from './tables.ts'

/**
 * Connects a domain that the caller has. A sandbox name is active at once; any other waits for its records, or for its
 * name servers.
 * @throws Refusal domain_invalid, domain_taken, domain_limit_reached, nameservers_unavailable, workspace_not_found,
 *   forbidden.
 */
export async function connectDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  text: string,
  { dnsMode = 'manual', product = null }: { dnsMode?: DnsMode; product?: Product | null } = {},
): Promise<Domain> {
  requireWrite(scope)
  requireWorkspace(scope)
  const name = requireConnectable(platform, scope, text, dnsMode)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  await requireDomainRoom(platform, tx, scope)
  const state = firstState(name, dnsMode)
  const domain = await tx
    .insertInto('domains')
    .values(newDomainRow(platform, scope, { name, state, dnsMode, product }))
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) === 'domains_name') {
        throw new Refusal('domain_taken', `${name} is already connected.`, { cause: error })
      }
      throw error
    })
  await followNewDomains(platform, tx, [domain])
  return await getDomain(platform, scope, domain.id, tx)
}

export type DomainFilter = { state: DomainState | null; search: string | null }

/** The workspace's domains, oldest first. */
export async function listDomains(
  platform: Platform,
  scope: Scope,
  filter: DomainFilter,
  page: PageRequest,
): Promise<Page<Domain>> {
  requireWorkspace(scope)
  const rows = await livingDomains(platform.db, scope)
    .$if(filter.state !== null, (query) => query.where(sql<boolean>`state = ${filter.state}`))
    .$if(filter.search !== null, (query) =>
      query.where(sql<boolean>`position(${filter.search?.toLowerCase()} in name) > 0`),
    )
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * @param ref the id or the name.
 * @param db the transaction, inside one: a second connection asked for while the first is held could wait for ever.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function getDomain(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Domain> {
  requireWorkspace(scope)
  const name = parseDomainName(ref)
  const found = isId(ref)
    ? await livingDomains(db, scope).where('id', '=', ref).executeTakeFirst()
    : name && (await livingDomains(db, scope).where('name', '=', name).executeTakeFirst())
  if (!found) throw new Refusal('domain_not_found')
  return found
}

/** Those of the workspace with these ids, also what is gone. */
export async function domainsById(
  db: Db,
  scope: Scope,
  ids: readonly string[],
): Promise<Map<string, Domain>> {
  const rows = await db
    .selectFrom('domains')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .execute()
  return new Map(rows.map((domain) => [domain.id, domain]))
}

/** Those of the workspace with these names, in their one form (names.ts); not what is gone. */
export async function domainsByName(
  db: Db,
  scope: Scope,
  names: readonly string[],
): Promise<Map<string, Domain>> {
  const rows = await livingDomains(db, scope).where(sql<boolean>`name = any(${names}::text[])`).execute()
  return new Map(rows.map((domain) => [domain.name, domain]))
}

/** How many domains the workspace has in each state. @throws Refusal forbidden. */
export async function countDomains(db: Db, scope: Scope): Promise<Map<DomainState, number>> {
  requireWorkspace(scope)
  const { rows } = await sql<{ state: DomainState; count: number }>`
    select state, count(*)::int as count from domains
    where workspace_id = ${scope.workspaceId}::uuid and state <> 'deleted' group by state`.execute(db)
  return new Map(rows.map(({ state, count }) => [state, count]))
}

/** How many domains each of these workspaces has; of one without any there is nothing. */
export async function countDomainsOf(db: Db, workspaceIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; count: number }>`
    select workspace_id as id, count(*)::int as count from domains
    where workspace_id = any(${uuidArray(workspaceIds)}) and state <> 'deleted' group by workspace_id`.execute(
    db,
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

/**
 * Removes a domain that has no mailboxes. `isEmpty` is asked inside the transaction, with the row locked,
 * because mailboxes stand on the floor above.
 * @throws Refusal domain_not_found, domain_not_empty.
 */
export async function deleteDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  isEmpty: (tx: Tx, domainId: string) => Promise<boolean>,
): Promise<void> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (!(await isEmpty(tx, domain.id))) throw new Refusal('domain_not_empty')
  await endDomain(platform, tx, domain)
}

/** The domain, locked against other changes until the transaction ends. @throws Refusal domain_not_found, forbidden. */
export async function lockDomain(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  requireWrite(scope)
  const { id } = await getDomain(platform, scope, ref, tx)
  const locked = await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
  if (!locked) throw new Refusal('domain_not_found')
  return locked
}

/** Ends a locked domain for good: its name is free, and its keys and records are gone. */
export async function endDomain(platform: Platform, tx: Tx, domain: Domain): Promise<void> {
  await moveDomain(platform, tx, domain, 'deleted')
  await tx.updateTable('domains').set({ is_shared: false }).where('id', '=', domain.id).execute()
  await tx.deleteFrom('dkim_keys').where('domain_id', '=', domain.id).execute()
  await tx.deleteFrom('dnssec_keys').where('domain_id', '=', domain.id).execute()
  await tx.deleteFrom('zone_records').where('domain_id', '=', domain.id).execute()
  await tx.deleteFrom('domain_taggings').where('domain_id', '=', domain.id).execute()
  await addReconcileJobs(tx, [domain.id])
  await appendEvents(platform, tx, [
    {
      type: 'domain.deleted',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name },
    },
  ])
}

/** Moves a locked domain to another state. A move that the table does not allow is our own defect. */
export async function moveDomain(platform: Platform, tx: Tx, domain: Domain, to: DomainState): Promise<void> {
  if (!mayMoveDomain(domain.state, to)) throw new Error(`a domain cannot go from ${domain.state} to ${to}`)
  const now = platform.clock.now()
  await tx
    .updateTable('domains')
    .set({
      state: to,
      state_changed_at: now,
      updated_at: now,
      ...(to === 'active' ? { activated_at: now } : {}),
    })
    .where('id', '=', domain.id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'domain.state_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name, from: domain.state, to },
    },
  ])
}

/** The domains of these names, locked against deletion until the transaction ends. */
export async function lockDomainsByName(tx: Tx, scope: Scope, names: readonly string[]): Promise<Domain[]> {
  return await tx
    .selectFrom('domains')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where(sql<boolean>`name = any(${names}::text[])`)
    .where('state', '<>', 'deleted')
    .orderBy('id')
    .forShare()
    .execute()
}

function livingDomains(db: Db, scope: Scope) {
  return db
    .selectFrom('domains')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', '<>', 'deleted')
}
