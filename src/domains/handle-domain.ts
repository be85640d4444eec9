/** The domain in which identities get an address that is their handle, unless they are given another. */
import { sql } from 'kysely'
import { type Db, onOneConnection } from '../platform/database.ts'
import { chosenDomainOf } from './default-domain.ts'
import './tables.ts'

export type HandleDomain = { id: string; name: string; workspace_id: string }

/**
 * @returns the domain that the installation shares, else the workspace's oldest active domain, or null when there is
 * neither.
 */
export async function handleDomain(db: Db, workspaceId: string): Promise<HandleDomain | null> {
  const { rows } = await sql<HandleDomain>`/* prepared handle_domain */
    select id, name, workspace_id from domains
    where (workspace_id = ${workspaceId}::uuid or is_shared) and state = 'active'
    order by is_shared desc, id limit 1`.execute(db)
  return rows[0] ?? null
}

export type AddressDomains = {
  handles: HandleDomain | null
  /** That of new addresses where none is named; null when the workspace has no domain to use. */
  preferred: { id: string; name: string } | null
}

/** Where new addresses may be, read at the same moment. */
export async function addressDomainsOf(db: Db, workspaceId: string): Promise<AddressDomains> {
  const [handles, chosen] = await onOneConnection(db, (one) =>
    Promise.all([handleDomain(one, workspaceId), chosenDomainOf(one, workspaceId)]),
  )
  return { handles, preferred: chosen ?? handles }
}

/** The domain of new addresses where none is named. @returns null when the workspace has no domain to use. */
export async function defaultDomainOf(
  db: Db,
  workspaceId: string,
): Promise<{ id: string; name: string } | null> {
  return (await addressDomainsOf(db, workspaceId)).preferred
}
