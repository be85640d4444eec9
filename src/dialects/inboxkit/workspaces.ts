/** Workspaces: parts of the team, each with the one URL that is told of its domains and mailboxes. */

import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { organizationNames } from '../../accounts/organizations.ts'
import { requireOrganization, requireWrite, type Scope } from '../../accounts/principals.ts'
import {
  createWorkspace,
  getWorkspace,
  listWorkspaces,
  renameWorkspace,
  type Workspace,
} from '../../accounts/workspaces.ts'
import { countDomainsOf } from '../../domains/domains.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { removeWorkspace } from '../../mailboxes/workspace-removal.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { readWorkspaceUrls, setWorkspaceUrl } from '../../webhooks/workspace-urls.ts'
import { bearerOf, callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { closed, DoneView, done, errors, Ok, ok, Uid } from './schemas.ts'
import { formatName, settingsFor } from './webhook-format.ts'

const WorkspaceView = Type.Object(
  {
    uid: Type.String(),
    name: Type.String(),
    team: Type.String({ description: 'The organization’s name.' }),
    webhook_url: Nullable(Type.String()),
    domains: Type.Integer(),
    use_shared_billing: Type.Boolean({
      description: 'Always false: each workspace has a wallet of its own.',
    }),
  },
  { title: 'Workspace' },
)

const Name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })
const WebhookUrl = Type.String({ minLength: 1, maxLength: 2000 })
const settings = {
  webhook_url: Type.Optional(Nullable(WebhookUrl, 'Null: nobody is told.')),
  admins_only: Type.Optional(
    Type.Boolean({ description: 'Means nothing here: members have their workspaces.' }),
  ),
}
const NewBody = Type.Object({ name: Name, ...settings }, closed)
const ChangesBody = Type.Object({ uid: Type.Optional(Uid), name: Type.Optional(Name), ...settings }, closed)
const WebhookBody = Type.Object({ uid: Type.Optional(Uid), webhook_url: Nullable(WebhookUrl) }, closed)
const DeleteBody = Type.Object({ uid: Type.Optional(Uid) }, closed)
const MaybeUid = Type.Object({ uid: Type.Optional(Uid) })

/** The parameter of a path that has it: some are served in two spellings. */
function uidIn(path: string) {
  const properties = path.includes(':uid') ? { uid: Uid } : {}
  return Type.Unsafe<{ uid?: string }>({ type: 'object', properties })
}

/** As many as a list without pages tells. */
const listedMax = 10_000
const tags = ['Workspaces']
const config = { ofTeam: true }

export function workspaceRoutes(app: Api, platform: Platform): void {
  app.get(
    '/workspaces/list',
    {
      config,
      schema: {
        summary: 'List workspaces',
        tags,
        response: { 200: Ok({ workspaces: Type.Array(WorkspaceView) }), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { rows } = await listWorkspaces(platform, caller.principal, { after: null, limit: listedMax })
      return ok('Workspaces retrieved successfully', { workspaces: await views(platform, caller, rows) })
    },
  )
  app.get(
    '/workspaces/details',
    {
      config,
      schema: {
        summary: 'Get a workspace',
        tags,
        querystring: Type.Object({ uid: Uid }),
        response: { 200: Ok({ workspace: WorkspaceView }), ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const found = await getWorkspace(platform, caller.principal, request.query.uid)
      const [workspace] = await views(platform, caller, [found])
      if (!workspace) throw new Error('a workspace has no view')
      return ok('Workspace details retrieved successfully', { workspace })
    },
  )
  for (const path of ['/workspaces/create', '/workspaces']) createRoute(app, platform, path)
  for (const path of ['/workspaces/update', '/workspaces', '/workspaces/:uid']) {
    updateRoute(app, platform, path)
  }
  for (const path of ['/workspaces/delete', '/workspaces', '/workspaces/:uid']) {
    deleteRoute(app, platform, path)
  }
  for (const path of ['/workspaces/webhook', '/workspaces/:uid/webhook']) webhookRoute(app, platform, path)
}

function createRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      config,
      schema: {
        summary: 'Create a workspace',
        description: 'Only for keys of the whole organization.',
        tags,
        body: NewBody,
        response: { 200: Ok({ uid: Type.String(), name: Type.String() }), ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { name, webhook_url: url = null } = request.body
      const workspace = await transact(platform, caller, async (tx) => {
        requireOrganization(caller.principal)
        requireWrite(caller.principal)
        const made = await createWorkspace(platform, tx, caller.principal.organizationId, { name })
        if (url !== null) await setUrl(platform, tx, request, made, url)
        return made
      })
      return ok('Workspace created successfully', { uid: workspace.id, name: workspace.name })
    },
  )
}

function updateRoute(app: Api, platform: Platform, path: string): void {
  app.put(
    path,
    {
      config,
      schema: {
        summary: 'Rename a workspace, or set its webhook',
        tags,
        params: uidIn(path),
        body: ChangesBody,
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { name, webhook_url: url } = request.body
      const uid = requireUid(request.params.uid ?? request.body.uid)
      await transact(platform, caller, async (tx) => {
        requireWrite(caller.principal)
        const workspace = await getWorkspace(platform, caller.principal, uid, tx)
        if (name !== undefined) await renameWorkspace(platform, tx, caller.principal, uid, name)
        if (url !== undefined) await setUrl(platform, tx, request, workspace, url)
      })
      return done('Workspace updated successfully')
    },
  )
}

function deleteRoute(app: Api, platform: Platform, path: string): void {
  app.delete(
    path,
    {
      config,
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Delete a workspace',
        description: 'It must be empty, and not the first one.',
        tags,
        params: uidIn(path),
        querystring: MaybeUid,
        body: DeleteBody,
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const uid = requireUid(request.params.uid ?? request.query.uid ?? request.body.uid)
      await transact(platform, caller, (tx) => removeWorkspace(platform, tx, caller.principal, uid))
      return done('Workspace deleted successfully')
    },
  )
}

function webhookRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      config,
      schema: {
        summary: 'Set the webhook of a workspace',
        tags,
        params: uidIn(path),
        body: WebhookBody,
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const uid = requireUid(request.params.uid ?? request.body.uid)
      await transact(platform, caller, async (tx) => {
        const workspace = await getWorkspace(platform, caller.principal, uid, tx)
        await setUrl(platform, tx, request, workspace, request.body.webhook_url)
      })
      return done('Webhook updated successfully')
    },
  )
}

function requireUid(uid: string | undefined): string {
  if (uid === undefined) throw new Refusal('invalid_request', 'uid is required')
  return uid
}

async function setUrl(
  platform: Platform,
  tx: Tx,
  request: FastifyRequest,
  { id: workspaceId }: Workspace,
  url: string | null,
): Promise<void> {
  const scope: Scope = { ...callerOf(request).scope, workspaceId }
  const token = bearerOf(request)
  if (token === undefined) throw new Refusal('unauthenticated')
  await setWorkspaceUrl(platform, tx, scope, formatName, { url, settings: settingsFor(token) })
}

async function views(
  platform: Platform,
  { principal }: Caller,
  workspaces: readonly Workspace[],
): Promise<Static<typeof WorkspaceView>[]> {
  const ids = workspaces.map(({ id }) => id)
  const { organizationId } = principal
  const team = (await organizationNames(platform.db, [organizationId])).get(organizationId) ?? ''
  const domains = await countDomainsOf(platform.db, ids)
  // A URL may hold a secret: it is not for keys of one mailbox.
  const isShown = principal.mailboxId === null
  const urls = isShown ? await readWorkspaceUrls(platform.db, formatName, ids) : new Map<string, string>()
  return workspaces.map(({ id, name }) => ({
    uid: id,
    name,
    team,
    webhook_url: urls.get(id) ?? null,
    domains: domains.get(id) ?? 0,
    use_shared_billing: false,
  }))
}
