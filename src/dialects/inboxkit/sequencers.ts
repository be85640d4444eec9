/** Sequencers: the accounts that mailboxes are exported to. */

import { type Static, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  createSequencer,
  getSequencer,
  listSequencers,
  tryNewSequencer,
  trySequencerUpdate,
  updateSequencer,
} from '../../sequencers/connections.ts'
import {
  type PlatformName,
  platformNames,
  type SequencerSettings,
  sequencerPlatforms,
} from '../../sequencers/platforms.ts'
import { sequencerPolicy } from '../../sequencers/policy.ts'
import { deleteSequencer } from '../../sequencers/removal.ts'
import type { Sequencer } from '../../sequencers/rows.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { closed, DoneView, done, errors, Ok, offsetInput, offsetOf, ok, Uid, uidsMax } from './schemas.ts'

const PlatformView = Type.Object(
  { name: Type.String(), platform: Type.String() },
  { title: 'SequencerPlatform' },
)

const SequencerView = Type.Object(
  {
    uid: Type.String(),
    name: Type.String(),
    platform: Type.String(),
    status: Type.String({
      description: 'connected; disconnected: the last call failed for all its mailboxes; deleting.',
    }),
    sequencer_email: Nullable(Type.String(), 'Always null.'),
  },
  { title: 'Sequencer' },
)

const nothing = 'Means nothing here.'
const warmupNumber = Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: nothing }))
const Slug = Type.String({ minLength: 1, maxLength: 100 })
const fields = {
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })),
  api_key: Type.Optional(Type.String({ minLength: 1, maxLength: 1000 })),
  sequencer_login: Type.Optional(Type.String({ maxLength: 320, description: nothing })),
  sequencer_password: Type.Optional(
    Type.String({ maxLength: 1000, description: `${nothing} It is not kept.` }),
  ),
  enable_warmup: Type.Optional(Type.Boolean({ description: 'Whether the sequencer warms mailboxes up.' })),
  warmup_limit: warmupNumber,
  warmup_increment: warmupNumber,
  warmup_replyrate: warmupNumber,
  tags: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 100, description: nothing })),
  auto_reconnect_mailboxes: Type.Optional(
    Type.Boolean({
      description: 'Whether what was taken away there, or cannot be used any more, is pushed again.',
    }),
  ),
}
const NewBody = Type.Object({ platform: Slug, ...fields }, closed)
const ChangesBody = Type.Object({ uid: Uid, ...fields }, closed)
const DeleteBody = Type.Object({ uids: Type.Array(Uid, { minItems: 1, maxItems: uidsMax }) }, closed)
const ListBody = Type.Object(
  { ...offsetInput, sequencer_platforms: Type.Optional(Type.Array(Slug, { maxItems: 100 })) },
  closed,
)
const tags = ['Sequencers']

/** Those that can be connected with a key and no more. */
const connectable = platformNames.filter((name) => {
  const { method, needs } = sequencerPlatforms[name]
  return method === 'api' && needs.length === 0
})

export function sequencerRoutes(app: Api, platform: Platform): void {
  app.get(
    '/sequencers/platforms',
    {
      schema: {
        summary: 'List the sequencers that can be connected',
        tags,
        response: { 200: Ok({ data: Type.Array(PlatformView) }), ...errors() },
      },
    },
    async () => {
      const data = connectable.map((name) => ({ name: sequencerPlatforms[name].title, platform: name }))
      return ok('Sequencer platforms retrieved successfully', { data })
    },
  )
  app.post(
    '/sequencers/list',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'List connected sequencers',
        tags,
        body: ListBody,
        response: { 200: Ok({ data: Type.Array(SequencerView), total: Type.Integer() }), ...errors(400) },
      },
    },
    async (request) => {
      const { sequencer_platforms: slugs } = request.body
      const { limit, offset } = offsetOf(request.body)
      const page = { after: null, limit: sequencerPolicy.connectionsPerWorkspaceMax }
      const { rows } = await listSequencers(platform, callerOf(request).scope, page)
      const wanted = new Set(slugs?.map((slug) => slug.toLowerCase()))
      const found = slugs === undefined ? rows : rows.filter((row) => wanted.has(row.platform))
      const data = found.slice(offset, offset + limit).map(sequencerView)
      return ok('Sequencers retrieved successfully', { data, total: found.length })
    },
  )
  addRoute(app, platform)
  for (const method of ['POST', 'PUT'] as const) updateRoute(app, platform, method)
  for (const method of ['POST', 'DELETE'] as const) deleteRoute(app, platform, method)
}

function addRoute(app: Api, platform: Platform): void {
  app.post(
    '/sequencers/add',
    {
      schema: {
        summary: 'Connect a sequencer',
        description: 'It is asked with the key first; what it does not take is not kept.',
        tags,
        body: NewBody,
        response: { 200: Ok({ uid: Type.String() }), ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const name = platformNamed(request.body.platform)
      const { api_key: key, name: called = sequencerPlatforms[name].title } = request.body
      if (key === undefined) throw new Refusal('invalid_request', 'api_key is required')
      const wanted = { platform: name, key, settings: settingsOf(request.body, {}) ?? {} }
      const settings = await tryNewSequencer(platform, caller.scope, wanted)
      const { id } = await transact(platform, caller, (tx) =>
        createSequencer(platform, tx, caller.scope, { ...wanted, settings, name: called }),
      )
      return ok('Sequencer added successfully', { uid: id })
    },
  )
}

function updateRoute(app: Api, platform: Platform, method: 'POST' | 'PUT'): void {
  app.route({
    method,
    url: '/sequencers/update',
    schema: {
      summary: 'Change a connected sequencer',
      description: 'A new key is tried first, and what waited for it is tried at once.',
      tags,
      body: ChangesBody,
      response: { 200: DoneView, ...errors(400) },
    },
    handler: async (request) => {
      const caller = callerOf(request)
      const { uid, name, api_key: key } = request.body
      const before = await getSequencer(platform, caller.scope, uid)
      const settings = settingsOf(request.body, before.settings)
      const wanted = {
        ...(name === undefined ? {} : { name }),
        ...(key === undefined ? {} : { key }),
        ...(settings === null ? {} : { settings }),
      }
      const update = await trySequencerUpdate(platform, caller.scope, uid, wanted)
      await transact(platform, caller, (tx) => updateSequencer(platform, tx, caller.scope, uid, update))
      return done('Sequencer updated successfully')
    },
  })
}

function deleteRoute(app: Api, platform: Platform, method: 'POST' | 'DELETE'): void {
  app.route({
    method,
    url: '/sequencers/delete',
    schema: {
      summary: 'Disconnect sequencers',
      description: 'The accounts that are there stay there.',
      tags,
      body: DeleteBody,
      response: { 200: DoneView, ...errors(400) },
    },
    handler: async (request) => {
      const caller = callerOf(request)
      // In one order, so that two calls never wait for each other.
      const uids = [...new Set(request.body.uids)].sort()
      await transact(platform, caller, async (tx) => {
        for (const uid of uids) {
          await deleteSequencer(platform, tx, caller.scope, uid, { abandon: true, removeAccounts: false })
        }
      })
      return done('Sequencers deleted successfully')
    },
  })
}

/** @throws Refusal invalid_request for one that is not known, takes files only, or needs more than a key. */
function platformNamed(slug: string): PlatformName {
  const found = platformNames.find((name) => name === slug.toLowerCase())
  if (found === undefined || !connectable.includes(found)) {
    throw new Refusal('invalid_request', `platform must be one of: ${connectable.join(', ')}`)
  }
  return found
}

/** @returns null where nothing is said of them. */
function settingsOf(
  {
    enable_warmup: warmup,
    auto_reconnect_mailboxes: reconnect,
  }: Pick<Static<typeof ChangesBody>, 'enable_warmup' | 'auto_reconnect_mailboxes'>,
  before: SequencerSettings,
): SequencerSettings | null {
  if (warmup === undefined && reconnect === undefined) return null
  return {
    ...before,
    ...(warmup === undefined ? {} : { warmup }),
    ...(reconnect === undefined ? {} : { auto_reconnect: reconnect }),
  }
}

function sequencerView(row: Sequencer): Static<typeof SequencerView> {
  const { id, name, platform, state, delete_when_empty: isDeleting } = row
  const status = isDeleting ? 'deleting' : state === 'working' ? 'connected' : 'disconnected'
  return { uid: id, name, platform, status, sequencer_email: null }
}
