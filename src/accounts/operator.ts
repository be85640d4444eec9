/** Who runs the platform: the organization of its first start. What holds for all tenants is the operator's to set. */
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { type Principal, requireOrganization } from './principals.ts'

/** @throws Refusal forbidden for a key of another organization, or one that is bound to a workspace or a mailbox. */
export async function requireOperator(db: Db, principal: Principal): Promise<void> {
  requireOrganization(principal)
  const first = await db
    .selectFrom('organizations')
    .select('id')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  if (first?.id !== principal.organizationId) {
    throw new Refusal('forbidden', 'Only a key of the organization that runs the platform may do this.')
  }
}
