/** Rows of subscriptions and their plans: found, locked and written, by sets. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { type Plan, requirePlan } from '../catalogue/plans.ts'
import type { Owner } from '../payers.ts'
import type { SubscriptionsTable } from '../tables.ts'

export type Subscription = Selectable<SubscriptionsTable>
export type { Plan }
export type Plans = ReadonlyMap<string, Plan>

/** @throws Refusal subscription_not_found. */
export async function getSubscription(db: Db, scope: Scope, id: string): Promise<Subscription> {
  const row = isId(id) ? await ofWorkspace(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!row) throw new Refusal('subscription_not_found')
  return row
}

/** The same, and it stays as it is until the transaction ends. */
export async function lockSubscription(tx: Tx, scope: Scope, id: string): Promise<Subscription> {
  const row = isId(id)
    ? await ofWorkspace(tx, scope).where('id', '=', id).forUpdate().executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('subscription_not_found')
  return row
}

function ofWorkspace(db: Db, { workspaceId }: Scope) {
  return db.selectFrom('subscriptions').selectAll().where('workspace_id', '=', workspaceId)
}

/** The one that is not over, if there is one. */
export async function livingSubscription(db: Db, workspaceId: string): Promise<Subscription | null> {
  const row = await db
    .selectFrom('subscriptions')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('state', '<>', 'canceled')
    .executeTakeFirst()
  return row ?? null
}

/**
 * A plan that is sold, by its id or code.
 * @throws Refusal plan_not_found.
 */
export async function planOnSale(db: Db, ref: string): Promise<Plan> {
  const plan = await requirePlan(db, ref)
  if (plan.archived_at !== null) throw new Refusal('plan_not_found', 'The plan is not sold any more.')
  return plan
}

/** The plans of subscriptions, present and next, by their ids. */
export async function plansOf(db: Db, subscriptions: readonly Subscription[]): Promise<Plans> {
  const ids = new Set(
    subscriptions.flatMap(({ plan_id, next_plan_id }) => [plan_id, next_plan_id ?? plan_id]),
  )
  if (ids.size === 0) return new Map()
  const rows = await db
    .selectFrom('plans')
    .selectAll()
    .where(sql<boolean>`id = any(${uuidArray([...ids])})`)
    .execute()
  return new Map(rows.map((plan) => [plan.id, plan]))
}

export function planOf(plans: Plans, id: string): Plan {
  const plan = plans.get(id)
  if (!plan) throw new Error('a subscription is of no plan')
  return plan
}

export function ownerOf({ organization_id, workspace_id }: Subscription): Owner {
  return { organizationId: organization_id, workspaceId: workspace_id }
}

/** Writes subscriptions that this transaction has locked as they now are, as their next versions. */
export async function writeSubscriptions(
  tx: Tx,
  subscriptions: readonly Subscription[],
  now: Date,
): Promise<Subscription[]> {
  if (subscriptions.length === 0) return []
  const rows = subscriptions.map((row) => ({ ...row, version: row.version + 1, updated_at: now }))
  await sql`/* prepared write_subscriptions */
    update subscriptions set plan_id = new.plan_id, extra_slots = new.extra_slots, state = new.state,
      period = new.period, next_period = new.next_period, next_plan_id = new.next_plan_id,
      next_extra_slots = new.next_extra_slots, period_anchor_at = new.period_anchor_at,
      period_started_at = new.period_started_at, period_ends_at = new.period_ends_at,
      cancel_at_period_end = new.cancel_at_period_end, plan_invoice_id = new.plan_invoice_id,
      slots_invoice_id = new.slots_invoice_id, unpaid_since = new.unpaid_since,
      payment_attempts = new.payment_attempts, next_payment_at = new.next_payment_at, deletion_at = new.deletion_at,
      noticed_days = new.noticed_days, version = new.version, updated_at = new.updated_at, ended_at = new.ended_at
    from json_populate_recordset(null::subscriptions, ${JSON.stringify(rows)}::json) as new
    where subscriptions.id = new.id`.execute(tx)
  return rows
}
