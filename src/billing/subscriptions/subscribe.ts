/** A workspace takes a plan: its first period is paid at once. */

import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { payBill } from '../bills.ts'
import { lockPayer } from '../payers.ts'
import { periodAfter } from '../periods.ts'
import { billingSettingsOf, isBilling } from '../settings.ts'
import type { Period } from '../tables.ts'
import { periodLines, requirePrices } from './charges.ts'
import { dataOf, subjectOf } from './events.ts'
import { livingSubscription, planOnSale, type Subscription } from './rows.ts'
import { nextLookOf } from './turns.ts'

export type Wish = {
  /** Its id or code. */
  plan: string
  period: Period
  extraSlots: number
}

/**
 * @throws Refusal billing_off, plan_not_found, subscription_exists, item_not_priced, insufficient_funds, wallet_locked,
 * forbidden.
 */
export async function subscribe(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { plan: ref, period, extraSlots }: Wish,
): Promise<Subscription> {
  requireSubscriber(scope)
  requireBilling(platform)
  const { organizationId, workspaceId } = scope
  await holdWorkspace(tx, organizationId, workspaceId)
  const plan = await planOnSale(tx, ref)
  // Whoever subscribes at the same moment waits for this.
  const payer = await lockPayer(platform, tx, scope, ['plan', 'plan_slot'])
  if ((await livingSubscription(tx, workspaceId)) !== null) throw new Refusal('subscription_exists')
  const { now } = payer
  const terms = { plan, period, extraSlots }
  requirePrices(payer, terms, now)
  const id = newId()
  const span = { startsAt: now, endsAt: periodAfter(now, period, now) }
  const lines = periodLines(payer, id, terms, span)
  const description = `Plan ${plan.name}`
  const { invoiceId } = await payBill(platform, tx, {
    payer,
    cause: 'subscription',
    causeId: id,
    description,
    lines,
  })
  const invoiceOf = (wanted: string) => (lines.some(({ item }) => item === wanted) ? invoiceId : null)
  const row: Subscription = {
    id,
    organization_id: organizationId,
    workspace_id: workspaceId,
    plan_id: plan.id,
    extra_slots: extraSlots,
    state: 'active',
    period,
    next_period: null,
    next_plan_id: null,
    next_extra_slots: null,
    period_anchor_at: now,
    period_started_at: span.startsAt,
    period_ends_at: span.endsAt,
    cancel_at_period_end: false,
    plan_invoice_id: invoiceOf('plan'),
    slots_invoice_id: invoiceOf('plan_slot'),
    unpaid_since: null,
    payment_attempts: 0,
    next_payment_at: null,
    deletion_at: null,
    noticed_days: null,
    notes: null,
    version: 1,
    created_at: now,
    updated_at: now,
    ended_at: null,
  }
  const settings = await billingSettingsOf(tx)
  const subscription = { ...row, next_payment_at: nextLookOf(settings, row, now) }
  await tx.insertInto('subscriptions').values(subscription).execute()
  await appendEvents(platform, tx, [
    { type: 'billing.subscription_created', ...subjectOf(subscription), data: dataOf(subscription, plan) },
  ])
  return subscription
}

/** @throws Refusal forbidden. */
export function requireSubscriber(scope: Scope): void {
  requireWorkspace(scope)
  requireWrite(scope)
}

/** @throws Refusal billing_off. */
export function requireBilling(platform: Platform): void {
  if (!isBilling(platform)) throw new Refusal('billing_off')
}
