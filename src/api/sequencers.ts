/** /v1/sequencers: the accounts at sequencers that a workspace lets us bring mailboxes to. */

import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { checkSequencer } from '../sequencers/connection-health.ts'
import {
  createSequencer,
  getSequencer,
  listSequencers,
  tryNewSequencer,
  trySequencerUpdate,
  updateSequencer,
} from '../sequencers/connections.ts'
import { platformNames } from '../sequencers/platforms.ts'
import { deleteSequencer } from '../sequencers/removal.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'
import {
  Key,
  Name,
  SequencerPath,
  SequencerPlatformView,
  SequencerView,
  Settings,
  sequencerPlatformView,
  sequencerView,
} from './sequencer-view.ts'

const SequencerBody = Type.Object(
  { name: Name, platform: OneOf(platformNames), settings: Type.Optional(Settings), key: Type.Optional(Key) },
  closed,
)
const SequencerChanges = Type.Object(
  { name: Type.Optional(Name), settings: Type.Optional(Settings), key: Type.Optional(Key) },
  closed,
)
const DeleteQuery = Type.Object(
  {
    abandon: Type.Optional(Type.Boolean({ description: 'Leave the accounts that are there.' })),
    remove_accounts: Type.Optional(
      Type.Boolean({ description: 'Take the accounts away there first; the connection goes with the last.' }),
    ),
  },
  closed,
)
const tags = ['sequencers']

export function sequencerRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/sequencer-platforms',
    {
      schema: {
        summary: 'List the sequencers that there are',
        description: 'How each takes mailboxes, and what a connection to it must be told.',
        tags,
        response: { 200: Type.Object({ data: Type.Array(SequencerPlatformView) }), ...readProblems() },
      },
    },
    async () => ({ data: platformNames.map(sequencerPlatformView) }),
  )
  app.get(
    '/v1/sequencers',
    {
      schema: {
        summary: 'List sequencers',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(SequencerView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listSequencers(platform, scopeOf(request), pageRequest(request.query)), sequencerView),
  )
  app.get(
    '/v1/sequencers/:sequencer',
    {
      schema: {
        summary: 'Get a sequencer',
        tags,
        params: SequencerPath,
        response: { 200: SequencerView, ...readProblems('sequencer_not_found') },
      },
    },
    async (request) =>
      sequencerView(await getSequencer(platform, scopeOf(request), request.params.sequencer)),
  )
  createRoute(app, platform)
  updateRoute(app, platform)
  deleteRoute(app, platform)
  checkRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/sequencers',
    {
      schema: {
        summary: 'Connect a sequencer',
        description:
          'The sequencer is asked with the key first; what it does not take is not kept. One that takes files only (`method` of its platform) has no key.',
        tags,
        body: SequencerBody,
        response: {
          201: SequencerView,
          ...postProblems('sequencer_key_refused', 'sequencer_failed', 'sequencer_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { name, platform: of, key = null, settings: given = {} } = request.body
      const settings = await tryNewSequencer(platform, scope, { platform: of, key, settings: given })
      return mutate(platform, request, reply, async (tx) => {
        const row = await createSequencer(platform, tx, scope, { name, platform: of, settings, key })
        return { status: 201, body: sequencerView(row), headers: { location: `/v1/sequencers/${row.id}` } }
      })
    },
  )
}

function updateRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/sequencers/:sequencer',
    {
      schema: {
        summary: 'Change a sequencer or its key',
        description:
          'What is left out stays; `settings` are given whole. New settings and keys are tried first, and what waited for them is tried at once. With another `base_url` the key must be given again. With other limits all mailboxes are pushed again.',
        tags,
        params: SequencerPath,
        body: SequencerChanges,
        response: {
          200: SequencerView,
          ...writeProblems('sequencer_not_found', 'sequencer_key_refused', 'sequencer_failed'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { sequencer: id } = request.params
      const update = await trySequencerUpdate(platform, scope, id, request.body)
      return mutate(platform, request, reply, async (tx) => {
        return { status: 200, body: sequencerView(await updateSequencer(platform, tx, scope, id, update)) }
      })
    },
  )
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/sequencers/:sequencer',
    {
      schema: {
        summary: 'Disconnect a sequencer',
        description:
          'Refused while mailboxes are to be there, unless their accounts are to be removed there (202: it goes with the last of them) or abandoned.',
        tags,
        params: SequencerPath,
        querystring: DeleteQuery,
        response: {
          202: SequencerView,
          204: Type.Null(),
          ...writeProblems('sequencer_not_found', 'sequencer_in_use'),
        },
      },
    },
    async (request, reply) =>
      mutate<Static<typeof SequencerView> | undefined>(platform, request, reply, async (tx) => {
        const { abandon = false, remove_accounts: removeAccounts = false } = request.query
        const { sequencer: id } = request.params
        const left = await deleteSequencer(platform, tx, scopeOf(request), id, { abandon, removeAccounts })
        return left === null ? { status: 204, body: undefined } : { status: 202, body: sequencerView(left) }
      }),
  )
}

function checkRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/sequencers/:sequencer/check',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Ask the sequencer now whether it takes the key',
        description: 'What it says is in the reply. A connection that works again is worked with at once.',
        tags,
        params: SequencerPath,
        body: Type.Object({}, closed),
        response: { 200: SequencerView, ...postProblems('sequencer_not_found') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const row = await getSequencer(platform, scope, request.params.sequencer)
      return sequencerView(await checkSequencer(platform, row))
    },
  )
}
