/** Subscribing to plans, and changing that. */
import { cancelSubscription, keepSubscription } from '../../billing/subscriptions/cancellation.ts'
import { changeSubscription } from '../../billing/subscriptions/changes.ts'
import { subscribe } from '../../billing/subscriptions/subscribe.ts'
import { usedSlots } from '../../mailboxes/payment/slots.ts'
import { type Account, spendable, type View } from './account.ts'
import type { Dice, Plan, WeightedPlans } from './actions.ts'
import type { SeenSubscription } from './observe.ts'
import { called, subscribed } from './plan-model.ts'
import type { PlanCall, PlanTerms } from './plan-terms.ts'

function living(account: Account): SeenSubscription | undefined {
  return [...account.subscriptions.values()].find(({ state }) => state !== 'canceled')
}

function wishOf(shared: { plans: ReadonlyMap<string, unknown> }, dice: Dice): PlanTerms {
  return {
    planId: dice.pick([...shared.plans.keys()]) ?? '',
    period: dice.oneIn(3) ? ('yearly' as const) : ('monthly' as const),
    extraSlots: dice.pick([0, 0, 1, 3]) ?? 0,
  }
}

const take: Plan = (view, account, dice) => {
  if (living(account) !== undefined && !dice.oneIn(10)) return null
  const wish = wishOf(view.shared, dice)
  const { planId: plan, period, extraSlots } = wish
  return {
    text: `subscribe ${JSON.stringify(wish)}`,
    costs: true,
    core: async (platform, tx) => {
      await subscribe(platform, tx, account.scope, { plan, period, extraSlots })
      return []
    },
    api: { method: 'POST', path: '/v1/subscriptions', body: { plan, period, extra_slots: extraSlots } },
    refusal: () => {
      const result = subscribed(view, wish, spendable(account))
      return 'refusal' in result ? result.refusal : null
    },
    learn: () => {
      account.planCall = { kind: 'subscribe', wish }
    },
  }
}

/** What the model makes of a call for a subscription, and that it was made. */
function asCall(
  view: View,
  subscription: SeenSubscription,
  call: Exclude<PlanCall, { kind: 'subscribe' }>,
): { refusal(): string | null; learn(): void } {
  const { account } = view
  return {
    refusal: () => {
      const result = called(view, subscription, call, spendable(account))
      return 'refusal' in result ? result.refusal : null
    },
    learn: () => {
      account.planCall = call
    },
  }
}

const change: Plan = (view, account, dice) => {
  const subscription = living(account)
  if (subscription === undefined) return null
  const all = wishOf(view.shared, dice)
  const wish = {
    ...(dice.oneIn(2) ? { planId: all.planId } : {}),
    ...(dice.oneIn(3) ? { period: all.period } : {}),
    ...(dice.oneIn(2) ? { extraSlots: all.extraSlots } : {}),
  }
  const { planId, extraSlots, ...others } = wish
  const named = { ...others, ...(planId === undefined ? {} : { plan: planId }) }
  return {
    text: `change ${subscription.id} ${JSON.stringify(wish)}`,
    costs: true,
    // In a trial what is due is paid, and the change is then another.
    isOtherInTrial: subscription.unpaid_since !== null || subscription.end <= view.now,
    core: async (platform, tx) => {
      const hooks = { countUsed: usedSlots, versions: null }
      const changes = { ...named, ...(extraSlots === undefined ? {} : { extraSlots }) }
      await changeSubscription(platform, tx, account.scope, subscription.id, changes, hooks)
      return []
    },
    api: {
      method: 'PATCH',
      path: `/v1/subscriptions/${subscription.id}`,
      body: { ...named, ...(extraSlots === undefined ? {} : { extra_slots: extraSlots }) },
    },
    ...asCall(view, subscription, { kind: 'change', wish }),
  }
}

const cancel: Plan = (view, account, dice) => {
  const subscription = living(account)
  if (subscription === undefined) return null
  const { id } = subscription
  const at = dice.oneIn(4) ? 'now' : 'period_end'
  return {
    text: `cancel ${id} ${at}`,
    costs: true,
    isOtherInTrial: subscription.unpaid_since !== null || subscription.end <= view.now,
    core: async (platform, tx) => {
      await cancelSubscription(platform, tx, account.scope, id, at)
      return []
    },
    api: { method: 'POST', path: `/v1/subscriptions/${id}/cancel`, body: { at } },
    ...asCall(view, subscription, { kind: 'cancel', isNow: at === 'now' }),
  }
}

const keep: Plan = (view, account) => {
  const subscription = living(account)
  if (subscription === undefined) return null
  const { id } = subscription
  return {
    text: `keep ${id}`,
    costs: true,
    isOtherInTrial: subscription.unpaid_since !== null || subscription.end <= view.now,
    core: async (platform, tx) => {
      await keepSubscription(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', path: `/v1/subscriptions/${id}/keep`, body: {} },
    ...asCall(view, subscription, { kind: 'keep' }),
  }
}

export const planPlans: WeightedPlans = [
  [5, take],
  [10, change],
  [3, cancel],
  [3, keep],
]
