/** Who a workspace is at the provider's: one customer for each, made when it is first needed. */
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Owner, openWallets } from '../payers.ts'
import { onlinePayments } from './providers.ts'

export async function findCustomer({ db }: Platform, workspaceId: string): Promise<string | null> {
  const row = await db
    .selectFrom('payment_customers')
    .select('customer_id')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return row?.customer_id ?? null
}

/** Calls the provider where there is none yet: not for within a transaction. */
export async function ensureCustomer(platform: Platform, owner: Owner): Promise<string> {
  const known = await findCustomer(platform, owner.workspaceId)
  if (known !== null) return known
  const { workspaceId, organizationId } = owner
  const made = await onlinePayments(platform).createCustomer(workspaceId, `customer:${workspaceId}:1`)
  return await transaction(platform.db, async (tx) => {
    await openWallets(platform, tx, [owner])
    await tx
      .insertInto('payment_customers')
      .values({
        workspace_id: workspaceId,
        organization_id: organizationId,
        customer_id: made,
        created_at: platform.clock.now(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const row = await tx
      .selectFrom('payment_customers')
      .select('customer_id')
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirstOrThrow()
    return row.customer_id
  })
}

/** Another one in place of a customer who was deleted at the provider's. */
export async function replaceCustomer(platform: Platform, owner: Owner, gone: string): Promise<string> {
  const { workspaceId } = owner
  const row = await platform.db
    .selectFrom('payment_customers')
    .select(['customer_id', 'generation'])
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  if (!row || row.customer_id !== gone) return await ensureCustomer(platform, owner)
  const generation = row.generation + 1
  const made = await onlinePayments(platform).createCustomer(
    workspaceId,
    `customer:${workspaceId}:${generation}`,
  )
  await platform.db
    .updateTable('payment_customers')
    .set({ customer_id: made, generation })
    .where('workspace_id', '=', workspaceId)
    .where('customer_id', '=', gone)
    .execute()
  return made
}
