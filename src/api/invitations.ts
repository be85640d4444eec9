/** /v1/invitations: people asked to become members. The token of one is shown once, at its making. */
import { type Static, Type } from 'typebox'
import {
  createInvitation,
  getInvitation,
  type Invitation,
  invitationDays,
  invitationStates,
  listInvitations,
  revokeInvitation,
  stateOfInvitation,
  updateInvitation,
} from '../accounts/invitations.ts'
import { roles } from '../accounts/roles.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import {
  EmailField,
  MemberChangesBody,
  PreviewField,
  PreviewQuery,
  RoleField,
  toMemberChanges,
  WorkspaceIdsField,
} from './member-fields.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  AnyOf,
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  noStore,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const invitationFields = {
  id: Id,
  email: Type.String(),
  role: OneOf(roles),
  workspace_ids: Nullable(Type.Array(Id), 'Null: all workspaces.'),
  state: OneOf(invitationStates),
  invited_by: Type.String({ description: '`user:ID` or `api_key:ID`.' }),
  expires_at: Moment,
  accepted_at: Nullable(Moment),
  revoked_at: Nullable(Moment),
  created_at: Moment,
} as const

const InvitationView = Type.Object(invitationFields, { title: 'Invitation' })
const NewInvitationView = Type.Object(
  {
    ...invitationFields,
    token: Type.String({ description: 'Shown only now: hand it to whom it is for.' }),
  },
  { title: 'NewInvitation' },
)

const NewInvitationBody = Type.Object(
  { email: EmailField, role: RoleField, workspace_ids: WorkspaceIdsField, preview: PreviewField },
  closed,
)

const InvitationPath = Type.Object({ invitation: Type.String({ description: 'Its id.' }) })

const tags = ['account']

export function invitationRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/invitations',
    {
      schema: {
        summary: 'List invitations',
        description: 'Those that ended are kept for 30 days after they would have expired.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(InvitationView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const page = await listInvitations(platform, callerOf(request).principal, pageRequest(request.query))
      return pageView(page, (invitation) => invitationView(platform, invitation))
    },
  )
  app.get(
    '/v1/invitations/:invitation',
    {
      schema: {
        summary: 'Get an invitation',
        tags,
        params: InvitationPath,
        response: { 200: InvitationView, ...readProblems('invitation_not_found') },
      },
    },
    async (request) => {
      const { principal } = callerOf(request)
      return invitationView(platform, await getInvitation(platform, principal, request.params.invitation))
    },
  )
  createRoute(app, platform)
  changeRoute(app, platform)
  revokeRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/invitations',
    {
      schema: {
        summary: 'Invite a person',
        description: `The reply has a token, shown once, which is accepted within ${invitationDays} days. It is not mailed: hand it over. An open invitation of the same address ends.`,
        tags,
        body: NewInvitationBody,
        response: {
          200: PreviewView,
          201: NewInvitationView,
          ...postProblems('member_exists', 'member_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { email, role, workspace_ids: workspaceIds = null } = request.body
      const wanted = { email, role, workspaceIds }
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { invitation } = await createInvitation(platform, tx, principal, wanted)
          return { objects: [{ ...touched(invitation, 'create'), id: null }] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { invitation, token } = await createInvitation(platform, tx, principal, wanted)
        const headers = { location: `/v1/invitations/${invitation.id}`, ...noStore }
        return { status: 201, body: { ...invitationView(platform, invitation), token }, headers }
      })
    },
  )
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/invitations/:invitation',
    {
      schema: {
        summary: 'Change the role or the workspaces of an open invitation',
        tags,
        params: InvitationPath,
        body: MemberChangesBody,
        response: {
          200: OrPreview(InvitationView),
          ...writeProblems('invitation_not_found', 'invitation_ended'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(InvitationView, PreviewView) } } },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { invitation: id } = request.params
      const changes = toMemberChanges(request.body)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => ({
          objects: [touched(await updateInvitation(platform, tx, principal, id, changes), 'update')],
        }))
      }
      return mutate(platform, request, reply, async (tx) => {
        const invitation = await updateInvitation(platform, tx, principal, id, changes)
        return { status: 200, body: invitationView(platform, invitation) }
      })
    },
  )
}

function revokeRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/invitations/:invitation',
    {
      schema: {
        summary: 'Revoke an invitation',
        description: 'Its token is worth nothing from then on.',
        tags,
        params: InvitationPath,
        querystring: PreviewQuery,
        response: {
          200: PreviewView,
          204: Type.Null(),
          ...writeProblems('invitation_not_found', 'invitation_ended'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { invitation: id } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => ({
          objects: [touched(await revokeInvitation(platform, tx, principal, id), 'delete')],
        }))
      }
      return mutate(platform, request, reply, async (tx) => {
        await revokeInvitation(platform, tx, principal, id)
        return { status: 204, body: undefined }
      })
    },
  )
}

function touched(invitation: Invitation, action: TouchedObject['action']): TouchedObject {
  return { type: 'invitation', action, id: invitation.id, name: invitation.email, state: invitation.role }
}

function invitationView(platform: Platform, invitation: Invitation): Static<typeof InvitationView> {
  return {
    id: invitation.id,
    email: invitation.email,
    role: invitation.role,
    workspace_ids: invitation.workspace_ids,
    state: stateOfInvitation(invitation, platform.clock.now()),
    invited_by: invitation.invited_by,
    expires_at: invitation.expires_at.toISOString(),
    accepted_at: momentOrNull(invitation.accepted_at),
    revoked_at: momentOrNull(invitation.revoked_at),
    created_at: invitation.created_at.toISOString(),
  }
}
