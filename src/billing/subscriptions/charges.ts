/** What a period of a plan costs: the plan, and the slots beside it. */
import { Refusal } from '../../platform/errors.ts'
import { type BillLine, priceLine, sumsOf } from '../amounts.ts'
import type { Payer } from '../payers.ts'
import { periodAfter, periodsSince, type Span } from '../periods.ts'
import type { Period } from '../tables.ts'
import { unitPrice } from '../unit-prices.ts'
import { type Plan, type Plans, planOf, type Subscription } from './rows.ts'

/** What is had of a plan. */
export type Terms = { plan: Plan; period: Period; extraSlots: number }

export type Part = { item: 'plan' | 'plan_slot'; quantity: number; description: string }

export function termsOf({ plan_id, period, extra_slots }: Subscription, plans: Plans): Terms {
  return { plan: planOf(plans, plan_id), period, extraSlots: extra_slots }
}

/** Those of the next period. */
export function nextTermsOf(subscription: Subscription, plans: Plans): Terms {
  const { plan_id, next_plan_id, period, next_period, extra_slots, next_extra_slots } = subscription
  return {
    plan: planOf(plans, next_plan_id ?? plan_id),
    period: next_period ?? period,
    extraSlots: next_extra_slots ?? extra_slots,
  }
}

/** What is paid for one by one. */
export function partsOf({ plan, period, extraSlots }: Terms): Part[] {
  const parts: Part[] = [
    { item: 'plan', quantity: 1, description: `Plan ${plan.name} (${period})` },
    { item: 'plan_slot', quantity: extraSlots, description: `Slots of the plan ${plan.name} (${period})` },
  ]
  return parts.filter(({ quantity }) => quantity > 0)
}

/** What one of it costs; null: it has no price. */
export function priceOf(
  payer: Payer,
  { plan, period }: Terms,
  { item, quantity }: Part,
  at: Date,
): number | null {
  return unitPrice(payer, { item, planId: plan.id, period }, quantity, at)
}

/** @throws Refusal item_not_priced where a part of it has no price at this moment. */
export function requirePrices(payer: Payer, terms: Terms, at: Date): void {
  const unpriced = partsOf(terms).find((part) => priceOf(payer, terms, part, at) === null)
  if (unpriced)
    throw new Refusal('item_not_priced', `${unpriced.description} has no price in ${payer.wallet.currency}.`)
}

/**
 * The lines of a whole period, at the prices of its start. The first that costs something is the one of kind `period`, of
 * which the database takes one for each start: so no period is billed twice, whatever it consists of.
 */
export function periodLines(payer: Payer, subscriptionId: string, terms: Terms, span: Span): BillLine[] {
  return partsOf(terms)
    .map((part) => ({ ...part, unitAmount: priceOf(payer, terms, part, span.startsAt) ?? 0 }))
    .filter(({ unitAmount }) => unitAmount !== 0)
    .map((part, index) => ({
      ...part,
      kind: index === 0 ? 'period' : 'once',
      subjectId: subscriptionId,
      period: span,
    }))
}

export function totalOf(payer: Payer, lines: readonly BillLine[]): number {
  return sumsOf(lines.map((line) => priceLine(payer, line))).total
}

/** What a period costs at the prices of this moment, before tax and discounts; null where a part of it has no price. */
export function presentPrice(payer: Payer, subscription: Subscription, plans: Plans): number | null {
  const terms = termsOf(subscription, plans)
  let sum = 0
  for (const part of partsOf(terms)) {
    const unitAmount = priceOf(payer, terms, part, payer.now)
    if (unitAmount === null) return null
    sum += part.quantity * unitAmount
  }
  return sum
}

/** The period that follows the present one. */
function nextSpan({ period_anchor_at, period_ends_at }: Subscription, { period }: Terms): Span {
  return { startsAt: period_ends_at, endsAt: periodAfter(period_anchor_at, period, period_ends_at) }
}

/** What the period after the present one costs with tax, at the prices known now. */
export function nextTotal(payer: Payer, subscription: Subscription, plans: Plans): number {
  const terms = nextTermsOf(subscription, plans)
  return totalOf(payer, periodLines(payer, subscription.id, terms, nextSpan(subscription, terms)))
}

export type NextCharge = { at: Date; amount: number; currency: string }

/** What is charged next, and when; where it is not paid, what is tried then. Null: nothing follows. */
export function nextChargeOf(payer: Payer, subscription: Subscription, plans: Plans): NextCharge | null {
  const { state, unpaid_since, cancel_at_period_end, period_ends_at, next_payment_at } = subscription
  if (state === 'canceled' || cancel_at_period_end) return null
  const { now, wallet } = payer
  const { currency } = wallet
  if (unpaid_since === null)
    return { at: period_ends_at, amount: nextTotal(payer, subscription, plans), currency }
  const terms = nextTermsOf(subscription, plans)
  const [anchor, from] = state === 'suspended' ? [now, now] : [subscription.period_anchor_at, period_ends_at]
  const spans = periodsSince(anchor, terms.period, from, { now, max: periodsAtOnceMax })
  const lines = spans.flatMap((span) => periodLines(payer, subscription.id, terms, span))
  return { at: next_payment_at ?? now, amount: totalOf(payer, lines), currency }
}

/** So many of those that have begun are paid at once; the rest is looked at again. */
export const periodsAtOnceMax = 120
