/** /v1/identities: agents' handles, each with its mailbox. */

import { type Static, Type } from 'typebox'
import { partyOf } from '../accounts/principals.ts'
import { setListModes } from '../delivery/spam/list-modes.ts'
import {
  createIdentity,
  deleteIdentity,
  getIdentity,
  type Identity,
  listIdentities,
  restoreIdentity,
  updateIdentity,
} from '../mailboxes/identities.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { type Caller, callerOf, scopeOf } from './caller.ts'
import { EditHeaders } from './documented.ts'
import { etagOf, versionsOfIfMatch } from './etag.ts'
import {
  IdentityChangesBody,
  IdentityPath,
  IdentityView,
  identityViews,
  modeOfRule,
  NewIdentityBody,
  toIdentityChanges,
  toIdentityMailbox,
} from './identity-view.ts'
import { apiLimits } from './limits.ts'
import { mutate, type Outcome } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, PageOf, pageQuery, pageRequest } from './schemas.ts'

type View = Static<typeof IdentityView>

const IdentitiesQuery = Type.Object(
  {
    ...pageQuery,
    owner: Type.Optional(Type.String({ maxLength: 100, description: '`user:ID` or `api_key:ID`.' })),
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: apiLimits.searchLengthMax, description: 'Part of the handle.' }),
    ),
  },
  closed,
)

const tags = ['identities']

export function identityRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/identities',
    {
      schema: {
        summary: 'List identities',
        tags,
        querystring: IdentitiesQuery,
        response: { 200: PageOf(IdentityView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { owner = null, search = null } = request.query
      const filter = { owner, search }
      const page = await listIdentities(platform, scopeOf(request), filter, pageRequest(request.query))
      return { data: await identityViews(platform.db, page.rows), next_cursor: page.nextCursor }
    },
  )
  app.get(
    '/v1/identities/:identity',
    {
      schema: {
        summary: 'Get an identity',
        tags,
        params: IdentityPath,
        response: { 200: IdentityView, ...readProblems('identity_not_found') },
      },
    },
    async (request, reply) => {
      const identity = await getIdentity(platform, scopeOf(request), request.params.identity)
      void reply.header('etag', etagOf(identity))
      return viewOf(platform.db, identity)
    },
  )
  createRoute(app, platform)
  editRoute(app, platform)
  deleteRoute(app, platform)
  restoreRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/identities',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Create an identity with its mailbox',
        description: 'A handle and a local part that nobody asks for are random. The caller owns it.',
        tags,
        body: NewIdentityBody,
        response: {
          200: PreviewView,
          201: IdentityView,
          ...postProblems(
            'handle_invalid',
            'handle_taken',
            'identity_exists',
            'mailbox_not_found',
            'mailbox_state_conflict',
            'domain_not_found',
            'domain_not_usable',
            'address_invalid',
            'address_taken',
          ),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { body } = request
      if (body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const identity = await create(platform, tx, caller, body)
          return { objects: touched(identity, 'create', body.mailbox === undefined) }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const outcome = await shown(tx, 201, await create(platform, tx, caller, body))
        return {
          ...outcome,
          headers: { ...outcome.headers, location: `/v1/identities/${outcome.body.id}` },
        }
      })
    },
  )
}

/** An identity and whom its mailbox hears, which is a rule of delivery's: both or neither. */
async function create(
  platform: Platform,
  tx: Tx,
  { principal, scope }: Caller,
  body: Static<typeof NewIdentityBody>,
): Promise<Identity> {
  const identity = await createIdentity(platform, tx, scope, {
    handle: body.handle ?? null,
    displayName: body.display_name ?? null,
    description: body.description ?? null,
    owner: partyOf(principal),
    mailbox: toIdentityMailbox(body),
  })
  if (body.mail_rule !== undefined) {
    if (identity.mailbox_id === null) throw new Refusal('invalid_request', 'A mail rule is of a mailbox.')
    const inbound = modeOfRule[body.mail_rule]
    await setListModes(platform, tx, scope, identity.mailbox_id, { inbound })
  }
  return identity
}

function editRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/identities/:identity',
    {
      schema: {
        summary: 'Edit an identity',
        description:
          'A handle that is given up is free at once. A key that is bound to its mailbox may change display name and description only.',
        tags,
        params: IdentityPath,
        body: IdentityChangesBody,
        response: {
          200: OrPreview(IdentityView),
          ...writeProblems(
            'identity_not_found',
            'handle_invalid',
            'handle_taken',
            'edit_conflict',
            'mailbox_state_conflict',
            'address_invalid',
            'address_limit_reached',
          ),
        },
      },
      config: {
        documented: { headers: EditHeaders, replies: { 200: AnyOf(IdentityView, PreviewView) } },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { identity: ref } = request.params
      const changes = toIdentityChanges(request.body)
      const versions = versionsOfIfMatch(request.headers['if-match'])
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const before = await getIdentity(platform, scope, ref, tx)
          const identity = await updateIdentity(platform, tx, scope, ref, changes, versions)
          const isMailbox = changes.displayName !== undefined || identity.address !== before.address
          return { objects: touched(identity, 'update', isMailbox) }
        })
      }
      return mutate(platform, request, reply, async (tx) =>
        shown(tx, 200, await updateIdentity(platform, tx, scope, ref, changes, versions)),
      )
    },
  )
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/identities/:identity',
    {
      schema: {
        summary: 'Delete an identity with its mailbox',
        description:
          'Both can be restored until `purge_at`, and handle and address stay taken; a purge is at once and for good, as is the end of an identity without a mailbox.',
        tags,
        params: IdentityPath,
        querystring: Type.Object(
          {
            purge: Type.Optional(Type.Boolean({ description: 'For good and now, without days of grace.' })),
            preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
          },
          closed,
        ),
        response: {
          200: OrPreview(IdentityView),
          204: Type.Null({ description: 'It was purged.' }),
          ...writeProblems('identity_not_found', 'mailbox_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(IdentityView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { identity: ref } = request.params
      const purge = request.query.purge === true
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => ({
          objects: touched(
            await deleteIdentity(platform, tx, scope, ref, { purge }),
            purge ? 'purge' : 'delete',
            true,
          ),
        }))
      }
      return mutate(platform, request, reply, async (tx) => {
        const identity = await deleteIdentity(platform, tx, scope, ref, { purge })
        return purge ? { status: 204, body: undefined } : shown(tx, 200, identity)
      })
    },
  )
}

function restoreRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/identities/:identity/restore',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Restore a deleted identity with its mailbox',
        tags,
        params: IdentityPath,
        body: Type.Object(
          { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
          closed,
        ),
        response: {
          200: OrPreview(IdentityView),
          ...postProblems('identity_not_found', 'mailbox_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(IdentityView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { identity: ref } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => ({
          objects: touched(await restoreIdentity(platform, tx, scope, ref), 'update', true),
        }))
      }
      return mutate(platform, request, reply, async (tx) =>
        shown(tx, 200, await restoreIdentity(platform, tx, scope, ref)),
      )
    },
  )
}

/** An identity as the reply to a call that changed it. */
export async function shown(tx: Tx, status: number, identity: Identity): Promise<Outcome<View>> {
  return { status, body: await viewOf(tx, identity), headers: { etag: etagOf(identity) } }
}

async function viewOf(db: Platform['db'] | Tx, identity: Identity): Promise<View> {
  const [view] = await identityViews(db, [identity])
  if (!view) throw new Error('an identity has no view')
  return view
}

function touched(identity: Identity, action: TouchedObject['action'], withMailbox: boolean): TouchedObject[] {
  const isNew = action === 'create'
  const { id, handle, state, mailbox_id, address } = identity
  const own = { type: 'identity' as const, action, id: isNew ? null : id, name: handle, state }
  if (!withMailbox || address === null) return [own]
  return [own, { type: 'mailbox', action, id: isNew ? null : mailbox_id, name: address, state }]
}
