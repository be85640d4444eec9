/** Slots: mailboxes that a plan pays for. Who makes mailboxes counts those in use. */
import { type RawBuilder, sql } from 'kysely'
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
  const { rows } = await slotsQuery([workspaceId]).execute(tx)
  return rows[0] ?? null
}

export type SlotsRow = Slots & { workspaceId: string }

/** The query for it of many workspaces, for who counts in the same statement; one without a plan has no row. */
export function slotsQuery(workspaceIds: readonly string[]): RawBuilder<SlotsRow> {
  return sql<SlotsRow>`select workspace_id as "workspaceId", subscriptions.id as "subscriptionId",
      plans.id as "planId", plans.slots + extra_slots as allocated, plans.services
    from subscriptions join plans on plans.id = subscriptions.plan_id
    where workspace_id = any(${uuidArray(workspaceIds)}) and state in ('active', 'past_due')`
}
