/** /v1/workspaces/{workspace}/service-mapping: which service makes what a workspace asks for as a product. */
import { type Static, Type } from 'typebox'
import { getWorkspace } from '../accounts/workspaces.ts'
import {
  defaultServiceMapping,
  putServiceMapping,
  type ServiceMapping,
  serviceMappingOf,
} from '../mailboxes/service-mapping.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mailboxServices } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, OneOf } from './schemas.ts'

const service = OneOf(mailboxServices, 'Who makes them. Default: local.')

const MappingView = Type.Object(
  { google: service, microsoft: service, azure: service, smtp: service, smtp_dedicated: service },
  { title: 'ServiceMapping' },
)
const MappingBody = Type.Object(Type.Partial(MappingView).properties, closed)

const WorkspacePath = Type.Object({ workspace: Type.String({ description: 'Its id.' }) })
const tags = ['mailboxes']

export function serviceMappingRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/workspaces/:workspace/service-mapping',
    {
      schema: {
        summary: 'Get which services make a workspace’s products',
        tags,
        params: WorkspacePath,
        response: { 200: MappingView, ...readProblems() },
      },
    },
    async (request) => {
      const { id } = await getWorkspace(platform, callerOf(request).principal, request.params.workspace)
      return await serviceMappingOf(platform.db, id)
    },
  )
  app.put(
    '/v1/workspaces/:workspace/service-mapping',
    {
      schema: {
        summary: 'Set which services make a workspace’s products',
        description:
          'For dialects, whose clients ask for mailboxes of these products. Put replaces all: what is left out is local. What is elsewhere is made by the workspace’s connection, and where it has none it is a request that somebody fulfils.',
        tags,
        params: WorkspacePath,
        body: MappingBody,
        response: { 200: MappingView, ...writeProblems('service_unavailable') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal } = callerOf(request)
        const { workspace: id } = request.params
        const body = await putServiceMapping(platform, tx, principal, id, toMapping(request.body))
        return { status: 200, body }
      }),
  )
}

function toMapping(body: Static<typeof MappingBody>): ServiceMapping {
  return { ...defaultServiceMapping, ...body }
}
