/** Workspaces for faces whose callers count pages and search by name, and names that no other workspace has. */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { type Numbered, type NumberedPage, offsetOf } from '../platform/numbered-pages.ts'
import type { Principal } from './principals.ts'
import { reachOf, workspacesWithin } from './reach.ts'
import type { Workspace } from './workspaces.ts'

export type WorkspaceSearch = {
  /** Part of the name, whatever its letters; empty: any. */
  contains: string
  /** One that is left out, shown elsewhere. */
  without: string | null
}

/** Those that the principal reaches, oldest first. */
export async function pageOfWorkspaces(
  db: Db,
  principal: Principal,
  { contains, without }: WorkspaceSearch,
  page: NumberedPage,
): Promise<Numbered<Workspace>> {
  const where = sql`id in (${workspacesWithin(reachOf(principal))}) and position(lower(${contains}) in lower(name)) > 0
    and id is distinct from ${without}::uuid`
  const { rows: counted } = await sql<{ total: number }>`
    select count(*)::int as total from workspaces where ${where}`.execute(db)
  const { rows } = await sql<Workspace>`
    select * from workspaces where ${where} order by id limit ${page.size} offset ${offsetOf(page)}`.execute(
    db,
  )
  return { rows, total: counted[0]?.total ?? 0 }
}

/** The ids of all that the principal reaches. */
export async function reachableWorkspaceIds(db: Db, principal: Principal): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`${workspacesWithin(reachOf(principal))} order by id`.execute(db)
  return rows.map(({ id }) => id)
}

/**
 * Two workspaces may have one name; a face whose callers know them by their names asks here first. Until the transaction
 * ends, nobody else who asks gets the name.
 * @param except the workspace that is to have it.
 * @throws Refusal invalid_request.
 */
export async function requireFreeWorkspaceName(
  tx: Tx,
  { organizationId }: Pick<Principal, 'organizationId'>,
  name: string,
  except: string | null = null,
): Promise<void> {
  const lock = `workspace names ${organizationId}`
  await sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`.execute(tx)
  const { rows } = await sql<{ id: string }>`
    select id from workspaces where organization_id = ${organizationId}::uuid and deleted_at is null
      and lower(name) = lower(${name}) and id is distinct from ${except}::uuid limit 1`.execute(tx)
  if (rows.length > 0) throw new Refusal('invalid_request', 'There is a workspace of that name already.')
}
