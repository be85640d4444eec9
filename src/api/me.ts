/** GET /v1/me: what the caller's key or session is and reaches. */
import { Type } from 'typebox'
import { callerOf } from './caller.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const MeView = Type.Object({
  type: OneOf(['api_key', 'session', 'app_password']),
  id: Id,
  organization_id: Id,
  workspace_id: Type.String({ format: 'uuid', description: 'The workspace that this request was about.' }),
  bound_to: Type.Object({
    workspace_id: Nullable(Id, 'Null: every workspace of the organization.'),
    mailbox_id: Nullable(Id, 'Set: this mailbox only.'),
  }),
  access: OneOf(['read', 'write']),
  user_id: Nullable(Id, 'Who logged in; null for an API key.'),
  expires_at: Nullable(Moment),
})

export function meRoutes(app: Api): void {
  app.get(
    '/v1/me',
    { schema: { summary: 'Who am I', tags: ['account'], response: { 200: MeView, ...readProblems() } } },
    async (request) => {
      const { principal, scope } = callerOf(request)
      return {
        type: principal.kind,
        id: principal.id,
        organization_id: principal.organizationId,
        workspace_id: scope.workspaceId,
        bound_to: { workspace_id: principal.workspaceId, mailbox_id: principal.mailboxId },
        access: principal.access,
        user_id: principal.userId,
        expires_at: momentOrNull(principal.expiresAt),
      }
    },
  )
}
