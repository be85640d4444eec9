/** /v1/identities/{identity}/mailbox: a mailbox comes to an identity that has none, or leaves it. */
import { Type } from 'typebox'
import { getIdentity, type Identity } from '../mailboxes/identities.ts'
import { giveMailbox, partMailbox } from '../mailboxes/identity-mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { shown } from './identities.ts'
import { GivenMailboxBody, IdentityPath, IdentityView, toGivenMailbox } from './identity-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed } from './schemas.ts'

const tags = ['identities']

export function identityMailboxRoutes(app: Api, platform: Platform): void {
  app.put(
    '/v1/identities/:identity/mailbox',
    {
      schema: {
        summary: 'Give an identity a mailbox',
        description: 'A new one or one that is there, for an identity that has none.',
        tags,
        params: IdentityPath,
        body: GivenMailboxBody,
        response: {
          200: OrPreview(IdentityView),
          ...writeProblems(
            'identity_not_found',
            'identity_has_mailbox',
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
      config: { documented: { replies: { 200: AnyOf(IdentityView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { identity: ref } = request.params
      const wanted = toGivenMailbox(request.body)
      const give = (tx: Tx) => giveMailbox(platform, tx, scope, ref, wanted)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => ({ objects: [touched(await give(tx))] }))
      }
      return mutate(platform, request, reply, async (tx) => shown(tx, 200, await give(tx)))
    },
  )
  app.delete(
    '/v1/identities/:identity/mailbox',
    {
      schema: {
        summary: 'Part an identity from its mailbox',
        description: 'Both stay, each by itself, and either may get another.',
        tags,
        params: IdentityPath,
        querystring: Type.Object(
          { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
          closed,
        ),
        response: {
          200: OrPreview(IdentityView),
          ...writeProblems('identity_not_found', 'mailbox_not_found', 'mailbox_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(IdentityView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { identity: ref } = request.params
      const part = async (tx: Tx): Promise<Identity> => {
        await partMailbox(platform, tx, scope, ref)
        return await getIdentity(platform, scope, ref, tx)
      }
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => ({ objects: [touched(await part(tx))] }))
      }
      return mutate(platform, request, reply, async (tx) => shown(tx, 200, await part(tx)))
    },
  )
}

function touched({ id, handle, state }: Identity): TouchedObject {
  return { type: 'identity', action: 'update', id, name: handle, state }
}
