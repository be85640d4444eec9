/** API keys: those of the whole workspace and those of one identity. */
import { Type } from 'typebox'
import { type ApiKey, createApiKey, getApiKey, listApiKeys, revokeApiKey } from '../../accounts/api-keys.ts'
import type { Scope } from '../../accounts/principals.ts'
import { getIdentity } from '../../mailboxes/identities.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { ApiKeyView, apiKeyViews } from './api-keys-view.ts'
import { administrators, type CallerKind, kindOf } from './callers.ts'
import { bareId } from './ids.ts'
import { errors, orNull, Uuid } from './schemas.ts'

const NewKeyBody = Type.Object({
  label: Type.String({ minLength: 1, maxLength: 255 }),
  description: Type.Optional(orNull(Type.String({ maxLength: 1000 }))),
  scoped_identity_id: Type.Optional(orNull(Uuid)),
})

const NewKeyView = Type.Object({
  api_key: Type.String({ description: 'Shown only now.' }),
  record: ApiKeyView,
})

const KeyPath = Type.Object({ api_key_id: Type.String() })

const keys: readonly CallerKind[] = ['admin_key', 'agent_key']
const tags = ['API keys']
/** More than anybody can look through; the list has no pages. */
const listedMax = 1000

export function apiKeyRoutes(app: Api, platform: Platform): void {
  createRoute(app, platform)
  app.get(
    '/api-keys',
    {
      config: { admits: ['jwt'] },
      schema: { summary: 'List keys', tags, response: { 200: Type.Array(ApiKeyView), ...errors() } },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      const page = { limit: listedMax, after: null }
      const { rows } = await listApiKeys(platform, principal, page, null, scope.workspaceId)
      return await apiKeyViews(platform.db, scope, rows)
    },
  )
  app.get(
    '/api-keys/self',
    {
      config: { admits: keys },
      schema: { summary: 'Get the calling key', tags, response: { 200: ApiKeyView, ...errors() } },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      return await viewOf(platform.db, scope, await getApiKey(platform, principal, principal.id))
    },
  )
  app.post(
    '/api-keys/self/revoke',
    {
      config: { admits: keys },
      schema: { summary: 'Revoke the calling key', tags, response: { 204: Type.Null(), ...errors() } },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await transact(platform, caller, (tx) =>
        revokeApiKey(platform, tx, caller.principal, caller.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api-keys/:api_key_id/revoke',
    {
      config: { admits: ['jwt'] },
      schema: {
        summary: 'Revoke a key',
        tags,
        params: KeyPath,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await transact(platform, caller, async (tx) => {
        const key = await keyOf(platform, tx, caller, request.params.api_key_id)
        await revokeApiKey(platform, tx, caller.principal, key.id)
      })
      return reply.code(204).send(null)
    },
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/api-keys',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Create a key',
        description: 'A key makes keys of one identity alone; a person those of the whole workspace, too.',
        tags,
        body: NewKeyBody,
        response: { 201: NewKeyView, ...errors(404, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { scope, principal } = caller
      const { label, description = null, scoped_identity_id: identityId = null } = request.body
      if (identityId === null && kindOf(request) === 'admin_key') {
        throw new Refusal('forbidden', 'An admin-scoped key makes agent-scoped keys only: name an identity.')
      }
      const made = await transact(platform, caller, async (tx) => {
        const identity = identityId === null ? null : await getIdentity(platform, scope, identityId, tx)
        const { apiKey, token } = await createApiKey(platform, tx, principal, {
          name: label,
          description,
          workspaceId: scope.workspaceId,
          mailboxId: identity?.mailbox_id ?? null,
          access: 'write',
          // It lives no longer than the key that makes it.
          expiresAt: principal.kind === 'session' ? null : principal.expiresAt,
          format: 'inkbox',
        })
        return { api_key: token, record: await viewOf(tx, scope, apiKey) }
      })
      void reply.header('cache-control', 'no-store')
      return reply.code(201).send(made)
    },
  )
}

/** A key by its prefixed id, of those that reach the workspace. @throws Refusal api_key_not_found. */
async function keyOf(
  platform: Platform,
  tx: Tx,
  { principal, scope }: ReturnType<typeof callerOf>,
  text: string,
): Promise<ApiKey> {
  const key = await getApiKey(platform, principal, bareId('apiKey', text) ?? '', tx)
  if (key.workspace_id !== null && key.workspace_id !== scope.workspaceId) {
    throw new Refusal('api_key_not_found')
  }
  return key
}

async function viewOf(db: Db, scope: Scope, key: ApiKey) {
  const [view] = await apiKeyViews(db, scope, [key])
  if (!view) throw new Error('a key has no view')
  return view
}
