/** What keeps a workspace from being removed: its domains. */
import type { Tx } from '../platform/database.ts'
import './tables.ts'

/** Asked with the workspace's row locked. */
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
