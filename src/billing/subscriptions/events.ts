/** What the event log says of subscriptions. */
import type { NewEvent } from '../../platform/events.ts'
import type { Period, SubscriptionState } from '../tables.ts'
import { ownerOf, type Plan, type Subscription } from './rows.ts'

/** How a subscription then is. */
export type SubscriptionData = {
  subscription_id: string
  /** The plan's code. */
  plan: string
  period: Period
  extra_slots: number
  state: SubscriptionState
  period_ends_at: string
}

export type CancelReason = 'asked_for' | 'unpaid' | 'workspace_deleted'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.subscription_created': SubscriptionData
    /** `next_plan` and what follows: what waits for the period's end; null: nothing does, it is so at once. */
    'billing.subscription_changed': SubscriptionData & {
      next_plan: string | null
      next_period: Period | null
      next_extra_slots: number | null
    }
    /** `periods` began behind each other since `began_at`: more than one only after a long stand-still. */
    'billing.subscription_notes_changed': SubscriptionData
    'billing.subscription_renewed': SubscriptionData & { periods: number; began_at: string }
    /** `amount`: what the next period costs with tax, at the prices known now, in minor units. */
    'billing.subscription_renewal_due': SubscriptionData & { days: number; amount: number; currency: string }
    'billing.subscription_past_due': SubscriptionData & { unpaid_since: string }
    'billing.subscription_suspended': SubscriptionData & { unpaid_since: string }
    'billing.subscription_reactivated': SubscriptionData
    'billing.subscription_cancellation_scheduled': SubscriptionData
    'billing.subscription_cancellation_withdrawn': SubscriptionData
    'billing.subscription_canceled': SubscriptionData & { reason: CancelReason }
    'billing.subscription_deletion_announced': SubscriptionData & {
      unpaid_since: string
      deletion_at: string
    }
  }
}

/** Whose events they are. */
export function subjectOf(subscription: Subscription): Pick<NewEvent, 'organizationId' | 'workspaceId'> {
  return ownerOf(subscription)
}

export function dataOf(subscription: Subscription, plan: Plan): SubscriptionData {
  const { id, period, extra_slots, state, period_ends_at } = subscription
  return {
    subscription_id: id,
    plan: plan.code,
    period,
    extra_slots,
    state,
    period_ends_at: period_ends_at.toISOString(),
  }
}
