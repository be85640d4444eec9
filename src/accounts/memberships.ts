/** The rows that make a user a member of an organization, and what holds for all of them. */
import { sql } from 'kysely'
import { type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { isBindable, type Role } from './roles.ts'

export type NewMembership = {
  organizationId: string
  userId: string
  role: Role
  /** Null: all workspaces. */
  workspaceIds: readonly string[] | null
}

/** @throws Refusal member_exists, login_failed for a user who was deleted a moment ago. */
export async function insertMember(platform: Platform, tx: Tx, wanted: NewMembership): Promise<void> {
  const { organizationId, userId, role, workspaceIds } = wanted
  const { numInsertedOrUpdatedRows: inserted } = await tx
    .insertInto('members')
    .values({
      organization_id: organizationId,
      user_id: userId,
      role,
      workspace_ids: workspaceIds === null ? null : [...workspaceIds],
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doNothing())
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'members_user_id_fkey') throw error
      throw new Refusal('login_failed', undefined, { cause: error })
    })
  if (inserted !== 1n) throw new Refusal('member_exists')
  await appendEvents(platform, tx, [
    { type: 'member.added', organizationId, workspaceId: null, data: { user_id: userId, role } },
  ])
}

/** @throws Refusal member_exists. */
export async function requireNoMember(tx: Tx, organizationId: string, email: string): Promise<void> {
  const member = await tx
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .select('user_id')
    .where('organization_id', '=', organizationId)
    .where('email', '=', email)
    .executeTakeFirst()
  if (member) throw new Refusal('member_exists', `${email} is a member already.`)
}

/** Of one organization, members and open invitations together. */
const membersMax = 10_000

/** @throws Refusal member_limit_reached. Asked with the organization's members locked. */
export async function requireMemberRoom(platform: Platform, tx: Tx, organizationId: string): Promise<void> {
  const { rows } = await sql<{ count: number }>`select (
      (select count(*) from members where organization_id = ${organizationId}::uuid)
      + (select count(*) from invitations where organization_id = ${organizationId}::uuid
          and accepted_at is null and revoked_at is null and expires_at > ${platform.clock.now()})
    )::int as count`.execute(tx)
  if ((rows[0]?.count ?? 0) >= membersMax) throw new Refusal('member_limit_reached')
}

/**
 * The workspaces that a member of this role is bound to, each once.
 * @returns null for all of them.
 * @throws Refusal invalid_request for a role that reaches all, workspace_not_found.
 */
export async function bindingOf(
  tx: Tx,
  organizationId: string,
  role: Role,
  wanted: readonly string[] | null,
): Promise<string[] | null> {
  if (wanted === null) return null
  if (!isBindable(role)) {
    throw new Refusal('invalid_request', `A member with the role ${role} reaches all workspaces.`, {
      fields: [{ pointer: '/workspace_ids', detail: `must be null for the role ${role}` }],
    })
  }
  const ids = [...new Set(wanted.map((id) => id.toLowerCase()))]
  const found = await tx
    .selectFrom('workspaces')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forShare()
    .execute()
  if (found.length !== ids.length || found.length === 0) throw new Refusal('workspace_not_found')
  return found.map(({ id }) => id)
}

export type MemberChanges = { role?: Role; workspaceIds?: readonly string[] | null }

/**
 * What a member, or whoever is invited, is after changes. Who comes to reach all workspaces is bound no more.
 * @throws Refusal invalid_request, workspace_not_found: as bindingOf.
 */
export async function changedMembership(
  tx: Tx,
  organizationId: string,
  before: { role: Role; workspace_ids: string[] | null },
  { role = before.role, workspaceIds }: MemberChanges,
): Promise<{ role: Role; workspace_ids: string[] | null }> {
  if (workspaceIds !== undefined) {
    return { role, workspace_ids: await bindingOf(tx, organizationId, role, workspaceIds) }
  }
  return { role, workspace_ids: isBindable(role) ? before.workspace_ids : null }
}
