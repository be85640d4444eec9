/** The domain that a workspace prefers for new addresses; while it has none, the one of handle-domain.ts is. */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { lockDomain } from './domains.ts'
import './tables.ts'

export type DefaultDomainsTable = { workspace_id: string; domain_id: string; updated_at: Date }

declare module '../platform/database.ts' {
  interface Tables {
    default_domains: DefaultDomainsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** Both null: it has none any more. */
    'workspace.default_domain_changed': { domain_id: string | null; name: string | null }
  }
}

/** @returns the domain that was chosen, as long as it is active; null: none. */
export async function chosenDomainOf(
  db: Db,
  workspaceId: string,
): Promise<{ id: string; name: string } | null> {
  const { rows } = await sql<{ id: string; name: string }>`/* prepared chosen_domain */
    select domains.id, name from default_domains join domains on domains.id = domain_id
    where default_domains.workspace_id = ${workspaceId}::uuid and domains.workspace_id = ${workspaceId}::uuid
      and state = 'active'`.execute(db)
  return rows[0] ?? null
}

/**
 * @param ref the id or the name of a domain of the workspace; null: none is preferred.
 * @returns it.
 * @throws Refusal domain_not_found, domain_not_usable unless it is active, forbidden.
 */
export async function setDefaultDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string | null,
): Promise<{ id: string; name: string } | null> {
  requireWrite(scope)
  requireWorkspace(scope)
  const { organizationId, workspaceId } = scope
  const domain = ref === null ? null : await lockDomain(platform, tx, scope, ref)
  if (domain !== null && domain.state !== 'active') {
    throw new Refusal('domain_not_usable', `${domain.name} is not active.`)
  }
  await tx.deleteFrom('default_domains').where('workspace_id', '=', workspaceId).execute()
  if (domain !== null) {
    const row = { workspace_id: workspaceId, domain_id: domain.id, updated_at: platform.clock.now() }
    await tx
      .insertInto('default_domains')
      .values(row)
      .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(row))
      .execute()
  }
  const data = { domain_id: domain?.id ?? null, name: domain?.name ?? null }
  await appendEvents(platform, tx, [
    { type: 'workspace.default_domain_changed', organizationId, workspaceId, data },
  ])
  return domain === null ? null : { id: domain.id, name: domain.name }
}
