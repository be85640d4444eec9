/** Money has come: what is unpaid of a workspace's plan is paid, if it is enough. */
import { type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { isBilling } from '../settings.ts'
import { advance } from './advance.ts'

export async function settleSubscription(platform: Platform, workspaceId: string): Promise<void> {
  if (!isBilling(platform)) return
  await transaction(platform.db, (tx) => paySubscription(platform, tx, workspaceId))
}

/** The same in the caller's transaction. */
export async function paySubscription(platform: Platform, tx: Tx, workspaceId: string): Promise<void> {
  const unpaid = await tx
    .selectFrom('subscriptions')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('state', '<>', 'canceled')
    .where((eb) =>
      eb.or([eb('unpaid_since', 'is not', null), eb('period_ends_at', '<=', platform.clock.now())]),
    )
    .forUpdate()
    .execute()
  await advance(platform, tx, unpaid)
}
