/** Invitations to an organization: a token, shown once, that makes whoever has it a member. */
import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { requireMayManage, startManaging } from './member-managers.ts'
import {
  bindingOf,
  changedMembership,
  type MemberChanges,
  requireMemberRoom,
  requireNoMember,
} from './memberships.ts'
import { type Principal, partyOf, requireOrganization } from './principals.ts'
import type { Role } from './roles.ts'
import type { InvitationsTable } from './tables.ts'
import { type NewToken, newToken } from './tokens.ts'
import { canonicalEmail } from './users.ts'

export const invitationDays = 7
const invitationPrefix = 'mwi_'

export type Invitation = Omit<Selectable<InvitationsTable>, 'token_sha256'>

export const invitationStates = ['open', 'accepted', 'revoked', 'expired'] as const
export type InvitationState = (typeof invitationStates)[number]

export function stateOfInvitation(invitation: Invitation, now: Date): InvitationState {
  if (invitation.accepted_at !== null) return 'accepted'
  if (invitation.revoked_at !== null) return 'revoked'
  return invitation.expires_at <= now ? 'expired' : 'open'
}

export type NewInvitation = { email: string; role: Role; workspaceIds: readonly string[] | null }

/**
 * Invites a person. An open invitation of the same address ends: the newest token is the one that works.
 * @throws Refusal member_exists, member_limit_reached, workspace_not_found, invalid_request, forbidden.
 */
export async function createInvitation(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  wanted: NewInvitation,
): Promise<{ invitation: Invitation; token: string }> {
  const { organizationId } = principal
  requireMayManage(await startManaging(tx, principal), wanted.role)
  const token = newInvitationToken()
  const by = { organizationId, party: partyOf(principal) }
  return { invitation: await insertInvitation(platform, tx, by, wanted, token), token: token.token }
}

export function newInvitationToken(): NewToken {
  return newToken(invitationPrefix)
}

/**
 * Writes an invitation whose token is known, with the members locked.
 * @param by who invites, as it is written down.
 * @throws Refusal member_exists, member_limit_reached, workspace_not_found, invalid_request.
 */
export async function insertInvitation(
  platform: Platform,
  tx: Tx,
  { organizationId, party }: { organizationId: string; party: string },
  wanted: NewInvitation,
  token: NewToken,
): Promise<Invitation> {
  const email = canonicalEmail(wanted.email)
  const workspaceIds = await bindingOf(tx, organizationId, wanted.role, wanted.workspaceIds)
  await requireNoMember(tx, organizationId, email)
  await revokeOpen(platform, tx, organizationId, sql`email = ${email}`)
  await requireMemberRoom(platform, tx, organizationId)
  const now = platform.clock.now()
  const invitation = await tx
    .insertInto('invitations')
    .values({
      id: newId(),
      organization_id: organizationId,
      email,
      role: wanted.role,
      workspace_ids: workspaceIds,
      token_sha256: token.sha256,
      invited_by: party,
      expires_at: new Date(now.getTime() + invitationDays * 24 * 3600 * 1000),
      accepted_at: null,
      revoked_at: null,
      created_at: now,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  await announce(platform, tx, 'invitation.created', invitation)
  return invitation
}

/** The organization's invitations, oldest first. @throws Refusal forbidden. */
export async function listInvitations(
  platform: Platform,
  principal: Principal,
  page: PageRequest,
): Promise<Page<Invitation>> {
  requireOrganization(principal)
  const rows = await invitationsOf(platform.db, principal)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal invitation_not_found, forbidden. */
export async function getInvitation(
  platform: Platform,
  principal: Principal,
  id: string,
  db: Db = platform.db,
): Promise<Invitation> {
  requireOrganization(principal)
  const found = isId(id)
    ? await invitationsOf(db, principal).where('id', '=', id).executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('invitation_not_found')
  return found
}

/**
 * Changes what an open invitation will make of whoever accepts it.
 * @throws Refusal invitation_not_found, invitation_ended, workspace_not_found, invalid_request, forbidden.
 */
export async function updateInvitation(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  changes: MemberChanges,
): Promise<Invitation> {
  const before = await manageOpen(platform, tx, principal, id, changes.role)
  const invitation = await tx
    .updateTable('invitations')
    .set(await changedMembership(tx, principal.organizationId, before, changes))
    .where('id', '=', before.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  await announce(platform, tx, 'invitation.updated', invitation)
  return invitation
}

/** Ends an open invitation. @throws Refusal invitation_not_found, invitation_ended, forbidden. */
export async function revokeInvitation(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
): Promise<Invitation> {
  const invitation = await manageOpen(platform, tx, principal, id)
  await revokeOpen(platform, tx, principal.organizationId, sql`id = ${invitation.id}::uuid`)
  return invitation
}

async function manageOpen(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  role?: Role,
): Promise<Invitation> {
  const manager = await startManaging(tx, principal)
  const invitation = await getInvitation(platform, principal, id, tx)
  requireMayManage(manager, invitation.role, role ?? invitation.role)
  const state = stateOfInvitation(invitation, platform.clock.now())
  if (state !== 'open') throw new Refusal('invitation_ended', `The invitation is ${state}.`)
  return invitation
}

/** Ends the open invitations of a member or key that may invite no longer. Called with the members locked. */
export async function revokeInvitationsBy(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  party: string,
): Promise<void> {
  await revokeOpen(platform, tx, organizationId, sql`invited_by = ${party}`)
}

async function revokeOpen(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  which: ReturnType<typeof sql>,
): Promise<void> {
  const now = platform.clock.now()
  const { rows } = await sql<{ id: string }>`update invitations set revoked_at = ${now}
    where organization_id = ${organizationId}::uuid and ${which}
      and accepted_at is null and revoked_at is null and expires_at > ${now} returning id`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map(({ id }) => ({
      type: 'invitation.revoked' as const,
      organizationId,
      workspaceId: null,
      data: { invitation_id: id },
    })),
  )
}

const keptDays = 30

/** Forgets invitations some time after their end. */
export async function deleteOldInvitations(platform: Platform): Promise<void> {
  const before = new Date(platform.clock.now().getTime() - keptDays * 24 * 3600 * 1000)
  await platform.db.deleteFrom('invitations').where('expires_at', '<', before).execute()
}

async function announce(
  platform: Platform,
  tx: Tx,
  type: 'invitation.created' | 'invitation.updated',
  { id, organization_id: organizationId, role }: Invitation,
): Promise<void> {
  await appendEvents(platform, tx, [
    { type, organizationId, workspaceId: null, data: { invitation_id: id, role } },
  ])
}

const columns = [
  'id',
  'organization_id',
  'email',
  'role',
  'workspace_ids',
  'invited_by',
  'expires_at',
  'accepted_at',
  'revoked_at',
  'created_at',
] as const

function invitationsOf(db: Db, principal: Principal) {
  return db.selectFrom('invitations').select(columns).where('organization_id', '=', principal.organizationId)
}
