/** Automatic top-ups switched off, by whatever is in their way. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Owner } from '../payers.ts'
import type { AutoOffReason } from './tables.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.auto_top_up_disabled': { reason: AutoOffReason }
  }
}

/** Does nothing where they are off. Locks the wallet before its settings, as everybody does. */
export async function switchOff(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Owner,
  reason: AutoOffReason,
): Promise<void> {
  await lockWallet(tx, workspaceId)
  const now = platform.clock.now()
  const off = await tx
    .updateTable('auto_top_ups')
    .set({ enabled: false, off_reason: reason, off_at: now, updated_at: now })
    .where('workspace_id', '=', workspaceId)
    .where('enabled', '=', true)
    .returning('workspace_id')
    .execute()
  if (off.length === 0) return
  await tx
    .updateTable('wallets')
    .set({ auto_top_up_below: null })
    .where('workspace_id', '=', workspaceId)
    .execute()
  await appendEvents(platform, tx, [
    { type: 'billing.auto_top_up_disabled', organizationId, workspaceId, data: { reason } },
  ])
}

/** Before the settings of its automatic top-ups. */
export async function lockWallet(tx: Tx, workspaceId: string): Promise<void> {
  await sql`select from wallets where workspace_id = ${workspaceId}::uuid for no key update`.execute(tx)
}
