/** Workspaces of the account. */
import { Type } from 'typebox'
import { requireOrganization, requireWorkspace, requireWrite } from '../../accounts/principals.ts'
import {
  pageOfWorkspaces,
  reachableWorkspaceIds,
  requireFreeWorkspaceName,
} from '../../accounts/workspace-pages.ts'
import { createWorkspace, getWorkspace, renameWorkspace } from '../../accounts/workspaces.ts'
import { setDomainAutoRenewDefault } from '../../domains/auto-renew.ts'
import { countByProduct } from '../../mailboxes/product-counts.ts'
import { removeWorkspace } from '../../mailboxes/workspace-removal.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { accountOf } from './account.ts'
import { billingFields, keepBillingDetails } from './billing-input.ts'
import { containsInput, line } from './fields.ts'
import { DataOf, DoneView, dataOf, done, errors, Id, pageFields, pageInput, pageOf } from './schemas.ts'
import { totalsOf, WorkspacesView, WorkspaceView, workspaceSummary, workspaceView } from './workspace-view.ts'

const tags = ['workspaces']
const name = line(200)
const NewBody = Type.Object({ name, billingDetails: Type.Optional(Type.Object(billingFields)) })
const RenameBody = Type.Object({ id: Id, name })
const RenewalBody = Type.Object({ domainRenewalSettings: Type.Boolean() })
const ListQuery = Type.Object({ ...pageInput, contains: containsInput })

export function workspaceRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  changeRoutes(app, platform)
  app.delete(
    '/v2/workspaces',
    {
      schema: {
        summary: 'Delete a workspace',
        description: 'It must have no domains and no mailboxes left, and not be the default one.',
        tags,
        querystring: Type.Object({ id: Id }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { id } = request.query
      await transact(platform, caller, (tx) => removeWorkspace(platform, tx, caller.principal, id))
      return done('Workspace deleted successfully')
    },
  )
  app.post(
    '/v2/workspaces/update-domain-renewal-settings',
    {
      config: { workspaceRequired: true },
      schema: {
        summary: 'Switch the renewal of all domains of the workspace',
        description: 'Those that are registered here, and those to come.',
        tags,
        body: RenewalBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { domainRenewalSettings: on } = request.body
      await transact(platform, caller, (tx) => setDomainAutoRenewDefault(platform, tx, caller.scope, on))
      return done('Domain renewal settings updated successfully')
    },
  )
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/workspaces',
    {
      schema: {
        summary: 'List workspaces',
        description: 'The one that the call is about stands beside the others, which come in pages.',
        tags,
        querystring: ListQuery,
        response: { 200: DataOf(WorkspacesView), ...errors() },
      },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      requireWorkspace(scope)
      const { contains = '', ...query } = request.query
      const page = pageOf(query)
      const current = await getWorkspace(platform, principal, scope.workspaceId)
      const search = { contains, without: current.id }
      const { rows, total } = await pageOfWorkspaces(platform.db, principal, search, page)
      const all = await reachableWorkspaceIds(platform.db, principal)
      const shown = [current, ...rows]
      const countsOf = await countByProduct(
        platform.db,
        all,
        shown.map(({ id }) => id),
      )
      const isFound = current.name.toLowerCase().includes(contains.toLowerCase())
      const fields = pageFields({ total }, page)
      return dataOf('Workspaces fetched successfully', {
        ...fields,
        totalSearchedCount: total + (isFound ? 1 : 0),
        totalPages: Math.max(1, fields.totalPages),
        totalWorkspacesCount: all.length,
        ...totalsOf(countsOf),
        currentWorkspace: workspaceSummary(current, countsOf),
        workspaces: rows.map((row) => workspaceSummary(row, countsOf)),
      })
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/workspaces',
    {
      schema: {
        summary: 'Create a workspace',
        description: 'Under a name that no other one has. For keys of the whole organization.',
        tags,
        body: NewBody,
        response: { 200: DataOf(WorkspaceView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { principal } = caller
      requireOrganization(principal)
      requireWrite(principal)
      const account = await accountOf(platform, caller)
      const { name, billingDetails } = request.body
      const workspace = await transact(platform, caller, async (tx) => {
        await requireFreeWorkspaceName(tx, principal, name)
        const made = await createWorkspace(platform, tx, principal.organizationId, { name })
        if (billingDetails) {
          const scope = { ...caller.scope, workspaceId: made.id }
          await keepBillingDetails(platform, tx, scope, account, billingDetails)
        }
        return made
      })
      return dataOf('Workspace created successfully', workspaceView(workspace, account, workspace.created_at))
    },
  )
  app.put(
    '/v2/workspaces',
    {
      schema: {
        summary: 'Rename a workspace',
        tags,
        body: RenameBody,
        response: { 200: DataOf(WorkspaceView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { principal } = caller
      const { id, name } = request.body
      const workspace = await transact(platform, caller, async (tx) => {
        const before = await getWorkspace(platform, principal, id, tx)
        await requireFreeWorkspaceName(tx, principal, name, before.id)
        return await renameWorkspace(platform, tx, principal, before.id, name)
      })
      const account = await accountOf(platform, caller)
      return dataOf('Workspace updated successfully', workspaceView(workspace, account, platform.clock.now()))
    },
  )
}
