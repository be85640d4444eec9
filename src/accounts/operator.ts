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
export async function isOfOperator(db: Db, principal: Principal): Promise<boolean> {
  const first = await db
    .selectFrom('organizations')
    .select('id')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return first?.id === principal.organizationId
}
