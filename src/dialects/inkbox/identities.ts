/** /identities: agents, made with their mailboxes, seen, changed and deleted. */
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { revokeMailboxKeys } from '../../accounts/api-keys.ts'
import { partyOf } from '../../accounts/principals.ts'
import { type AddressDomains, addressDomainsOf } from '../../domains/handle-domain.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { nobody, takeName } from '../../mailboxes/handle-names.ts'
import {
  createIdentity,
  deleteIdentity,
  type Identity,
  newestIdentities,
} from '../../mailboxes/identities.ts'
import type { IdentityMailbox } from '../../mailboxes/identity-places.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { administrators, isOldClient } from './callers.ts'
import { NewIdentityBody, type NewIdentityRequest, requireHandleLength } from './identity-bodies.ts'
import { findIdentity, IdentityPath } from './identity-path.ts'
import { IdentityView, identityView, identityViews } from './identity-view.ts'
import { listMax } from './mailboxes.ts'
import { errors } from './schemas.ts'
import { sendingDomain } from './sending-domains.ts'

const tags = ['Identities']

export function identityRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  createRoute(app, platform)
  deleteRoute(app, platform)
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/identities',
    {
      schema: { summary: 'List identities', tags, response: { 200: Type.Array(IdentityView), ...errors() } },
    },
    async (request) => {
      const identities = await newestIdentities(platform.db, callerOf(request).scope, listMax)
      return identityViews(platform, platform.db, identities)
    },
  )
  app.get(
    '/identities/self',
    {
      schema: {
        summary: 'Get the identity of the calling key',
        tags,
        response: { 200: IdentityView, ...errors(404) },
      },
      config: { admits: ['agent_key'] },
    },
    async (request) => {
      // Its scope has one identity at most.
      const [own] = await newestIdentities(platform.db, callerOf(request).scope, 1)
      if (!own) throw new Refusal('identity_not_found')
      return identityView(platform, platform.db, own)
    },
  )
  app.get(
    '/identities/:agent_handle',
    {
      schema: {
        summary: 'Get an identity',
        tags,
        params: IdentityPath,
        response: { 200: IdentityView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const identity = await findIdentity(platform, scope, request.params.agent_handle)
      return identityView(platform, platform.db, identity)
    },
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/identities',
    {
      schema: {
        summary: 'Create an identity with its mailbox',
        description: 'For clients until 0.2.9 without a mailbox, unless they ask for one.',
        tags,
        body: NewIdentityBody,
        response: { 201: IdentityView, ...errors(402, 404, 409, 422, 503) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const view = await transact(platform, caller, async (tx) =>
        identityView(platform, tx, await create(platform, tx, request, request.body)),
      )
      return reply.code(201).send(view)
    },
  )
}

async function create(
  platform: Platform,
  tx: Tx,
  request: FastifyRequest,
  body: NewIdentityRequest,
): Promise<Identity> {
  const { principal, scope } = callerOf(request)
  const handle = requireHandleLength(body.agent_handle)
  const isOld = isOldClient(request)
  const domains = await addressDomainsOf(tx, scope.workspaceId)
  return await takeName(tx, domains.handles, handle, nobody, async () => {
    const mailbox =
      isOld && !body.mailbox ? 'none' : await placeOf(platform, tx, scope, { handle, body, isOld, domains })
    const name = body.display_name ?? body.mailbox?.display_name ?? null
    return await createIdentity(platform, tx, scope, {
      handle,
      displayName: name ?? (mailbox === 'none' ? null : handle),
      description: body.description ?? null,
      owner: partyOf(principal),
      mailbox,
      isImplicit: !body.mailbox,
    })
  })
}

type Placed = { handle: string; body: NewIdentityRequest; isOld: boolean; domains: AddressDomains }

/** On the platform's domain the local part is the handle, but for clients of before that rule. */
async function placeOf(
  platform: Platform,
  tx: Tx,
  scope: Caller['scope'],
  { handle, body, isOld, domains }: Placed,
): Promise<IdentityMailbox> {
  const localPart = body.mailbox?.email_local_part ?? handle
  const domain = await sendingDomain(platform, tx, scope, body.mailbox?.sending_domain, domains)
  if (domain.isPlatform && !isOld && localPart.toLowerCase() !== handle) {
    throw new Refusal('invalid_request', undefined, {
      fields: [
        { pointer: '/mailbox/email_local_part', detail: `must be the handle in the domain ${domain.name}` },
      ],
    })
  }
  return { address: `${localPart}@${domain.name}` }
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/identities/:agent_handle',
    {
      schema: {
        summary: 'Delete an identity with all that it has',
        description:
          'Its keys are revoked. It can be restored elsewhere for some days, and its handle is taken for so long.',
        tags,
        params: IdentityPath,
        response: { 204: Type.Null({ description: 'It is deleted.' }), ...errors(404, 409) },
      },
      config: { admits: administrators },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { scope } = caller
      await transact(platform, caller, async (tx) => {
        const { id, mailbox_id } = await findIdentity(platform, scope, request.params.agent_handle, tx)
        await deleteIdentity(platform, tx, scope, id, { purge: false })
        if (mailbox_id !== null) await revokeMailboxKeys(platform, tx, mailbox_id)
      })
      return reply.code(204).send(null)
    },
  )
}
