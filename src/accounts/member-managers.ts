/** Who manages an organization's members: one after the other, and by the role that they have now. */
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { type Principal, requireAdmin } from './principals.ts'
import { may, type Role } from './roles.ts'

/** Locks an organization's members and invitations against other changes until the transaction ends. */
export async function lockMembers(tx: Tx, organizationId: string): Promise<void> {
  // No more than that: a row that refers to the organization may be written meanwhile.
  await tx
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', organizationId)
    .forNoKeyUpdate()
    .execute()
}

/**
 * Lets the principal manage members from here to the transaction's end.
 * @returns its role, as it is with the members locked: another owner may just have changed it.
 * @throws Refusal forbidden.
 */
export async function startManaging(tx: Tx, principal: Principal): Promise<Role> {
  requireAdmin(principal)
  await lockMembers(tx, principal.organizationId)
  const role = await presentRole(tx, principal)
  if (role === null || !may(role, 'manage_members'))
    throw new Refusal('forbidden', 'You are no admin any more.')
  return role
}

/** @returns null for a user who is no member any more, or a revoked key. A key that manages counts as an admin. */
async function presentRole(tx: Tx, { id, organizationId, userId }: Principal): Promise<Role | null> {
  if (userId === null) {
    const key = await tx
      .selectFrom('api_keys')
      .select('id')
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
    return key ? 'admin' : null
  }
  const row = await tx
    .selectFrom('members')
    .select('role')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row?.role ?? null
}

/** @throws Refusal forbidden when one of these roles is for owners to give and take, and the manager is none. */
export function requireMayManage(manager: Role, ...touched: readonly Role[]): void {
  if (touched.some((role) => may(role, 'manage_owners')) && !may(manager, 'manage_owners')) {
    throw new Refusal('forbidden', 'Only an owner who is logged in makes, changes and removes owners.')
  }
}
