/** The domain in which identities get an address that is their handle, unless they are given another. */
import type { Db } from '../platform/database.ts'
import { chosenDomainOf } from './default-domain.ts'
import './tables.ts'

/** @returns the workspace's oldest active domain, or null when it has none. */
export async function handleDomain(
  db: Db,
  workspaceId: string,
): Promise<{ id: string; name: string } | null> {
  const domain = await db
    .selectFrom('domains')
    .select(['id', 'name'])
    .where('workspace_id', '=', workspaceId)
    .where('state', '=', 'active')
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
