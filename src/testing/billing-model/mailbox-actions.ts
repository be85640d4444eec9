/** Buying mailboxes, and what is done with them. */

import { createBatch } from '../../mailboxes/batches.ts'
import { cancelMailbox, keepMailbox } from '../../mailboxes/cancellation.ts'
import {
  deleteMailbox,
  restoreMailbox,
  resumeMailbox,
  suspendMailbox,
  updateMailbox,
} from '../../mailboxes/mailboxes.ts'
import type { NewMailbox } from '../../mailboxes/new-mailbox.ts'
import { provisionMailbox } from '../../mailboxes/provision.ts'
import { type Account, spendable, unpaidCode, type View } from './account.ts'
import type { Action, Dice, Plan, WeightedPlans } from './actions.ts'
import type { Period } from './calendar.ts'
import { waitingStates } from './check-mailboxes.ts'
import { reckon } from './money.ts'
import type { SeenMailbox } from './observe.ts'
import { priceAt } from './prices.ts'
import { countOf, isGone, kindOf, purchase, ratesAt, slotsOf, usedSlots } from './units.ts'

const password = 'correct horse battery'

type Wanted = { address: string; period: Period; isActive: boolean }

function wantedOf(account: Account, { oneIn }: Dice): Wanted {
  const isElsewhere = oneIn(4)
  const domain = isElsewhere ? account.waitingDomain : account.activeDomain
  account.named += 1
  return {
    address: `m${account.named}@${domain.name}`,
    period: oneIn(3) ? 'yearly' : 'monthly',
    isActive: !isElsewhere || account.waitingDomain.isActive,
  }
}

function newMailbox({ address, period }: Wanted): NewMailbox {
  const names = { displayName: null, firstName: null, lastName: null }
  return { address, ...names, password, tags: [], service: 'local', period }
}

/** Why each of them is not had; what may wait for money is had. */
function refusalsOf(view: View, wanted: readonly Wanted[], waits: boolean): (string | null)[] {
  const units = wanted.map(({ period, isActive }) => ({ service: 'local', period, isActive }))
  return purchase(view, units).map(({ refusal }) => (waits && refusal !== 'item_not_priced' ? null : refusal))
}

const buyOne: Plan = (view, account, dice) => {
  const wanted = wantedOf(account, dice)
  const { address, period } = wanted
  const waits = dice.oneIn(4)
  return {
    text: `buy ${address} ${period}${waits ? ', or wait for money' : ''}`,
    costs: true,
    core: async (platform, tx) => {
      await provisionMailbox(platform, tx, account.scope, newMailbox(wanted), { waitsForPayment: waits })
      return []
    },
    api: {
      method: 'POST',
      path: '/v1/mailboxes',
      body: { address, period, password, wait_for_payment: waits },
    },
    refusal: () => refusalsOf(view, [wanted], waits)[0] ?? null,
  }
}

const buyMany: Plan = (view, account, dice) => {
  const wanted = Array.from({ length: 2 + dice.below(4) }, () => wantedOf(account, dice))
  const waits = dice.oneIn(4)
  const shown = wanted.map(({ address, period }) => ({ address, period, password }))
  return {
    text: `buy ${wanted.map(({ address, period }) => `${address} ${period}`).join(', ')}${waits ? ', or wait' : ''}`,
    costs: true,
    core: async (platform, tx) => {
      const items = wanted.map(newMailbox)
      const { results } = await createBatch(platform, tx, account.scope, items, { waitsForPayment: waits })
      return results.map((result) => (result.status === 'failed' ? result.code : null))
    },
    api: { method: 'POST', path: '/v1/mailboxes', body: { mailboxes: shown, wait_for_payment: waits } },
    refusal: () => null,
    items: () => refusalsOf(view, wanted, waits),
  }
}

type On = Omit<Action, 'api'> & { api: { method: string; at?: string; body?: object } }

/** A plan for one mailbox, mostly for one that it is fit for. */
function onMailbox(
  isFit: (mailbox: SeenMailbox) => boolean,
  make: (view: View, mailbox: SeenMailbox, dice: Dice) => On,
): Plan {
  return (view, account, dice) => {
    const all = [...account.mailboxes.values()].filter(({ state }) => state !== 'deleted')
    const mailbox = dice.pick(all.filter(isFit)) ?? dice.pick(all)
    if (mailbox === undefined) return null
    const { api, ...rest } = make(view, mailbox, dice)
    return {
      ...rest,
      text: `${rest.text} ${mailbox.id}`,
      api: { ...api, path: `/v1/mailboxes/${mailbox.id}${api.at ?? ''}` },
    }
  }
}

const conflict = 'mailbox_state_conflict'

/** One that is deleted, or has no period yet, has none to be canceled. */
function refusedCancellation({ state, end }: SeenMailbox): string | null {
  return state === 'deletion_scheduled' || end === null ? conflict : null
}

const cancel = onMailbox(
  ({ state, cancel_at_period_end }) => state === 'active' && !cancel_at_period_end,
  ({ account }, mailbox) => ({
    text: 'cancel',
    costs: false,
    core: async (platform, tx) => {
      await cancelMailbox(platform, tx, account.scope, mailbox.id)
      return []
    },
    api: { method: 'POST', at: '/cancel', body: {} },
    refusal: () => refusedCancellation(mailbox),
  }),
)

const keep = onMailbox(
  ({ cancel_at_period_end }) => cancel_at_period_end,
  ({ account }, mailbox) => ({
    text: 'keep',
    costs: false,
    core: async (platform, tx) => {
      await keepMailbox(platform, tx, account.scope, mailbox.id)
      return []
    },
    api: { method: 'POST', at: '/keep', body: {} },
    refusal: () => refusedCancellation(mailbox),
  }),
)

const changePeriod = onMailbox(
  (mailbox) => !isGone(mailbox),
  (view, mailbox, dice) => {
    const period = dice.oneIn(2) ? 'yearly' : 'monthly'
    const { id, service, state, in_slot } = mailbox
    const { account } = view
    return {
      text: `from its end on ${period}`,
      // One that waits has other money put aside for it.
      costs: true,
      core: async (platform, tx) => {
        await updateMailbox(platform, tx, account.scope, id, { period }, null)
        return []
      },
      api: { method: 'PATCH', body: { period } },
      refusal: () => {
        if (state === 'deletion_scheduled') return conflict
        const isPaidAnew = mailbox.end === null && period !== mailbox.period && !in_slot
        if (!isPaidAnew || !waitingStates.includes(state)) return null
        return purchase(view, [{ service, period, isActive: false }], id)[0]?.refusal ?? null
      },
    }
  },
)

const remove = onMailbox(
  (mailbox) => !isGone(mailbox),
  ({ account }, { id, state }, dice) => {
    const purge = dice.oneIn(4)
    return {
      text: purge ? 'purge' : 'delete',
      costs: false,
      core: async (platform, tx) => {
        await deleteMailbox(platform, tx, account.scope, id, { purge })
        return []
      },
      api: { method: 'DELETE', ...(purge ? { at: '?purge=true' } : {}) },
      refusal: () => (state === 'deletion_scheduled' && !purge ? conflict : null),
      learn: () => account.asked.set(id, purge ? 'purge' : 'remove'),
    }
  },
)

const restore = onMailbox(
  ({ state }) => state === 'deletion_scheduled',
  (view, mailbox) => ({
    text: 'restore',
    costs: true,
    core: async (platform, tx) => {
      await restoreMailbox(platform, tx, view.account.scope, mailbox.id)
      return []
    },
    api: { method: 'POST', at: '/restore', body: {} },
    refusal: () => refusedRestore(view, mailbox),
    learn: () => {
      view.account.asked.set(mailbox.id, 'restore')
      // What waits for money is tried at once.
      if (mailbox.state_before_deletion === 'waiting_payment') view.account.isFunded = true
    },
  }),
)

/** Within its paid period it comes back for nothing; what had a slot asks for one again. */
function refusedRestore(view: View, mailbox: SeenMailbox): string | null {
  const { account, now, shared } = view
  const { state, state_before_deletion: stateBefore, end, in_slot, service, period, next_period } = mailbox
  if (state !== 'deletion_scheduled') return conflict
  if (stateBefore === 'failed' || stateBefore === 'waiting_payment') return null
  if (end === null) return purchase(view, [{ service, period, isActive: false }])[0]?.refusal ?? null
  if (end > now && !in_slot) return null
  const slots = slotsOf(view)
  const all = [...account.mailboxes.values()]
  if (slots.services.includes(service) && usedSlots(all) < slots.allocated) return null
  const kind = kindOf(mailbox)
  const count = countOf(all, kind) + 1
  account.counts.set(kind, count)
  const priced = { item: 'mailbox', of: service, period: next_period ?? period } as const
  const price = priceAt(shared.rules, account.scope.workspaceId, priced, now, count)
  const { total } = reckon(1, price ?? 0n, ratesAt(view, 'mailbox', now))
  return total > 0n && total > spendable(account) ? unpaidCode(account) : null
}

const suspend = onMailbox(
  ({ state }) => state === 'active',
  ({ account }, { id, state }) => ({
    text: 'suspend',
    costs: false,
    core: async (platform, tx) => {
      await suspendMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/suspend', body: {} },
    refusal: () => (state === 'active' || state === 'suspended' ? null : conflict),
  }),
)

const resume = onMailbox(
  ({ state }) => state === 'suspended',
  ({ account }, { id, state, payment_suspension }) => ({
    text: 'resume',
    costs: false,
    core: async (platform, tx) => {
      await resumeMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/resume', body: {} },
    refusal: () => {
      if (state === 'suspended' && payment_suspension !== null) return 'mailbox_unpaid'
      return state === 'active' || state === 'suspended' ? null : conflict
    },
  }),
)

export const mailboxPlans: WeightedPlans = [
  [12, buyOne],
  [8, buyMany],
  [4, cancel],
  [3, keep],
  [5, changePeriod],
  [4, remove],
  [6, restore],
  [2, suspend],
  [2, resume],
]
