/** Who runs the platform: the organization of its first start. What holds for all tenants is the operator's to set. */
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { type Principal, requireOrganization } from './principals.ts'

/** @throws Refusal forbidden for a key of another organization, or one that is bound to a workspace or a mailbox. */
export async function requireOperator(db: Db, principal: Principal): Promise<void> {
  requireOrganization(principal)
  if (!(await isOfOperator(db, principal))) {
    throw new Refusal('forbidden', 'Only a key of the organization that runs the platform may do this.')
  }
}

/** Whether the principal is of the organization that runs the platform, whatever it is bound to. */
export async function isOfOperator(db: Db, principal: Pick<Principal, 'organizationId'>): Promise<boolean> {
  return (await operatorOrganizationId(db)) === principal.organizationId
}

/** The organization that runs the platform; null before the first start. */
async function operatorOrganizationId(db: Db): Promise<string | null> {
  const first = await db
    .selectFrom('organizations')
    .select('id')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return first?.id ?? null
}

/**
 * The user with an address that the operator vouches for: a member of its own organization. Nobody proves that addresses
 * are theirs, and other organizations' admins may make users with whatever address they like.
 */
export async function vouchedUserId(db: Db, email: string): Promise<string | null> {
  const organizationId = await operatorOrganizationId(db)
  const user = await db
    .selectFrom('users')
    .innerJoin('members', 'members.user_id', 'users.id')
    .select('users.id')
    .where('email', '=', email)
    .where('members.organization_id', '=', organizationId)
    .executeTakeFirst()
  return user?.id ?? null
}
