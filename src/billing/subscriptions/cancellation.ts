/** Cancellation: a plan that ends with its period unless it is kept after all, or at once. */
import type { Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { billingSettingsOf } from '../settings.ts'
import { advance } from './advance.ts'
import { dataOf, subjectOf } from './events.ts'
import { lockSubscription, planOf, plansOf, type Subscription, writeSubscriptions } from './rows.ts'
import { requireSubscriber } from './subscribe.ts'
import { endedRow, nextLookOf } from './turns.ts'

/**
 * Has it end with its period, or at once; what was paid is not given back. One that is not paid ends at once. Already so:
 * nothing changes.
 * @throws Refusal subscription_not_found, subscription_state_conflict, forbidden, billing_off.
 */
export async function cancelSubscription(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  at: 'period_end' | 'now',
): Promise<Subscription> {
  const subscription = await living(platform, tx, scope, id)
  if (at === 'period_end' && subscription.unpaid_since === null) {
    return await setCancellation(platform, tx, subscription, true)
  }
  const now = platform.clock.now()
  const [ended = subscription] = await writeSubscriptions(tx, [endedRow(subscription, now)], now)
  const plans = await plansOf(tx, [ended])
  const data = { ...dataOf(ended, planOf(plans, ended.plan_id)), reason: 'asked_for' as const }
  await appendEvents(platform, tx, [{ type: 'billing.subscription_canceled', ...subjectOf(ended), data }])
  return ended
}

/**
 * Takes a cancellation back, until the period has ended. There was none: nothing changes.
 * @throws Refusal subscription_not_found, subscription_state_conflict, forbidden, billing_off.
 */
export async function keepSubscription(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
): Promise<Subscription> {
  return await setCancellation(platform, tx, await living(platform, tx, scope, id), false)
}

/** What the job would have done by now is done first: a cancellation is of the period in which it is asked for. */
async function living(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<Subscription> {
  requireSubscriber(platform, scope)
  const found = await lockSubscription(tx, scope, id)
  const [subscription = found] = await advance(platform, tx, [found])
  if (subscription.state === 'canceled') throw new Refusal('subscription_state_conflict', 'It is over.')
  return subscription
}

async function setCancellation(
  platform: Platform,
  tx: Tx,
  before: Subscription,
  isCanceled: boolean,
): Promise<Subscription> {
  if (before.cancel_at_period_end === isCanceled) return before
  const now = platform.clock.now()
  const wanted = { ...before, cancel_at_period_end: isCanceled }
  const look = nextLookOf(await billingSettingsOf(tx), wanted, now)
  const [after = wanted] = await writeSubscriptions(tx, [{ ...wanted, next_payment_at: look }], now)
  const data = dataOf(after, planOf(await plansOf(tx, [after]), after.plan_id))
  await appendEvents(platform, tx, [
    {
      type: isCanceled
        ? 'billing.subscription_cancellation_scheduled'
        : 'billing.subscription_cancellation_withdrawn',
      ...subjectOf(after),
      data,
    },
  ])
  return after
}
