/** Signing keys: what requests to webhooks are signed with, one of each identity and one of the organization. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { getIdentity, listIdentities } from '../../mailboxes/identities.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { hasMailboxUrls } from '../../webhooks/mailbox-urls.ts'
import {
  newestSigningKeyTime,
  rotateSigningKey,
  type SigningKey,
  signingKeyTimes,
} from '../../webhooks/signing-keys.ts'
import { callerOf, headerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { kindOf } from './callers.ts'
import { errors, Moment, momentOrNull, orNull } from './schemas.ts'
import { mailboxUrlFormat } from './webhook-format.ts'

const tags = ['Signing keys']

const StatusView = Type.Object(
  { configured: Type.Boolean(), created_at: orNull(Moment) },
  { title: 'SigningKeyStatus' },
)
const KeyView = Type.Object(
  { signing_key: Type.String({ description: 'Shown once.' }), created_at: Moment },
  { title: 'SigningKey' },
)
const HandlePath = Type.Object({ agent_handle: Type.String({ description: 'Without the at sign.' }) })

export function signingKeyRoutes(app: Api, platform: Platform): void {
  app.get(
    '/identities/:agent_handle/signing-key',
    {
      schema: {
        summary: 'See whether an identity has a signing key',
        tags,
        params: HandlePath,
        response: { 200: StatusView, ...errors(404) },
      },
    },
    async (request) => {
      const identityId = await idOf(platform, request, request.params.agent_handle)
      return statusView((await signingKeyTimes(platform.db, [identityId])).get(identityId) ?? null)
    },
  )
  app.post(
    '/identities/:agent_handle/signing-key',
    {
      schema: {
        summary: 'Make the signing key of an identity, or another one in its place',
        description: 'The one before it signs nothing any more.',
        tags,
        params: HandlePath,
        response: { 201: KeyView, ...errors(404) },
      },
    },
    async (request, reply) => {
      const identityId = await idOf(platform, request, request.params.agent_handle)
      return sendKey(reply, await rotate(platform, request, identityId))
    },
  )
  organizationRoutes(app, platform)
}

function organizationRoutes(app: Api, platform: Platform): void {
  app.get(
    '/signing-keys',
    {
      schema: {
        summary: 'See whether there is a signing key',
        description: 'Of an agent’s key its identity’s; else any of the organization.',
        tags,
        deprecated: true,
        response: { 200: StatusView, ...errors() },
      },
    },
    async (request) => statusView(await newestSigningKeyTime(platform, callerOf(request).scope)),
  )
  app.post(
    '/signing-keys',
    {
      schema: {
        summary: 'Make a signing key without naming an identity, or another one in its place',
        description:
          'Of an agent’s key its identity’s. Of the others the organization’s, which signs for the `webhook_url` of mailboxes: an API key makes it where a mailbox has one, or when it comes as `X-Service-Token`.',
        tags,
        deprecated: true,
        response: { 201: KeyView, ...errors(409) },
      },
    },
    async (request, reply) => {
      const identityId = await identityOfKey(platform, request)
      return sendKey(reply, await rotate(platform, request, identityId))
    },
  )
}

/** @returns the identity whose key is meant; null: the organization's. @throws Refusal webhook_state_conflict. */
async function identityOfKey(platform: Platform, request: FastifyRequest): Promise<string | null> {
  const { scope } = callerOf(request)
  const kind = kindOf(request)
  if (kind === 'agent_key') {
    const {
      rows: [identity],
    } = await listIdentities(platform, scope, { owner: null, search: null }, { limit: 1, after: null })
    if (identity) return identity.id
    throw new Refusal('webhook_state_conflict', 'The mailbox of this key has no identity.')
  }
  const isOld = headerOf(request, 'x-service-token') !== undefined
  if (kind === 'jwt' || isOld || (await hasMailboxUrls(platform.db, scope, mailboxUrlFormat.name)))
    return null
  throw new Refusal('webhook_state_conflict', 'Signing keys are the identities’: name one.')
}

/** @throws Refusal identity_not_found, also for one that is deleted. */
async function idOf(platform: Platform, request: FastifyRequest, handle: string): Promise<string> {
  const { id, state } = await getIdentity(platform, callerOf(request).scope, handle)
  if (state === 'deletion_scheduled') throw new Refusal('identity_not_found')
  return id
}

async function rotate(
  platform: Platform,
  request: FastifyRequest,
  identityId: string | null,
): Promise<SigningKey> {
  const caller = callerOf(request)
  return await transact(platform, caller, (tx) => rotateSigningKey(platform, tx, caller.scope, identityId))
}

function statusView(at: Date | null): Static<typeof StatusView> {
  return { configured: at !== null, created_at: momentOrNull(at) }
}

function sendKey(reply: FastifyReply, { key, createdAt }: SigningKey): FastifyReply {
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .send({ signing_key: key, created_at: createdAt.toISOString() } satisfies Static<typeof KeyView>)
}
