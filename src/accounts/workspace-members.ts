/** Who reaches one workspace: members and invitations, also those of the whole organization, by pages with a number. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { Platform } from '../platform/platform.ts'
import type { Invitation, InvitationState } from './invitations.ts'
import type { Member } from './members.ts'
import { type Principal, requireOrganization, requireUnbound } from './principals.ts'

/** In the order of their users. @throws Refusal forbidden. */
export async function pageOfWorkspaceMembers(
  db: Db,
  principal: Principal,
  workspaceId: string,
  page: NumberedPage,
): Promise<Numbered<Member>> {
  requireUnbound(principal)
  const from = membersQuery(principal, workspaceId)
  const { rows: counted } = await sql<{ total: number }>`select count(*)::int as total ${from}`.execute(db)
  const { rows } = await sql<Member>`
    select user_id as id, email, name, role, workspace_ids, members.created_at ${from}
    order by user_id limit ${page.size} offset ${offsetOf(page)}`.execute(db)
  return { rows, total: counted[0]?.total ?? 0 }
}

/** @throws Refusal member_not_found, also for a member who does not reach it; forbidden. */
export async function getWorkspaceMember(
  db: Db,
  principal: Principal,
  workspaceId: string,
  userId: string,
): Promise<Member> {
  requireUnbound(principal)
  const { rows } = isId(userId)
    ? await sql<Member>`select user_id as id, email, name, role, workspace_ids, members.created_at
        ${membersQuery(principal, workspaceId)} and user_id = ${userId}::uuid`.execute(db)
    : { rows: [] }
  const [member] = rows
  if (!member) throw new Refusal('member_not_found')
  return member
}

function membersQuery({ organizationId }: Principal, workspaceId: string): RawBuilder<unknown> {
  return sql`from members join users on users.id = user_id where organization_id = ${organizationId}::uuid
    and (workspace_ids is null or ${workspaceId}::uuid = any(workspace_ids))`
}

/** Those in one of these states, oldest first. @throws Refusal forbidden. */
export async function pageOfWorkspaceInvitations(
  platform: Platform,
  principal: Principal,
  workspaceId: string,
  states: readonly InvitationState[],
  page: NumberedPage,
): Promise<Numbered<Invitation>> {
  requireOrganization(principal)
  // As stateOfInvitation says it of one.
  const state = sql`case when accepted_at is not null then 'accepted' when revoked_at is not null then 'revoked'
    when expires_at <= ${platform.clock.now()} then 'expired' else 'open' end`
  const from = sql`from invitations where organization_id = ${principal.organizationId}::uuid
    and (workspace_ids is null or ${workspaceId}::uuid = any(workspace_ids)) and ${state} = any(${states}::text[])`
  const { rows: counted } = await sql<{ total: number }>`select count(*)::int as total ${from}`.execute(
    platform.db,
  )
  const { rows } = await sql<Invitation>`
    select id, organization_id, email, role, workspace_ids, invited_by, expires_at, accepted_at, revoked_at, created_at
    ${from} order by id limit ${page.size} offset ${offsetOf(page)}`.execute(platform.db)
  return { rows, total: counted[0]?.total ?? 0 }
}
