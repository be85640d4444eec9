/** /v1/workspaces/{workspace}/domain-settings: whether its domains are renewed by themselves. */
import { Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import { getWorkspace } from '../accounts/workspaces.ts'
import { domainAutoRenewDefault, setDomainAutoRenewDefault } from '../domains/auto-renew.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable } from './schemas.ts'

const SettingsView = Type.Object(
  {
    auto_renew: Nullable(
      Type.Boolean(),
      'Null: not chosen. POST /v1/domains/register takes true then, unless it says itself.',
    ),
  },
  { title: 'WorkspaceDomainSettings' },
)
const SettingsBody = Type.Object({ auto_renew: Type.Boolean() }, closed)

const WorkspacePath = Type.Object({ workspace: Type.String({ description: 'Its id.' }) })
const tags = ['domains']

export function workspaceDomainSettingsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/workspaces/:workspace/domain-settings',
    {
      schema: {
        summary: 'Get whether a workspace’s new domains are renewed by themselves',
        tags,
        params: WorkspacePath,
        response: { 200: SettingsView, ...readProblems() },
      },
    },
    async (request) => {
      const { principal } = callerOf(request)
      requireWorkspace(principal)
      const { id } = await getWorkspace(platform, principal, request.params.workspace)
      return { auto_renew: await domainAutoRenewDefault(platform.db, id) }
    },
  )
  app.put(
    '/v1/workspaces/:workspace/domain-settings',
    {
      schema: {
        summary: 'Set whether a workspace’s domains are renewed by themselves',
        description:
          'Those to come, unless their registration says otherwise, and all that are registered here.',
        tags,
        params: WorkspacePath,
        body: SettingsBody,
        response: { 200: SettingsView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal, scope } = callerOf(request)
        const { id: workspaceId } = await getWorkspace(platform, principal, request.params.workspace, tx)
        const { auto_renew: autoRenew } = request.body
        await setDomainAutoRenewDefault(platform, tx, { ...scope, workspaceId }, autoRenew)
        return { status: 200, body: { auto_renew: autoRenew } }
      }),
  )
}
