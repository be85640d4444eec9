/** Removing a workspace: only when it has no domains left. */
import type { Principal } from '../accounts/principals.ts'
import { deleteWorkspace } from '../accounts/workspaces.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'

/** @throws Refusal workspace_not_found, workspace_is_default, workspace_not_empty, forbidden. */
export async function removeWorkspace(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
): Promise<void> {
  await deleteWorkspace(platform, tx, principal, id, hasNoDomains)
}

/** Asked with the row locked. */
export async function hasNoDomains(tx: Tx, workspaceId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('domains')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('state', '<>', 'deleted')
    .limit(1)
    .executeTakeFirst()
  return row === undefined
}
