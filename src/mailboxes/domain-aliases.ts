/** Domain aliases: the mail of one domain is treated as if it were sent to the same local part of another. */
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { getDomain, lockDomainsByName } from '../domains/domains.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'

export type DomainAlias = { domainId: string; name: string; of: string; createdAt: Date }

export const aliasesPerDomainMax = 100

/** The aliases of a domain, by name. @throws Refusal domain_not_found. */
export async function listDomainAliases(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<DomainAlias[]> {
  const of = await getDomain(platform, scope, ref)
  const rows = await platform.db
    .selectFrom('domain_aliases')
    .innerJoin('domains', 'domains.id', 'domain_aliases.domain_id')
    .select(['domains.id', 'domains.name', 'domain_aliases.created_at'])
    .where('of_domain_id', '=', of.id)
    .orderBy('domains.name')
    .execute()
  return rows.map((row) => ({ domainId: row.id, name: row.name, of: of.name, createdAt: row.created_at }))
}

/**
 * Makes a connected domain an alias of another of the same workspace. Addresses of its own come first. One step only:
 * no alias of an alias, so that nothing can go in a circle.
 * @param ref the domain that has the mailboxes. @param aliasRef the one that becomes its alias.
 * @throws Refusal domain_not_found, domain_alias_conflict, address_limit_reached, forbidden.
 */
export async function addDomainAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  aliasRef: string,
): Promise<DomainAlias> {
  requireWrite(scope)
  requireWorkspace(scope)
  const of = await getDomain(platform, scope, ref, tx)
  const alias = await getDomain(platform, scope, aliasRef, tx)
  if (of.id === alias.id) throw new Refusal('domain_alias_conflict', 'A domain is no alias of itself.')
  await lockDomainsByName(tx, scope, [of.name, alias.name])
  // Two calls at once could each make one end of a chain.
  await tx
    .selectFrom('workspaces')
    .select('id')
    .where('id', '=', scope.workspaceId)
    .forNoKeyUpdate()
    .execute()
  const related = await tx
    .selectFrom('domain_aliases')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where((where) =>
      where.or([where('domain_id', 'in', [of.id, alias.id]), where('of_domain_id', 'in', [of.id, alias.id])]),
    )
    .execute()
  const conflict = (detail: string): never => {
    throw new Refusal('domain_alias_conflict', detail)
  }
  if (related.some((row) => row.domain_id === alias.id)) conflict(`${alias.name} is an alias already.`)
  if (related.some((row) => row.domain_id === of.id)) conflict(`${of.name} is an alias itself.`)
  if (related.some((row) => row.of_domain_id === alias.id)) conflict(`${alias.name} has aliases of its own.`)
  if (related.length >= aliasesPerDomainMax) throw new Refusal('address_limit_reached')
  const catchAll = await tx
    .selectFrom('addresses')
    .select('address')
    .where('address', '=', `@${alias.name}`)
    .executeTakeFirst()
  if (catchAll) conflict(`${alias.name} has a catch-all.`)
  const createdAt = platform.clock.now()
  const { workspaceId, organizationId } = scope
  await tx
    .insertInto('domain_aliases')
    .values({ domain_id: alias.id, of_domain_id: of.id, workspace_id: workspaceId, created_at: createdAt })
    .execute()
  const data = { domain_id: alias.id, name: alias.name, of_domain_id: of.id, of: of.name }
  await appendEvents(platform, tx, [{ type: 'domain_alias.created', organizationId, workspaceId, data }])
  return { domainId: alias.id, name: alias.name, of: of.name, createdAt }
}

/** @throws Refusal domain_not_found, domain_alias_not_found, forbidden. */
export async function removeDomainAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  aliasRef: string,
): Promise<void> {
  requireWrite(scope)
  requireWorkspace(scope)
  const of = await getDomain(platform, scope, ref, tx)
  const alias = await getDomain(platform, scope, aliasRef, tx)
  const { numDeletedRows } = await tx
    .deleteFrom('domain_aliases')
    .where('domain_id', '=', alias.id)
    .where('of_domain_id', '=', of.id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw new Refusal('domain_alias_not_found')
  const { workspaceId, organizationId } = scope
  const data = { domain_id: alias.id, name: alias.name }
  await appendEvents(platform, tx, [{ type: 'domain_alias.deleted', organizationId, workspaceId, data }])
}
