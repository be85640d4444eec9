/** /v1/api-keys: the keys that the caller may manage. The token of a key is shown once, at its making. */
import { type Static, Type } from 'typebox'
import {
  type ApiKey,
  createApiKey,
  getApiKey,
  listApiKeys,
  type NewApiKey,
  revokeApiKey,
} from '../accounts/api-keys.ts'
import { keyFormats } from '../accounts/key-formats.ts'
import { type Authenticator, managesOrganization, type Scope } from '../accounts/principals.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { type Caller, callerOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
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
  readMomentOrNull,
} from './schemas.ts'

const apiKeyFields = {
  id: Id,
  name: Type.String(),
  token_prefix: Type.String({ description: 'How its token begins.' }),
  workspace_id: Nullable(Id, 'Null: every workspace of the organization.'),
  mailbox_id: Nullable(Id, 'Set: this mailbox only.'),
  access: OneOf(['read', 'write']),
  format: OneOf(keyFormats, 'The shape of its token.'),
  access_key: Nullable(
    Type.String(),
    'Of a key in the format of Scaleway: what its clients name the key by. It is no secret.',
  ),
  description: Nullable(Type.String()),
  last4: Nullable(Type.String(), 'The last characters of its token. Null: a key that is older than this.'),
  created_by: Nullable(
    Type.String(),
    '`user:ID` or `api_key:ID`. Null: whoever runs the server, or before this was written down.',
  ),
  expires_at: Nullable(Moment),
  last_used_at: Nullable(Moment, 'To the minute.'),
  revoked_at: Nullable(Moment),
  created_at: Moment,
} as const

const ApiKeyView = Type.Object(apiKeyFields, { title: 'ApiKey' })
const NewApiKeyView = Type.Object(
  { ...apiKeyFields, token: Type.String({ description: 'Shown only now.' }) },
  { title: 'NewApiKey' },
)

const ApiKeyBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }),
    description: Type.Optional(Nullable(Type.String({ maxLength: apiLimits.descriptionLengthMax }))),
    workspace_id: Type.Optional(
      Nullable(
        Id,
        'Bind it to a workspace. Default: as far as the caller reaches; for a member, the request’s workspace.',
      ),
    ),
    mailbox_id: Type.Optional(
      Nullable(Id, 'Bind it to one mailbox of that workspace, or of the request’s own.'),
    ),
    access: Type.Optional(OneOf(['read', 'write'], 'Default: write.')),
    format: Type.Optional(
      OneOf(
        keyFormats,
        'The shape of its token, for clients that insist on one: `scaleway` is a UUID with an `access_key`, `inkbox` is `ApiKey_ID.SECRET`. A key of any shape works everywhere. Default: mailwright.',
      ),
    ),
    expires_at: Type.Optional(Nullable(Moment, 'Default: never.')),
  },
  closed,
)

const ApiKeysQuery = Type.Object(
  {
    ...pageQuery,
    created_by: Type.Optional(
      Type.String({ maxLength: 64, description: 'Those that `user:ID` or `api_key:ID` has made.' }),
    ),
  },
  closed,
)

const ApiKeyPath = Type.Object({ api_key: Type.String({ description: 'Its id.' }) })

export function apiKeyRoutes(app: Api, platform: Platform, authenticator: Authenticator): void {
  const tags = ['account']
  app.get(
    '/v1/api-keys',
    {
      schema: {
        summary: 'List API keys',
        description: 'Without the revoked ones.',
        tags,
        querystring: ApiKeysQuery,
        response: { 200: PageOf(ApiKeyView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { principal } = callerOf(request)
      const { created_by: createdBy = null } = request.query
      const page = await listApiKeys(platform, principal, pageRequest(request.query), createdBy)
      return pageView(page, apiKeyView)
    },
  )
  app.post(
    '/v1/api-keys',
    {
      schema: {
        summary: 'Create an API key',
        description: 'It reaches no further than the caller.',
        tags,
        body: ApiKeyBody,
        response: { 201: NewApiKeyView, ...postProblems('mailbox_not_found') },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const workspace = await workspaceOf(authenticator, caller, request.body)
      return mutate(platform, request, reply, async (tx) => {
        const wanted = await newApiKey(platform, tx, caller, workspace, request.body)
        const { apiKey, token } = await createApiKey(platform, tx, caller.principal, wanted)
        const headers = { location: `/v1/api-keys/${apiKey.id}`, ...noStore }
        return { status: 201, body: { ...apiKeyView(apiKey), token }, headers }
      })
    },
  )
  app.get(
    '/v1/api-keys/:api_key',
    {
      schema: {
        summary: 'Get an API key',
        tags,
        params: ApiKeyPath,
        response: { 200: ApiKeyView, ...readProblems('api_key_not_found') },
      },
    },
    async (request) =>
      apiKeyView(await getApiKey(platform, callerOf(request).principal, request.params.api_key)),
  )
  app.delete(
    '/v1/api-keys/:api_key',
    {
      schema: {
        summary: 'Revoke an API key',
        description: 'At once and for good, with the open invitations that it made.',
        tags,
        params: ApiKeyPath,
        response: { 204: Type.Null(), ...writeProblems('api_key_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await revokeApiKey(platform, tx, callerOf(request).principal, request.params.api_key)
        return { status: 204, body: undefined }
      }),
  )
}

/**
 * The workspace that the new key is bound to, or null for none. What is not said is as far as the caller itself
 * reaches; what is named must be within its reach.
 */
async function workspaceOf(
  authenticator: Authenticator,
  { principal, scope }: Caller,
  body: Static<typeof ApiKeyBody>,
): Promise<Scope | null> {
  const own = managesOrganization(principal) ? principal.workspaceId : scope.workspaceId
  const asked = body.workspace_id === undefined ? own : body.workspace_id
  if (asked !== null) return await authenticator.scopeOf(principal, asked)
  return (body.mailbox_id ?? null) === null ? null : scope
}

async function newApiKey(
  platform: Platform,
  tx: Tx,
  { principal, scope }: Caller,
  workspace: Scope | null,
  body: Static<typeof ApiKeyBody>,
): Promise<NewApiKey> {
  const mailboxId = body.mailbox_id === undefined ? principal.mailboxId : body.mailbox_id
  const mailbox = mailboxId === null ? null : await getMailbox(platform, workspace ?? scope, mailboxId, tx)
  return {
    name: body.name,
    description: body.description ?? null,
    workspaceId: workspace?.workspaceId ?? null,
    mailboxId: mailbox?.id ?? null,
    access: body.access ?? 'write',
    format: body.format ?? 'mailwright',
    expiresAt: readMomentOrNull(body.expires_at, '/expires_at'),
  }
}

function apiKeyView(apiKey: ApiKey) {
  return {
    id: apiKey.id,
    name: apiKey.name,
    token_prefix: apiKey.token_prefix,
    workspace_id: apiKey.workspace_id,
    mailbox_id: apiKey.mailbox_id,
    access: apiKey.access,
    format: apiKey.format,
    access_key: apiKey.access_key,
    description: apiKey.description,
    last4: apiKey.last4,
    created_by: apiKey.created_by,
    expires_at: momentOrNull(apiKey.expires_at),
    last_used_at: momentOrNull(apiKey.last_used_at),
    revoked_at: momentOrNull(apiKey.revoked_at),
    created_at: apiKey.created_at.toISOString(),
  }
}
