/** The workspaces of a world's histories, each with two domains: one that is active, one that has still to be found. */
import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { newId } from '../../platform/ids.ts'
import type { TestPlatform } from '../test-platform.ts'
import { type Account, newAccount } from './account.ts'

/** @param indexes of the histories. */
export async function openAccounts(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  indexes: readonly number[],
): Promise<Account[]> {
  const accounts = indexes.map((index) => {
    const own: Scope = { ...scope, workspaceId: newId() }
    return newAccount(index, own, {
      activeDomain: { id: newId(), name: `h${index}.test` },
      waitingDomain: { id: newId(), name: `h${index}.example`, isActive: false },
    })
  })
  const now = platform.clock.now()
  const workspaces = accounts.map(({ scope: own, index }) => ({
    id: own.workspaceId,
    name: `History ${index}`,
  }))
  await sql`insert into workspaces (id, organization_id, name, is_default, created_at)
    select id, ${scope.organizationId}::uuid, name, false, ${now}
    from json_to_recordset(${JSON.stringify(workspaces)}::json) as new (id uuid, name text)`.execute(
    platform.db,
  )
  const domains = accounts.flatMap(
    ({ scope: { workspaceId: workspace_id }, activeDomain, waitingDomain }) => [
      { id: activeDomain.id, name: activeDomain.name, workspace_id, state: 'active' },
      { id: waitingDomain.id, name: waitingDomain.name, workspace_id, state: 'pending_records' },
    ],
  )
  await sql`insert into domains (id, organization_id, workspace_id, name, state, ownership_token, dns_mode, created_at,
      updated_at, state_changed_at)
    select id, ${scope.organizationId}::uuid, workspace_id, name, state, md5(name), 'manual', ${now}, ${now}, ${now}
    from json_to_recordset(${JSON.stringify(domains)}::json) as new (id uuid, workspace_id uuid, name text, state text)`.execute(
    platform.db,
  )
  return accounts
}
