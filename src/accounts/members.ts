/** Members: the people of an organization, with the role and the workspaces that each has in it. */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { revokeInvitationsBy } from './invitations.ts'
import { lockMembers, requireMayManage, startManaging } from './member-managers.ts'
import {
  bindingOf,
  changedMembership,
  insertMember,
  type MemberChanges,
  requireMemberRoom,
  requireNoMember,
} from './memberships.ts'
import { type Principal, requireUnbound } from './principals.ts'
import { may, type Role } from './roles.ts'
import { endSessionsOf } from './sessions.ts'
import { canonicalEmail, deleteFormerUser, insertUser } from './users.ts'

export type Member = {
  /** The user's. */
  id: string
  email: string
  name: string | null
  role: Role
  /** Null: all of the organization's. */
  workspace_ids: string[] | null
  created_at: Date
}

/** The members of the principal's organization, in the order of their users. @throws Refusal forbidden. */
export async function listMembers(
  platform: Platform,
  principal: Principal,
  page: PageRequest,
): Promise<Page<Member>> {
  requireUnbound(principal)
  const rows = await membersOf(platform.db, principal)
    .$if(page.after !== null, (query) => query.where('user_id', '>', page.after ?? ''))
    .orderBy('user_id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @param ref the user's id or e-mail address. @throws Refusal member_not_found, forbidden. */
export async function getMember(
  platform: Platform,
  principal: Principal,
  ref: string,
  db: Db = platform.db,
): Promise<Member> {
  requireUnbound(principal)
  return await findMember(db, principal, ref)
}

async function findMember(db: Db, principal: Principal, ref: string): Promise<Member> {
  const members = membersOf(db, principal)
  const found = isId(ref)
    ? await members.where('user_id', '=', ref).executeTakeFirst()
    : await members.where('email', '=', ref.toLowerCase()).executeTakeFirst()
  if (!found) throw new Refusal('member_not_found')
  return found
}

export type NewMember = {
  email: string
  name: string | null
  /** Made by hashPersonalPassword. */
  passwordHash: string
  role: Role
  workspaceIds: readonly string[] | null
}

/**
 * Makes a person a user and a member. Whoever is a user already is invited instead.
 * @throws Refusal email_taken, member_exists, member_limit_reached, workspace_not_found, invalid_request, forbidden.
 */
export async function createMember(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  wanted: NewMember,
): Promise<Member> {
  const { organizationId } = principal
  const email = canonicalEmail(wanted.email)
  const manager = await startManaging(tx, principal)
  requireMayManage(manager, wanted.role)
  const workspaceIds = await bindingOf(tx, organizationId, wanted.role, wanted.workspaceIds)
  await requireMemberRoom(platform, tx, organizationId)
  await requireNoMember(tx, organizationId, email)
  const { name, passwordHash } = wanted
  const user = await insertUser(platform, tx, organizationId, { email, name, passwordHash })
  await insertMember(platform, tx, { organizationId, userId: user.id, role: wanted.role, workspaceIds })
  return await getMember(platform, principal, user.id, tx)
}

/**
 * Changes a member's role or workspaces, which holds from its next call on. One who manages members no longer loses
 * what invitations of theirs are open.
 * @throws Refusal member_not_found, last_owner, workspace_not_found, invalid_request, forbidden.
 */
export async function updateMember(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  ref: string,
  changes: MemberChanges,
): Promise<Member> {
  const manager = await startManaging(tx, principal)
  const before = await getMember(platform, principal, ref, tx)
  const role = changes.role ?? before.role
  requireMayManage(manager, before.role, role)
  if (role !== 'owner') await requireOtherOwner(tx, principal, before)
  await tx
    .updateTable('members')
    .set(await changedMembership(tx, principal.organizationId, before, changes))
    .where('organization_id', '=', principal.organizationId)
    .where('user_id', '=', before.id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'member.updated',
      organizationId: principal.organizationId,
      workspaceId: null,
      data: { user_id: before.id, role },
    },
  ])
  const losesRight = (['manage_owners', 'manage_members'] as const).some(
    (right) => may(before.role, right) && !may(role, right),
  )
  if (losesRight) await revokeInvitationsBy(platform, tx, principal.organizationId, `user:${before.id}`)
  return await getMember(platform, principal, before.id, tx)
}

/**
 * Removes a member: its sessions end at once, and so do open invitations that it made. Who is a member of nothing else
 * is no user any more. Anyone may leave.
 * @returns who it was.
 * @throws Refusal member_not_found, last_owner, forbidden.
 */
export async function removeMember(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  ref: string,
): Promise<Member> {
  const { organizationId, userId } = principal
  const leaves = userId !== null && ref === userId
  const manager = leaves ? null : await startManaging(tx, principal)
  if (leaves) await lockMembers(tx, organizationId)
  const member = await findMember(tx, principal, ref)
  if (manager !== null) requireMayManage(manager, member.role)
  await requireOtherOwner(tx, principal, member)
  await tx
    .deleteFrom('members')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', member.id)
    .execute()
  await endSessionsOf(platform, tx, { organizationId, userId: member.id })
  await revokeInvitationsBy(platform, tx, organizationId, `user:${member.id}`)
  await appendEvents(platform, tx, [
    { type: 'member.removed', organizationId, workspaceId: null, data: { user_id: member.id } },
  ])
  await deleteFormerUser(platform, tx, organizationId, member.id)
  return member
}

/** An organization is never without an owner. Asked with its members locked. @throws Refusal last_owner. */
async function requireOtherOwner(tx: Tx, principal: Principal, member: Member): Promise<void> {
  if (member.role !== 'owner') return
  const other = await membersOf(tx, principal)
    .where('role', '=', 'owner')
    .where('user_id', '<>', member.id)
    .limit(1)
    .executeTakeFirst()
  if (!other) throw new Refusal('last_owner')
}

function membersOf(db: Db, principal: Principal) {
  return db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .select(['email', 'name', 'role', 'workspace_ids', 'members.created_at'])
    .select(sql<string>`members.user_id`.as('id'))
    .where('organization_id', '=', principal.organizationId)
}

/** The owner who has been one for longest; null where keys are all that an organization has. */
export async function findOwner(platform: Platform, principal: Principal): Promise<Member | null> {
  requireUnbound(principal)
  const owner = await membersOf(platform.db, principal)
    .where('role', '=', 'owner')
    .orderBy('members.created_at')
    .orderBy('user_id')
    .limit(1)
    .executeTakeFirst()
  return owner ?? null
}
