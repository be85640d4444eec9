/**
 * The shared domain: the operator may let every workspace have mailboxes of its identities in one domain. All else of the
 * domain stays with the workspace that has it, and others do not see it.
 */
import { requireOperator } from '../accounts/operator.ts'
import type { Principal, Scope } from '../accounts/principals.ts'
import { type Db, type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { type Domain, lockDomain } from './domains.ts'
import type { HandleDomain } from './handle-domain.ts'

/** The shared domain while it is active, or null. */
export async function findSharedDomain(db: Db): Promise<HandleDomain | null> {
  const domain = await db
    .selectFrom('domains')
    .select(['id', 'name', 'workspace_id'])
    .where('is_shared', '=', true)
    .where('state', '=', 'active')
    .executeTakeFirst()
  return domain ?? null
}

/** The shared domain, kept from deletion until the transaction ends; null when it has another name, or is not active. */
export async function lockSharedDomain(tx: Tx, name: string): Promise<Domain | null> {
  const domain = await tx
    .selectFrom('domains')
    .selectAll()
    .where('is_shared', '=', true)
    .where('name', '=', name)
    .where('state', '=', 'active')
    .forShare()
    .executeTakeFirst()
  return domain ?? null
}

/**
 * Shares a domain with all workspaces, or does so no more; the mailboxes that are in it stay.
 * @param ref the id or the name.
 * @throws Refusal forbidden, domain_not_found, domain_state_conflict (it is not active, or another one is shared).
 */
export async function shareDomain(
  platform: Platform,
  tx: Tx,
  { principal, scope }: { principal: Principal; scope: Scope },
  ref: string,
  isShared: boolean,
): Promise<Domain> {
  await requireOperator(tx, principal)
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.is_shared === isShared) return domain
  if (isShared && domain.state !== 'active') {
    throw new Refusal('domain_state_conflict', `${domain.name} is ${domain.state}, and not active.`)
  }
  const changed = await tx
    .updateTable('domains')
    .set({ is_shared: isShared, updated_at: platform.clock.now() })
    .where('id', '=', domain.id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'domains_one_shared') throw error
      throw new Refusal('domain_state_conflict', 'Another domain is shared.', { cause: error })
    })
  await appendEvents(platform, tx, [
    {
      type: isShared ? 'domain.shared' : 'domain.unshared',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, name: domain.name },
    },
  ])
  return changed
}
