/** GET /v1/me: what the caller's key or session is and reaches. */
import { Type } from 'typebox'
import { workspacesOf } from '../accounts/principals.ts'
import { roles } from '../accounts/roles.ts'
import { callerOf } from './caller.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Id, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const MeView = Type.Object({
  type: OneOf(['api_key', 'session', 'app_password']),
  id: Id,
  organization_id: Id,
  workspace_id: Type.String({ format: 'uuid', description: 'The workspace that this request was about.' }),
  bound_to: Type.Object({
    workspace_id: Nullable(Id, 'Null: every workspace of the organization.'),
    workspace_ids: Nullable(Type.Array(Id), 'The same, of a member who is bound to several.'),
    mailbox_id: Nullable(Id, 'Set: this mailbox only.'),
  }),
  access: OneOf(['read', 'write']),
  role: OneOfOrNull(roles, 'The member’s role; null for an API key or an app password.'),
  user_id: Nullable(Id, 'Who logged in; null for an API key or an app password.'),
  expires_at: Nullable(Moment),
})

export function meRoutes(app: Api): void {
  app.get(
    '/v1/me',
    { schema: { summary: 'Who am I', tags: ['account'], response: { 200: MeView, ...readProblems() } } },
    async (request) => {
      const { principal, scope } = callerOf(request)
      const reached = workspacesOf(principal)
      return {
        type: principal.kind,
        id: principal.id,
        organization_id: principal.organizationId,
        workspace_id: scope.workspaceId,
        bound_to: {
          workspace_id: principal.workspaceId,
          workspace_ids: reached === null ? null : [...reached],
          mailbox_id: principal.mailboxId,
        },
        access: principal.access,
        role: principal.role,
        user_id: principal.userId,
        expires_at: momentOrNull(principal.expiresAt),
      }
    },
  )
}
