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
import type { Account } from './account.ts'
import type { Action, Dice, Plan, WeightedPlans } from './actions.ts'
import type { Period } from './calendar.ts'
import { isGone } from './check-mailboxes.ts'
import type { SeenMailbox } from './observe.ts'

const unpaidCodes = ['insufficient_funds', 'wallet_locked', 'item_not_priced'] as const
const password = 'correct horse battery'

type Wanted = { address: string; period: Period }

function wantedOf(account: Account, { oneIn }: Dice): Wanted {
  const domain = oneIn(4) ? account.waitingDomain : account.activeDomain
  account.named += 1
  return { address: `m${account.named}@${domain.name}`, period: oneIn(3) ? 'yearly' : 'monthly' }
}

function newMailbox({ address, period }: Wanted): NewMailbox {
  const names = { displayName: null, firstName: null, lastName: null }
  return { address, ...names, password, tags: [], service: 'local', period }
}

const buyOne: Plan = (_world, account, dice) => {
  const wanted = wantedOf(account, dice)
  account.refused.push({ service: 'local', period: wanted.period, count: 1 })
  return {
    text: `buy ${wanted.address} ${wanted.period}`,
    costs: true,
    core: async (platform, tx) => {
      await provisionMailbox(platform, tx, account.scope, newMailbox(wanted))
      return []
    },
    api: { method: 'POST', path: '/v1/mailboxes', body: { ...wanted, password } },
    refusals: unpaidCodes,
  }
}

const buyMany: Plan = (_world, account, dice) => {
  const wanted = Array.from({ length: 2 + dice.below(4) }, () => wantedOf(account, dice))
  for (const { period } of wanted) account.refused.push({ service: 'local', period, count: 1 })
  return {
    text: `buy ${wanted.map(({ address, period }) => `${address} ${period}`).join(', ')}`,
    costs: true,
    core: async (platform, tx) => {
      const { results } = await createBatch(platform, tx, account.scope, wanted.map(newMailbox))
      return results.flatMap((result) => (result.status === 'failed' ? [result.code] : []))
    },
    api: {
      method: 'POST',
      path: '/v1/mailboxes',
      body: { mailboxes: wanted.map((one) => ({ ...one, password })) },
    },
    refusals: [],
  }
}

type On = Omit<Action, 'api'> & { api: { method: string; at?: string; body?: object } }

/** A plan for one mailbox, mostly for one that it is fit for. */
function onMailbox(
  isFit: (mailbox: SeenMailbox) => boolean,
  make: (account: Account, mailbox: SeenMailbox, dice: Dice) => On,
): Plan {
  return (_world, account, dice) => {
    const all = [...account.mailboxes.values()].filter(({ state }) => state !== 'deleted')
    const mailbox = dice.pick(all.filter(isFit)) ?? dice.pick(all)
    if (mailbox === undefined) return null
    const { api, ...rest } = make(account, mailbox, dice)
    return {
      ...rest,
      text: `${rest.text} ${mailbox.id}`,
      api: { ...api, path: `/v1/mailboxes/${mailbox.id}${api.at ?? ''}` },
    }
  }
}

const conflict = ['mailbox_state_conflict'] as const

const cancel = onMailbox(
  ({ state, cancel_at_period_end }) => state === 'active' && !cancel_at_period_end,
  (account, { id }) => ({
    text: 'cancel',
    costs: false,
    core: async (platform, tx) => {
      await cancelMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/cancel', body: {} },
    refusals: conflict,
    learn: () => account.asked.add(id),
  }),
)

const keep = onMailbox(
  ({ cancel_at_period_end }) => cancel_at_period_end,
  (account, { id }) => ({
    text: 'keep',
    costs: false,
    core: async (platform, tx) => {
      await keepMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/keep', body: {} },
    refusals: conflict,
  }),
)

const changePeriod = onMailbox(
  (mailbox) => !isGone(mailbox),
  (account, { id, service }, dice) => {
    const period = dice.oneIn(2) ? 'yearly' : 'monthly'
    account.refused.push({ service, period, count: 1 })
    return {
      text: `from its end on ${period}`,
      // One that waits has other money put aside for it.
      costs: true,
      core: async (platform, tx) => {
        await updateMailbox(platform, tx, account.scope, id, { period }, null)
        return []
      },
      api: { method: 'PATCH', body: { period } },
      refusals: [...conflict, ...unpaidCodes],
    }
  },
)

const remove = onMailbox(
  (mailbox) => !isGone(mailbox),
  (account, { id }) => ({
    text: 'delete',
    costs: false,
    core: async (platform, tx) => {
      await deleteMailbox(platform, tx, account.scope, id, { purge: false })
      return []
    },
    api: { method: 'DELETE' },
    refusals: conflict,
    learn: () => account.asked.add(id),
  }),
)

const restore = onMailbox(
  ({ state }) => state === 'deletion_scheduled',
  (account, { id, service, period, next_period }) => {
    account.refused.push({ service, period: next_period ?? period, count: 1 })
    return {
      text: 'restore',
      costs: true,
      core: async (platform, tx) => {
        await restoreMailbox(platform, tx, account.scope, id)
        return []
      },
      api: { method: 'POST', at: '/restore', body: {} },
      refusals: [...conflict, ...unpaidCodes],
    }
  },
)

const suspend = onMailbox(
  ({ state }) => state === 'active',
  (account, { id }) => ({
    text: 'suspend',
    costs: false,
    core: async (platform, tx) => {
      await suspendMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/suspend', body: {} },
    refusals: conflict,
  }),
)

const resume = onMailbox(
  ({ state }) => state === 'suspended',
  (account, { id }) => ({
    text: 'resume',
    costs: false,
    core: async (platform, tx) => {
      await resumeMailbox(platform, tx, account.scope, id)
      return []
    },
    api: { method: 'POST', at: '/resume', body: {} },
    refusals: [...conflict, 'mailbox_unpaid'],
  }),
)

export const mailboxPlans: WeightedPlans = [
  [14, buyOne],
  [8, buyMany],
  [4, cancel],
  [3, keep],
  [5, changePeriod],
  [4, remove],
  [6, restore],
  [2, suspend],
  [2, resume],
]
