/** The plans of a workspace, also those that are over: for faces that show both. */
import type { Scope } from '../../accounts/principals.ts'
import { requireWorkspace } from '../../accounts/principals.ts'
import { readPayer } from '../../billing/payers.ts'
import { isBilling } from '../../billing/settings.ts'
import { presentPrice } from '../../billing/subscriptions/charges.ts'
import {
  getSubscription,
  type Plan,
  type Plans,
  planOf,
  plansOf,
  type Subscription,
} from '../../billing/subscriptions/rows.ts'
import { transaction } from '../../platform/database.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'

export type PaidPlan = {
  id: string
  plan: Plan
  nextPlan: Plan | null
  extraSlots: number
  startsAt: Date
  endsAt: Date
  cancelAtPeriodEnd: boolean
  unpaidSince: Date | null
  /** Of a period before tax and discounts, at the prices of this moment. Null: not priced, or billing is off. */
  periodPrice: Money | null
  /** What its plan was last paid with, else its slots. */
  invoiceId: string | null
  createdAt: Date
  endedAt: Date | null
}

/** So many at the most. */
const listedMax = 200

/** The newest first. @throws Refusal forbidden. */
export async function listPlansEver(platform: Platform, scope: Scope): Promise<PaidPlan[]> {
  requireWorkspace(scope)
  const rows = await platform.db
    .selectFrom('subscriptions')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .orderBy('id', 'desc')
    .limit(listedMax)
    .execute()
  return await described(platform, scope, rows)
}

/** @throws Refusal subscription_not_found, forbidden. */
export async function paidPlanOf(platform: Platform, scope: Scope, id: string): Promise<PaidPlan> {
  requireWorkspace(scope)
  const [plan] = await described(platform, scope, [await getSubscription(platform.db, scope, id)])
  if (!plan) throw new Error('a subscription is not there')
  return plan
}

async function described(
  platform: Platform,
  scope: Scope,
  rows: readonly Subscription[],
): Promise<PaidPlan[]> {
  if (rows.length === 0) return []
  const plans = await plansOf(platform.db, rows)
  // What prices need may open the wallet.
  const payer = isBilling(platform)
    ? await transaction(platform.db, (tx) => readPayer(platform, tx, scope, ['plan', 'plan_slot']))
    : null
  return rows.map((row) => {
    const amount = payer === null ? null : presentPrice(payer, row, plans)
    const price = amount === null || payer === null ? null : { amount, currency: payer.wallet.currency }
    return paidPlan(row, plans, price)
  })
}

function paidPlan(row: Subscription, plans: Plans, periodPrice: Money | null): PaidPlan {
  return {
    id: row.id,
    plan: planOf(plans, row.plan_id),
    nextPlan: row.next_plan_id === null ? null : planOf(plans, row.next_plan_id),
    extraSlots: row.extra_slots,
    startsAt: row.period_started_at,
    endsAt: row.period_ends_at,
    cancelAtPeriodEnd: row.cancel_at_period_end,
    unpaidSince: row.unpaid_since,
    periodPrice,
    invoiceId: row.plan_invoice_id ?? row.slots_invoice_id,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}
