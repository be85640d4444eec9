/** Slots: mailboxes that a plan pays for. Who makes mailboxes counts those in use. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

export type Slots = {
  subscriptionId: string
  planId: string
  /** Those of the plan and those bought beside it. */
  allocated: number
  /** The services of the mailboxes that they are for. */
  services: readonly string[]
}

/** The slots of a workspace whose plan is paid, or is in its days of grace; the wallet is locked by this transaction. */
export async function slotsOf(tx: Tx, workspaceId: string): Promise<Slots | null> {
  return (await slotsByWorkspace(tx, [workspaceId])).get(workspaceId) ?? null
}

/** The same of many workspaces; one without a plan is not in it. */
export async function slotsByWorkspace(tx: Tx, workspaceIds: readonly string[]): Promise<Map<string, Slots>> {
  const { rows } = await sql<Slots & { workspaceId: string }>`/* prepared slots_by_workspace */
    select workspace_id as "workspaceId", subscriptions.id as "subscriptionId", plans.id as "planId",
      plans.slots + extra_slots as allocated, plans.services
    from subscriptions join plans on plans.id = subscriptions.plan_id
    where workspace_id = any(${uuidArray(workspaceIds)}) and state in ('active', 'past_due')`.execute(tx)
  return new Map(rows.map(({ workspaceId, ...slots }) => [workspaceId, slots]))
}
