/**
 * Changes of a subscription: another plan, another period, more or fewer slots. What costs more for the rest of the period
 * is so at once, and paid; what costs less waits for the period's end.
 */
import type { Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { priceLine, sumsOf } from '../amounts.ts'
import { payBill } from '../bills.ts'
import { lockPayer, type Payer } from '../payers.ts'
import { billingSettingsOf } from '../settings.ts'
import { advance } from './advance.ts'
import { requirePrices, type Terms, termsOf } from './charges.ts'
import { dataOf, subjectOf } from './events.ts'
import { paidParts } from './paid-parts.ts'
import { type Change, changeLines, shortens, spanAfter } from './proration.ts'
import {
  lockSubscription,
  ownerOf,
  planOf,
  planOnSale,
  plansOf,
  type Subscription,
  writeSubscriptions,
} from './rows.ts'
import { requireSubscriber, type Wish } from './subscribe.ts'
import { nextLookOf } from './turns.ts'

/** How many of a plan's slots mailboxes have. Who has mailboxes counts them. */
export type CountUsedSlots = (tx: Tx, workspaceId: string) => Promise<number>

/**
 * Changes what is named; what is not stays. It takes the place of a change that waits; what it is already takes it back.
 * @param versions those that may be changed; null: whichever is there.
 * @throws Refusal subscription_not_found, subscription_state_conflict, plan_not_found, item_not_priced, slots_in_use,
 * edit_conflict, insufficient_funds, wallet_locked, forbidden, billing_off.
 */
export async function changeSubscription(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  wish: Partial<Wish>,
  { countUsed, versions }: { countUsed: CountUsedSlots; versions: readonly number[] | null },
): Promise<Subscription> {
  requireSubscriber(platform, scope)
  const found = await lockSubscription(tx, scope, id)
  if (versions !== null && !versions.includes(found.version)) throw new Refusal('edit_conflict')
  const [subscription = found] = await advance(platform, tx, [found])
  if (subscription.state === 'canceled') throw new Refusal('subscription_state_conflict', 'It is over.')
  const from = termsOf(subscription, await plansOf(tx, [subscription]))
  const to = await wantedTerms(tx, from, wish)
  const payer = await lockPayer(platform, tx, ownerOf(subscription), ['plan', 'plan_slot'])
  if (!isSame(from, to)) requirePrices(payer, to, payer.now)
  if (isSame(from, to)) return await waitFor(platform, tx, subscription, to)
  if (subscription.state !== 'active') {
    // What is not paid is paid as it is wished for, as soon as it can be.
    const [changed = subscription] = await advance(platform, tx, [
      await waitFor(platform, tx, subscription, to),
    ])
    return changed
  }
  const { period_started_at: startsAt, period_ends_at: endsAt } = subscription
  const paid = await paidParts(tx, subscription)
  const change: Change = { subscriptionId: subscription.id, from, to, span: { startsAt, endsAt }, paid }
  if (!isAtOnce(payer, change)) return await waitFor(platform, tx, subscription, to)
  const used = await countUsed(tx, subscription.workspace_id)
  if (to.plan.slots + to.extraSlots < used)
    throw new Refusal('slots_in_use', `${used} mailboxes have slots of the plan: it would have fewer.`)
  return await applyNow(platform, tx, payer, subscription, change)
}

async function wantedTerms(
  tx: Tx,
  from: Terms,
  { plan: ref, period, extraSlots }: Partial<Wish>,
): Promise<Terms> {
  const isPresent = ref === undefined || ref === from.plan.id || ref === from.plan.code
  return {
    plan: isPresent ? from.plan : await planOnSale(tx, ref),
    period: period ?? from.period,
    extraSlots: extraSlots ?? from.extraSlots,
  }
}

function isSame(a: Terms, b: Terms): boolean {
  return a.plan.id === b.plan.id && a.period === b.period && a.extraSlots === b.extraSlots
}

/** Nothing is paid out: what would give money back waits. */
export function isAtOnce(payer: Payer, change: Change): boolean {
  if (shortens(change)) return false
  const { subtotal, discount, total } = sumsOf(
    changeLines(payer, change).map((line) => priceLine(payer, line)),
  )
  return subtotal - discount >= 0 && total >= 0
}

/** Has it changed when the period ends. */
async function waitFor(
  platform: Platform,
  tx: Tx,
  subscription: Subscription,
  to: Terms,
): Promise<Subscription> {
  const { plan_id, period, extra_slots, next_plan_id, next_period, next_extra_slots } = subscription
  const next = {
    next_plan_id: to.plan.id === plan_id ? null : to.plan.id,
    next_period: to.period === period ? null : to.period,
    next_extra_slots: to.extraSlots === extra_slots ? null : to.extraSlots,
  }
  const isSo =
    next.next_plan_id === next_plan_id &&
    next.next_period === next_period &&
    next.next_extra_slots === next_extra_slots
  if (isSo) return subscription
  return await write(platform, tx, { ...subscription, ...next })
}

async function applyNow(
  platform: Platform,
  tx: Tx,
  payer: Payer,
  subscription: Subscription,
  change: Change,
): Promise<Subscription> {
  const { id } = subscription
  const { to } = change
  const lines = changeLines(payer, change)
  const description = `Change to the plan ${to.plan.name}`
  const { invoiceId } = await payBill(platform, tx, {
    payer,
    cause: 'subscription',
    causeId: id,
    description,
    lines,
  })
  const { startsAt, endsAt } = spanAfter(payer, change)
  const isNewPeriod = startsAt !== change.span.startsAt
  const paidOn = (item: string, before: string | null): string | null => {
    const ofItem = lines.filter((line) => line.item === item)
    if (ofItem.length === 0) return isNewPeriod ? null : before
    return ofItem.some(({ unitAmount }) => unitAmount > 0) ? invoiceId : null
  }
  const changed: Subscription = {
    ...subscription,
    plan_id: to.plan.id,
    period: to.period,
    extra_slots: to.extraSlots,
    next_plan_id: null,
    next_period: null,
    next_extra_slots: null,
    plan_invoice_id: paidOn('plan', subscription.plan_invoice_id),
    slots_invoice_id: paidOn('plan_slot', subscription.slots_invoice_id),
  }
  if (!isNewPeriod) return await write(platform, tx, changed)
  const begun: Subscription = {
    ...changed,
    period_anchor_at: startsAt,
    period_started_at: startsAt,
    period_ends_at: endsAt,
    noticed_days: null,
  }
  const look = nextLookOf(await billingSettingsOf(tx), begun, payer.now)
  return await write(platform, tx, { ...begun, next_payment_at: look })
}

async function write(platform: Platform, tx: Tx, subscription: Subscription): Promise<Subscription> {
  const [written = subscription] = await writeSubscriptions(tx, [subscription], platform.clock.now())
  const plans = await plansOf(tx, [written])
  const next = written.next_plan_id === null ? null : planOf(plans, written.next_plan_id).code
  const data = {
    ...dataOf(written, planOf(plans, written.plan_id)),
    next_plan: next,
    next_period: written.next_period,
    next_extra_slots: written.next_extra_slots,
  }
  await appendEvents(platform, tx, [{ type: 'billing.subscription_changed', ...subjectOf(written), data }])
  return written
}
