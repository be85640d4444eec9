/** Removing a workspace: only when it has no domains left, and no mailboxes in the shared one. */
import type { Principal } from '../accounts/principals.ts'
import { deleteWorkspace } from '../accounts/workspaces.ts'
import { hasNoDomains } from '../domains/workspace-removal.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import './tables.ts'

/** @throws Refusal workspace_not_found, workspace_is_default, workspace_not_empty, forbidden. */
export async function removeWorkspace(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
): Promise<void> {
  await deleteWorkspace(platform, tx, principal, id, isEmpty)
}

/** Asked with the row locked. */
async function isEmpty(tx: Tx, workspaceId: string): Promise<boolean> {
  if (!(await hasNoDomains(tx, workspaceId))) return false
  const mailbox = await tx
    .selectFrom('mailboxes')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('state', '<>', 'deleted')
    .limit(1)
    .executeTakeFirst()
  return mailbox === undefined
}
