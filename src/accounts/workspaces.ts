/** Workspaces: the tenants within an organization. */
import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import {
  type Principal,
  requireOrganization,
  requireWorkspace,
  requireWrite,
  workspacesOf,
} from './principals.ts'
import type { WorkspacesTable } from './tables.ts'

export type Workspace = Selectable<WorkspacesTable>

export async function createWorkspace(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  wanted: { name: string; isDefault?: boolean },
): Promise<Workspace> {
  const workspace = await tx
    .insertInto('workspaces')
    .values({
      id: newId(),
      organization_id: organizationId,
      name: wanted.name,
      is_default: wanted.isDefault ?? false,
      created_at: platform.clock.now(),
      deleted_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'workspace.created',
      organizationId,
      workspaceId: workspace.id,
      data: { workspace_id: workspace.id, name: workspace.name },
    },
  ])
  return workspace
}

/** The workspaces that the principal reaches, oldest first. */
export async function listWorkspaces(
  platform: Platform,
  principal: Principal,
  page: PageRequest,
): Promise<Page<Workspace>> {
  const rows = await reachable(platform.db, principal)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal workspace_not_found. */
export async function getWorkspace(
  platform: Platform,
  principal: Principal,
  id: string,
  db: Db = platform.db,
): Promise<Workspace> {
  const row = isId(id) ? await reachable(db, principal).where('id', '=', id).executeTakeFirst() : undefined
  if (!row) throw new Refusal('workspace_not_found')
  return row
}

/** @throws Refusal workspace_not_found, forbidden. */
export async function renameWorkspace(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  name: string,
): Promise<Workspace> {
  requireWrite(principal)
  requireWorkspace(principal)
  const found = await getWorkspace(platform, principal, id, tx)
  const workspace = await tx
    .updateTable('workspaces')
    .set({ name })
    .where('id', '=', found.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'workspace.updated',
      organizationId: workspace.organization_id,
      workspaceId: workspace.id,
      data: { workspace_id: workspace.id, name },
    },
  ])
  return workspace
}

/**
 * Deletes a workspace; `isEmpty` is asked inside the transaction, because what a workspace holds stands on
 * the floors above.
 * @throws Refusal workspace_not_found, workspace_is_default, workspace_not_empty, forbidden (but to the organization).
 */
export async function deleteWorkspace(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  isEmpty: (tx: Tx, workspaceId: string) => Promise<boolean>,
): Promise<void> {
  requireWrite(principal)
  requireOrganization(principal)
  const workspace = await getWorkspace(platform, principal, id, tx)
  if (workspace.is_default) throw new Refusal('workspace_is_default')
  // Whoever is adding something to it holds the row: it is empty for good once we have it.
  await tx.selectFrom('workspaces').select('id').where('id', '=', workspace.id).forUpdate().execute()
  if (!(await isEmpty(tx, workspace.id))) throw new Refusal('workspace_not_empty')
  await endWorkspace(platform, tx, workspace)
}

/** Ends a workspace that holds nothing any more. */
export async function endWorkspace(
  platform: Platform,
  tx: Tx,
  workspace: Pick<Workspace, 'id' | 'organization_id'>,
): Promise<void> {
  await tx
    .updateTable('workspaces')
    .set({ deleted_at: platform.clock.now() })
    .where('id', '=', workspace.id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'workspace.deleted',
      organizationId: workspace.organization_id,
      workspaceId: workspace.id,
      data: { workspace_id: workspace.id },
    },
  ])
}

/**
 * Keeps a workspace from being deleted until the transaction ends: for whoever adds something to it.
 * @throws Refusal workspace_not_found.
 */
export async function holdWorkspace(tx: Tx, organizationId: string, id: string): Promise<void> {
  const row = await tx
    .selectFrom('workspaces')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forShare()
    .executeTakeFirst()
  if (!row) throw new Refusal('workspace_not_found')
}

function reachable(db: Db, principal: Principal) {
  const ids = workspacesOf(principal)
  return db
    .selectFrom('workspaces')
    .selectAll()
    .where('organization_id', '=', principal.organizationId)
    .where('deleted_at', 'is', null)
    .$if(ids !== null, (query) => query.where(sql<boolean>`id = any(${ids}::uuid[])`))
}
