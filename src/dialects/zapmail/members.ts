/** Who reaches a workspace, and who is invited to. Here the organization has members; some are bound to workspaces. */
import { type Static, Type } from 'typebox'
import {
  createInvitation,
  getInvitation,
  type Invitation,
  type InvitationState,
  revokeInvitation,
  stateOfInvitation,
} from '../../accounts/invitations.ts'
import { type Member, removeMember, updateMember } from '../../accounts/members.ts'
import type { Principal } from '../../accounts/principals.ts'
import { isBindable, type Role } from '../../accounts/roles.ts'
import {
  getWorkspaceMember,
  pageOfWorkspaceInvitations,
  pageOfWorkspaceMembers,
} from '../../accounts/workspace-members.ts'
import { reachableWorkspaceIds } from '../../accounts/workspace-pages.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { namesOf } from './account.ts'
import { emailInput } from './fields.ts'
import {
  DataOf,
  DoneView,
  dataOf,
  done,
  errors,
  Id,
  Moment,
  noStore,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
} from './schemas.ts'

const workspaceRoles = ['ADMIN', 'EDITOR', 'VIEWER'] as const
type WorkspaceRole = (typeof workspaceRoles)[number]
const RoleInput = OneOf(workspaceRoles)

const roleOf = { ADMIN: 'admin', EDITOR: 'member', VIEWER: 'viewer' } as const satisfies Record<
  WorkspaceRole,
  Role
>
const shownRole = {
  owner: 'ADMIN',
  admin: 'ADMIN',
  member: 'EDITOR',
  viewer: 'VIEWER',
} as const satisfies Record<Role, WorkspaceRole>

const statuses = ['PENDING', 'ACCEPTED', 'REJECTED', 'REVOKED'] as const

/** Nobody can reject one here; one that has run out was not taken. */
const statesOf = {
  PENDING: ['open'],
  ACCEPTED: ['accepted'],
  REJECTED: [],
  REVOKED: ['revoked', 'expired'],
} as const satisfies Record<(typeof statuses)[number], readonly InvitationState[]>

const shownState = {
  open: 'PENDING',
  accepted: 'ACCEPTED',
  revoked: 'REVOKED',
  expired: 'REVOKED',
} as const satisfies Record<InvitationState, (typeof statuses)[number]>

const MemberView = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    firstName: Type.String(),
    lastName: Type.String(),
    role: OneOf(workspaceRoles),
    createdAt: Moment,
  },
  { title: 'WorkspaceMember' },
)

const InvitationView = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    role: OneOf(workspaceRoles),
    status: OneOf(statuses),
    workspaceId: Type.String(),
    createdAt: Moment,
  },
  { title: 'WorkspaceInvitation' },
)

const tags = ['workspaces']

export function memberRoutes(app: Api, platform: Platform): void {
  memberListRoute(app, platform)
  memberChangeRoutes(app, platform)
  invitationListRoute(app, platform)
  invitationChangeRoutes(app, platform)
}

function memberListRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/workspaces/members',
    {
      config: { workspaceRequired: true },
      schema: {
        summary: 'List who reaches the workspace',
        tags,
        querystring: Type.Object(pageInput),
        response: {
          200: DataOf(Type.Object({ ...pageOutput, members: Type.Array(MemberView) })),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      const page = pageOf(request.query)
      const found = await pageOfWorkspaceMembers(platform.db, principal, scope.workspaceId, page)
      const members = found.rows.map(memberView)
      return dataOf('Workspace members fetched successfully', { ...pageFields(found, page), members })
    },
  )
}

function memberChangeRoutes(app: Api, platform: Platform): void {
  const querystring = Type.Object({ memberId: Id })
  app.put(
    '/v2/workspaces/members',
    {
      schema: {
        summary: 'Change a member’s role',
        description: 'The role is the same in all workspaces of a member; an ADMIN reaches all there are.',
        tags,
        querystring,
        body: Type.Object({ role: RoleInput }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { principal, scope } = caller
      await transact(platform, caller, async (tx) => {
        const { id } = await getWorkspaceMember(tx, principal, scope.workspaceId, request.query.memberId)
        await updateMember(platform, tx, principal, id, { role: roleOf[request.body.role] })
      })
      return done('User role updated successfully')
    },
  )
  app.delete(
    '/v2/workspaces/members',
    {
      schema: {
        summary: 'Take the workspace away from a member',
        description:
          'Who has others keeps them. Who has no other, and an ADMIN, who cannot be without one, is no member any more.',
        tags,
        querystring,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { memberId } = request.query
      await transact(platform, caller, (tx) =>
        takeAway(platform, tx, caller.principal, caller.scope.workspaceId, memberId),
      )
      return done('Member removed successfully')
    },
  )
}

async function takeAway(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  workspaceId: string,
  memberId: string,
): Promise<void> {
  const member = await getWorkspaceMember(tx, principal, workspaceId, memberId)
  const reached = isBindable(member.role)
    ? (member.workspace_ids ?? (await reachableWorkspaceIds(tx, principal)))
    : []
  const left = reached.filter((id) => id !== workspaceId)
  if (left.length > 0) await updateMember(platform, tx, principal, member.id, { workspaceIds: left })
  else await removeMember(platform, tx, principal, member.id)
}

function invitationListRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/workspaces/invitations',
    {
      schema: {
        summary: 'List invitations to the workspace',
        tags,
        querystring: Type.Object({
          ...pageInput,
          status: Type.Optional(OneOf(statuses, 'Default: PENDING.')),
        }),
        response: {
          200: DataOf(Type.Object({ ...pageOutput, invitations: Type.Array(InvitationView) })),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      const { status = 'PENDING', ...query } = request.query
      const page = pageOf(query)
      const { workspaceId } = scope
      const states = statesOf[status]
      const found = await pageOfWorkspaceInvitations(platform, principal, workspaceId, states, page)
      const invitations = found.rows.map((row) => invitationView(platform, row, workspaceId))
      return dataOf('Invitations fetched successfully', { ...pageFields(found, page), invitations })
    },
  )
}

function invitationChangeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/workspaces/invitations',
    {
      schema: {
        summary: 'Invite somebody to a workspace',
        description:
          'No mail is sent: `message` has the token, once, for whoever is invited (POST /v1/invitations/accept). An ADMIN is invited to all workspaces.',
        tags,
        body: Type.Object({ email: emailInput, role: RoleInput, workspaceId: Id }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { principal } = caller
      const { email, role: wanted, workspaceId } = request.body
      const role = roleOf[wanted]
      const { token } = await transact(platform, caller, async (tx) => {
        const { id } = await getWorkspace(platform, principal, workspaceId, tx)
        const workspaceIds = isBindable(role) ? [id] : null
        return await createInvitation(platform, tx, principal, { email, role, workspaceIds })
      })
      void reply.headers(noStore)
      return done(`Invitation made. Hand its token to ${email}, it is not shown again: ${token}`)
    },
  )
  app.delete(
    '/v2/workspaces/invitations',
    {
      schema: {
        summary: 'Take an open invitation back',
        tags,
        querystring: Type.Object({ invitationId: Id }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { principal, scope } = caller
      await transact(platform, caller, async (tx) => {
        const found = await getInvitation(platform, principal, request.query.invitationId, tx)
        const isHere = found.workspace_ids?.includes(scope.workspaceId) ?? true
        if (!isHere) throw new Refusal('invitation_not_found')
        await revokeInvitation(platform, tx, principal, found.id)
      })
      return done('Invitation revoked successfully')
    },
  )
}

function memberView({ id, email, name, role, created_at }: Member): Static<typeof MemberView> {
  const [shown, createdAt] = [shownRole[role], created_at.toISOString()]
  return { id, email, ...namesOf(name ?? ''), role: shown, createdAt }
}

function invitationView(
  platform: Platform,
  invitation: Invitation,
  workspaceId: string,
): Static<typeof InvitationView> {
  const { id, email, role, created_at: createdAt } = invitation
  const status = shownState[stateOfInvitation(invitation, platform.clock.now())]
  return { id, email, role: shownRole[role], status, workspaceId, createdAt: createdAt.toISOString() }
}
