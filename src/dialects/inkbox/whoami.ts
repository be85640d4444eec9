/** Who calls, as clients ask at their start. */
import { Type } from 'typebox'
import { getApiKey } from '../../accounts/api-keys.ts'
import { findUser } from '../../accounts/users.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { isUnclaimed } from '../../mailboxes/signups/unclaimed.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { creatorOf } from './api-keys-view.ts'
import { prefixedId } from './ids.ts'
import { errors, momentOrNull, orNull } from './schemas.ts'

const TextOrNull = orNull(Type.String())

const KeyView = Type.Object({
  auth_type: Type.Literal('api_key'),
  auth_subtype: TextOrNull,
  scope: TextOrNull,
  organization_id: TextOrNull,
  created_by: TextOrNull,
  creator_type: TextOrNull,
  key_id: TextOrNull,
  label: TextOrNull,
  description: TextOrNull,
  created_at: TextOrNull,
  last_used_at: TextOrNull,
  expires_at: TextOrNull,
})

const SessionView = Type.Object({
  auth_type: Type.Literal('jwt'),
  auth_subtype: TextOrNull,
  user_id: TextOrNull,
  email: TextOrNull,
  name: TextOrNull,
  organization_id: TextOrNull,
  org_role: TextOrNull,
  org_slug: TextOrNull,
})

export function whoamiRoute(app: Api, platform: Platform): void {
  app.get(
    '/whoami',
    {
      schema: {
        summary: 'Who calls',
        tags: ['Account'],
        response: { 200: Type.Union([KeyView, SessionView]), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      return caller.principal.kind === 'session'
        ? await sessionView(platform, caller)
        : await keyView(platform, caller)
    },
  )
}

async function sessionView(platform: Platform, { principal, scope }: Caller) {
  const user = principal.userId === null ? null : await findUser(platform.db, principal.userId)
  return {
    auth_type: 'jwt' as const,
    auth_subtype: null,
    user_id: principal.userId,
    email: user?.email ?? null,
    name: user?.name ?? null,
    organization_id: prefixedId('organization', scope.workspaceId),
    org_role: principal.role,
    org_slug: null,
  }
}

async function keyView(platform: Platform, { principal, scope }: Caller) {
  const key = await getApiKey(platform, principal, principal.id)
  return {
    auth_type: 'api_key' as const,
    auth_subtype: await subtypeOf(platform, scope.mailboxId),
    scope: null,
    organization_id: prefixedId('organization', scope.workspaceId),
    ...creatorOf(key),
    key_id: prefixedId('apiKey', key.id),
    label: key.name,
    description: key.description,
    created_at: key.created_at.toISOString(),
    last_used_at: momentOrNull(key.last_used_at),
    expires_at: momentOrNull(key.expires_at),
  }
}

async function subtypeOf(platform: Platform, mailboxId: string | null): Promise<string> {
  if (mailboxId === null) return 'api_key.admin_scoped'
  const isOpen = await isUnclaimed(platform, mailboxId)
  return `api_key.agent_scoped.${isOpen ? 'unclaimed' : 'claimed'}`
}
