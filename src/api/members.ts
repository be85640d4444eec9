/** /v1/members: the people of the caller's organization, their roles and their workspaces. */
import { type Static, Type } from 'typebox'
import { countApiKeysOf } from '../accounts/api-keys.ts'
import {
  createMember,
  getMember,
  listMembers,
  type Member,
  removeMember,
  updateMember,
} from '../accounts/members.ts'
import { requireAdmin } from '../accounts/principals.ts'
import { roles } from '../accounts/roles.ts'
import { hashPersonalPassword } from '../accounts/users.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { apiLimits } from './limits.ts'
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
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const MemberView = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'The user’s.' }),
    email: Type.String(),
    name: Nullable(Type.String()),
    role: OneOf(roles),
    workspace_ids: Nullable(Type.Array(Id), 'Null: all workspaces.'),
    created_at: Moment,
  },
  { title: 'Member' },
)

const NewMemberBody = Type.Object(
  {
    email: EmailField,
    name: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }))),
    password: Type.String({ minLength: 1, maxLength: apiLimits.passwordLengthMax }),
    role: RoleField,
    workspace_ids: WorkspaceIdsField,
    preview: PreviewField,
  },
  { ...closed, title: 'NewMember' },
)

const MemberPath = Type.Object({ member: Type.String({ description: 'The user’s id or e-mail address.' }) })

const tags = ['account']
const documented = { documented: { replies: { 200: AnyOf(MemberView, PreviewView) } } }

export function memberRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/members',
    {
      schema: {
        summary: 'List members',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(MemberView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const page = await listMembers(platform, callerOf(request).principal, pageRequest(request.query))
      return pageView(page, memberView)
    },
  )
  app.get(
    '/v1/members/:member',
    {
      schema: {
        summary: 'Get a member',
        tags,
        params: MemberPath,
        response: { 200: MemberView, ...readProblems('member_not_found') },
      },
    },
    async (request) =>
      memberView(await getMember(platform, callerOf(request).principal, request.params.member)),
  )
  createRoute(app, platform)
  changeRoute(app, platform)
  removeRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/members',
    {
      schema: {
        summary: 'Create a member with a password',
        description: 'For a new user. Whoever logs in here already is invited instead: POST /v1/invitations.',
        tags,
        body: NewMemberBody,
        response: {
          200: PreviewView,
          201: MemberView,
          ...postProblems('member_exists', 'email_taken', 'member_limit_reached', 'password_too_weak'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { email, name = null, password, role, workspace_ids: workspaceIds = null } = request.body
      requireAdmin(principal) // before what is slow
      const passwordHash = await hashPersonalPassword(password, email)
      const wanted = { email, name, passwordHash, role, workspaceIds }
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const member = await createMember(platform, tx, principal, wanted)
          return { objects: [{ ...touched(member, 'create'), id: null }] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const member = await createMember(platform, tx, principal, wanted)
        return {
          status: 201,
          body: memberView(member),
          headers: { location: `/v1/members/${member.id}` },
        }
      })
    },
  )
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/members/:member',
    {
      schema: {
        summary: 'Change a member’s role or workspaces',
        description: 'It holds from the member’s next call on.',
        tags,
        params: MemberPath,
        body: MemberChangesBody,
        response: { 200: OrPreview(MemberView), ...writeProblems('member_not_found', 'last_owner') },
      },
      config: documented,
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { member: ref } = request.params
      const changes = toMemberChanges(request.body)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => ({
          objects: [touched(await updateMember(platform, tx, principal, ref, changes), 'update')],
        }))
      }
      return mutate(platform, request, reply, async (tx) => {
        const member = await updateMember(platform, tx, principal, ref, changes)
        return { status: 200, body: memberView(member) }
      })
    },
  )
}

function removeRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/members/:member',
    {
      schema: {
        summary: 'Remove a member',
        description:
          'Their sessions end at once, and so do their open invitations; who is a member of nothing else is no user any more. API keys that they made stay (`GET /v1/api-keys?created_by=user:ID`). Anyone may leave: with their own id.',
        tags,
        params: MemberPath,
        querystring: PreviewQuery,
        response: {
          200: PreviewView,
          204: Type.Null(),
          ...writeProblems('member_not_found', 'last_owner'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      const { member: ref } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const member = await removeMember(platform, tx, principal, ref)
          const keys = await countApiKeysOf(tx, principal.organizationId, `user:${member.id}`)
          const notes = keys === 0 ? {} : { notes: [keysStay(keys, member)] }
          return { objects: [touched(member, 'delete')], ...notes }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await removeMember(platform, tx, principal, ref)
        return { status: 204, body: undefined }
      })
    },
  )
}

function keysStay(count: number, { id }: Member): string {
  return `${count} API key${count === 1 ? '' : 's'} that they made would stay: GET /v1/api-keys?created_by=user:${id}`
}

function touched(member: Member, action: TouchedObject['action']): TouchedObject {
  return { type: 'member', action, id: member.id, name: member.email, state: member.role }
}

function memberView(member: Member): Static<typeof MemberView> {
  return {
    id: member.id,
    email: member.email,
    name: member.name,
    role: member.role,
    workspace_ids: member.workspace_ids,
    created_at: member.created_at.toISOString(),
  }
}
