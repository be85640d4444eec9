/** Subscribing to plans, and changing that. */
import { cancelSubscription, keepSubscription } from '../../billing/subscriptions/cancellation.ts'
import { changeSubscription } from '../../billing/subscriptions/changes.ts'
import { subscribe } from '../../billing/subscriptions/subscribe.ts'
import { usedSlots } from '../../mailboxes/payment/slots.ts'
import type { Account } from './account.ts'
import type { Dice, Plan, WeightedPlans } from './actions.ts'
import type { SeenSubscription } from './observe.ts'

const paying = ['insufficient_funds', 'wallet_locked', 'item_not_priced'] as const

function living(account: Account): SeenSubscription | undefined {
  return [...account.subscriptions.values()].find(({ state }) => state !== 'canceled')
}

function wishOf(shared: { plans: ReadonlyMap<string, unknown> }, dice: Dice) {
  return {
    plan: dice.pick([...shared.plans.keys()]) ?? '',
    period: dice.oneIn(3) ? ('yearly' as const) : ('monthly' as const),
    extraSlots: dice.pick([0, 0, 1, 3]) ?? 0,
  }
}

const take: Plan = ({ shared }, account, dice) => {
  if (living(account) !== undefined && !dice.oneIn(10)) return null
  const wish = wishOf(shared, dice)
  return {
    text: `subscribe ${JSON.stringify(wish)}`,
    costs: true,
    core: async (platform, tx) => {
      await subscribe(platform, tx, account.scope, wish)
      return []
    },
    api: {
      method: 'POST',
      path: '/v1/subscriptions',
      body: { plan: wish.plan, period: wish.period, extra_slots: wish.extraSlots },
    },
    refusals: [...paying, 'subscription_exists'],
  }
}

const change: Plan = ({ shared, now }, account, dice) => {
  const subscription = living(account)
  // Of one that is due the call pays what is due as well: the model looks at one thing at a time.
  if (subscription === undefined || subscription.unpaid_since !== null || subscription.end <= now) return null
  const all = wishOf(shared, dice)
  const wish = {
    ...(dice.oneIn(2) ? { plan: all.plan } : {}),
    ...(dice.oneIn(3) ? { period: all.period } : {}),
    ...(dice.oneIn(2) ? { extraSlots: all.extraSlots } : {}),
  }
  const { extraSlots, ...others } = wish
  return {
    text: `change ${subscription.id} ${JSON.stringify(wish)}`,
    costs: true,
    core: async (platform, tx) => {
      const hooks = { countUsed: usedSlots, versions: null }
      await changeSubscription(platform, tx, account.scope, subscription.id, wish, hooks)
      return []
    },
    api: {
      method: 'PATCH',
      path: `/v1/subscriptions/${subscription.id}`,
      body: { ...others, ...(extraSlots === undefined ? {} : { extra_slots: extraSlots }) },
    },
    refusals: [...paying, 'subscription_state_conflict', 'slots_in_use'],
  }
}

const cancel: Plan = ({ now }, account, dice) => {
  const subscription = living(account)
  if (subscription === undefined) return null
  const { id } = subscription
  const at = dice.oneIn(4) ? 'now' : 'period_end'
  return {
    text: `cancel ${id} ${at}`,
    costs: true,
    core: async (platform, tx) => {
      await cancelSubscription(platform, tx, account.scope, id, at)
      return []
    },
    api: { method: 'POST', path: `/v1/subscriptions/${id}/cancel`, body: { at } },
    refusals: ['subscription_state_conflict'],
    learn: () => {
      if (at === 'now' || subscription.unpaid_since !== null || subscription.end <= now) account.asked.add(id)
    },
  }
}

const keep: Plan = (_world, account) => {
  const subscription = living(account)
  if (subscription === undefined) return null
  const { id } = subscription
  return {
    text: `keep ${id}`,
    costs: true,
    core: async (platform, tx) => {
      await keepSubscription(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', path: `/v1/subscriptions/${id}/keep`, body: {} },
    refusals: ['subscription_state_conflict'],
  }
}

export const planPlans: WeightedPlans = [
  [5, take],
  [10, change],
  [3, cancel],
  [3, keep],
]
