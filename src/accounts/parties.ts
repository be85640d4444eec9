/** Parties: people and API keys, as what they answer for is written down: `user:ID` or `api_key:ID`. */
import type { Db } from '../platform/database.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'

/** Whether a party is one of the organization's that reaches the workspace. */
export async function isPartyOf(
  { clock }: Platform,
  db: Db,
  scope: { organizationId: string; workspaceId: string },
  party: string,
): Promise<boolean> {
  const [kind, id, ...more] = party.split(':')
  if (id === undefined || !isId(id) || more.length > 0) return false
  if (kind === 'user') return await isMember(db, scope, id)
  return kind === 'api_key' && (await isLivingKey(db, scope, id, clock.now()))
}

async function isMember(
  db: Db,
  { organizationId, workspaceId }: { organizationId: string; workspaceId: string },
  userId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('members')
    .select('workspace_ids')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row !== undefined && (row.workspace_ids === null || row.workspace_ids.includes(workspaceId))
}

async function isLivingKey(
  db: Db,
  { organizationId, workspaceId }: { organizationId: string; workspaceId: string },
  id: string,
  now: Date,
): Promise<boolean> {
  const row = await db
    .selectFrom('api_keys')
    .select('workspace_id')
    .where('id', '=', id)
    .where('organization_id', '=', organizationId)
    .where('revoked_at', 'is', null)
    .where((key) => key.or([key('expires_at', 'is', null), key('expires_at', '>', now)]))
    .executeTakeFirst()
  return row !== undefined && (row.workspace_id === null || row.workspace_id === workspaceId)
}
