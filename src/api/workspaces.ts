/** /v1/workspaces: the tenants within the caller's organization. */
import { Type } from 'typebox'
import { requireOrganization, requireWrite } from '../accounts/principals.ts'
import {
  createWorkspace,
  getWorkspace,
  listWorkspaces,
  renameWorkspace,
  type Workspace,
} from '../accounts/workspaces.ts'
import { removeWorkspace } from '../mailboxes/workspace-removal.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const WorkspaceView = Type.Object(
  { id: Id, name: Type.String(), is_default: Type.Boolean(), created_at: Moment },
  { title: 'Workspace' },
)

const WorkspaceBody = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }) },
  closed,
)

const WorkspacePath = Type.Object({ workspace: Type.String({ description: 'Its id.' }) })

const tags = ['account']

export function workspaceRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/workspaces',
    {
      schema: {
        summary: 'List workspaces',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(WorkspaceView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const page = await listWorkspaces(platform, callerOf(request).principal, pageRequest(request.query))
      return pageView(page, workspaceView)
    },
  )
  app.post(
    '/v1/workspaces',
    {
      schema: {
        summary: 'Create a workspace',
        description: 'Only for keys of the whole organization.',
        tags,
        body: WorkspaceBody,
        response: { 201: WorkspaceView, ...postProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal } = callerOf(request)
        requireOrganization(principal)
        requireWrite(principal)
        const workspace = await createWorkspace(platform, tx, principal.organizationId, request.body)
        const headers = { location: `/v1/workspaces/${workspace.id}` }
        return { status: 201, body: workspaceView(workspace), headers }
      }),
  )
  app.get(
    '/v1/workspaces/:workspace',
    {
      schema: {
        summary: 'Get a workspace',
        tags,
        params: WorkspacePath,
        response: { 200: WorkspaceView, ...readProblems() },
      },
    },
    async (request) =>
      workspaceView(await getWorkspace(platform, callerOf(request).principal, request.params.workspace)),
  )
  changeRoutes(app, platform)
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/workspaces/:workspace',
    {
      schema: {
        summary: 'Rename a workspace',
        tags,
        params: WorkspacePath,
        body: WorkspaceBody,
        response: { 200: WorkspaceView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal } = callerOf(request)
        const { workspace: id } = request.params
        const workspace = await renameWorkspace(platform, tx, principal, id, request.body.name)
        return { status: 200, body: workspaceView(workspace) }
      }),
  )
  app.delete(
    '/v1/workspaces/:workspace',
    {
      schema: {
        summary: 'Delete a workspace',
        description: 'It must have no domains left. Its API keys end with it.',
        tags,
        params: WorkspacePath,
        response: { 204: Type.Null(), ...writeProblems('workspace_is_default', 'workspace_not_empty') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await removeWorkspace(platform, tx, callerOf(request).principal, request.params.workspace)
        return { status: 204, body: undefined }
      }),
  )
}

function workspaceView(workspace: Workspace) {
  return {
    id: workspace.id,
    name: workspace.name,
    is_default: workspace.is_default,
    created_at: workspace.created_at.toISOString(),
  }
}
