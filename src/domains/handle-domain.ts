/** The domain in which identities get an address that is their handle, unless they are given another. */
import type { Db } from '../platform/database.ts'
import { chosenDomainOf } from './default-domain.ts'
import './tables.ts'

export type HandleDomain = { id: string; name: string; workspace_id: string }

/**
 * @returns the domain that the installation shares, else the workspace's oldest active domain, or null when there is
 * neither.
 */
export async function handleDomain(db: Db, workspaceId: string): Promise<HandleDomain | null> {
  const domain = await db
    .selectFrom('domains')
    .select(['id', 'name', 'workspace_id'])
    .where((where) => where.or([where('workspace_id', '=', workspaceId), where('is_shared', '=', true)]))
    .where('state', '=', 'active')
    .orderBy('is_shared', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return domain ?? null
}

/** The domain of new addresses where none is named. @returns null when the workspace has no domain to use. */
export async function defaultDomainOf(
  db: Db,
  workspaceId: string,
): Promise<{ id: string; name: string } | null> {
  return (await chosenDomainOf(db, workspaceId)) ?? (await handleDomain(db, workspaceId))
}
