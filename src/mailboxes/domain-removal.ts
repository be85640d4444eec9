/** Removing a domain: only when it has no mailboxes left, those that can be restored included. */
import type { Scope } from '../accounts/principals.ts'
import { deleteDomain, getDomain } from '../domains/domains.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'

/** @param ref the id or the name. @throws Refusal domain_not_found, domain_not_empty, forbidden. */
export async function removeDomain(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<void> {
  const { id } = await getDomain(platform, scope, ref, tx)
  await deleteDomain(platform, tx, scope, id, hasNoMailboxes)
  // Aliases of mailboxes elsewhere, forwards and catch-alls go with their domain: its name may be connected anew.
  await tx.deleteFrom('addresses').where('domain_id', '=', id).execute()
  await tx
    .deleteFrom('domain_aliases')
    .where((where) => where.or([where('domain_id', '=', id), where('of_domain_id', '=', id)]))
    .execute()
}

/** Asked with the row locked. */
export async function hasNoMailboxes(tx: Tx, domainId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('mailboxes')
    .select('id')
    .where('domain_id', '=', domainId)
    .where('state', '<>', 'deleted')
    .limit(1)
    .executeTakeFirst()
  return row === undefined
}
