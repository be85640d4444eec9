/** Money that comes and goes, and what decides what is paid: taxes, coupons, limits, special prices. */
import { putTax } from '../../billing/billing-details.ts'
import { createCoupon } from '../../billing/catalogue/coupons.ts'
import { createPrice, type NewPrice } from '../../billing/catalogue/prices.ts'
import { redeemCoupon } from '../../billing/catalogue/redemptions.ts'
import { controlWallet, creditManually, type ManualCreditKind } from '../../billing/wallet-controls.ts'
import { addActivation } from '../../mailboxes/domain-activation.ts'
import type { Account } from './account.ts'
import type { Action, Dice, Plan, WeightedPlans } from './actions.ts'
import { endOf } from './calendar.ts'
import { addRule, overlaps } from './prices.ts'

function crediting(account: Account, kind: ManualCreditKind, amount: number): Action {
  const { workspaceId } = account.scope
  const body = { kind, amount, description: 'Of the model' }
  return {
    text: `${kind} ${amount}`,
    costs: false,
    core: async (platform, tx) => {
      await creditManually(platform, tx, workspaceId, { ...body, currency: null })
      return []
    },
    api: { method: 'POST', path: `/v1/wallets/${workspaceId}/credits`, body, isOperator: true },
    refusal: () => null,
    learn: () => {
      account.credited += BigInt(amount)
      if (amount > 0) account.isFunded = true
    },
  }
}

const topUp: Plan = (_world, account, dice) =>
  crediting(account, 'top_up', 1 + dice.below(dice.pick([300, 3_000, 30_000]) ?? 1))

const promote: Plan = (_world, account, dice) => crediting(account, 'promotion', 1 + dice.below(500))

const takeBack: Plan = (_world, account, dice) => crediting(account, 'correction', -1 - dice.below(2_000))

function controlling(
  account: Account,
  text: string,
  controls: { creditLimit?: number; locked?: boolean; lockReason?: string },
): Action {
  const { workspaceId } = account.scope
  const { creditLimit, lockReason, locked } = controls
  return {
    text,
    costs: false,
    core: async (platform, tx) => {
      await controlWallet(platform, tx, workspaceId, controls)
      return []
    },
    api: {
      method: 'PATCH',
      path: `/v1/wallets/${workspaceId}`,
      body: {
        ...(creditLimit === undefined ? {} : { credit_limit: creditLimit }),
        ...(locked === undefined ? {} : { locked }),
        ...(lockReason === undefined ? {} : { lock_reason: lockReason }),
      },
      isOperator: true,
    },
    refusal: () => null,
    learn: () => {
      if (creditLimit !== undefined) {
        account.isFunded ||= BigInt(creditLimit) > account.creditLimit
        account.creditLimit = BigInt(creditLimit)
      }
      if (locked !== undefined) {
        account.isFunded ||= account.isLocked && !locked
        account.isLocked = locked
      }
    },
  }
}

const limit: Plan = (_world, account, dice) => {
  const creditLimit = dice.pick([0, 0, 1_000, 5_000]) ?? 0
  return controlling(account, `credit limit ${creditLimit}`, { creditLimit })
}

const lock: Plan = (_world, account) =>
  account.isLocked
    ? controlling(account, 'unlock', { locked: false })
    : controlling(account, 'lock', { locked: true, lockReason: 'Of the model' })

const tax: Plan = (_world, account, dice) => {
  const { workspaceId } = account.scope
  const rate = dice.pick([0, 700, 1900, 825, 2100, 1]) ?? 0
  return {
    text: `tax ${rate}`,
    costs: false,
    core: async (platform, tx) => {
      await putTax(platform, tx, workspaceId, { rateBasisPoints: rate, name: 'VAT' })
      return []
    },
    api: {
      method: 'PUT',
      path: `/v1/wallets/${workspaceId}/tax`,
      body: { rate_basis_points: rate, name: 'VAT' },
      isOperator: true,
    },
    refusal: () => null,
    learn: () => {
      account.taxBasisPoints = rate
    },
  }
}

const coupon: Plan = ({ now }, account, dice) => {
  const basisPoints = dice.pick([1, 500, 3_333, 10_000, 5_000, 1_250]) ?? 1
  const items = dice.pick([null, ['mailbox' as const], ['plan' as const, 'plan_slot' as const]]) ?? null
  const months = dice.pick([null, 1, 3, 14]) ?? null
  account.named += 1
  const code = `MODEL-${account.index}-${account.named}`
  return {
    text: `coupon ${basisPoints} of ${items ?? 'all'} for ${months ?? 'all'} months`,
    costs: false,
    core: async (platform, tx) => {
      const { scope } = account
      const times = { validFrom: null, validUntil: null, redemptionsMax: null }
      const none = { amount: null, currency: null }
      await createCoupon(platform, tx, scope, {
        code,
        percentBasisPoints: basisPoints,
        items,
        months,
        ...times,
        ...none,
      })
      await redeemCoupon(platform, tx, scope, code)
      return []
    },
    api: null,
    refusal: () => null,
    learn: () => {
      let until: number | null = null
      for (let month = 0; month < (months ?? 0); month++) until = endOf(now, 'monthly', until ?? now)
      account.coupons.push({ basisPoints, items, from: now, until })
    },
  }
}

export const someAmounts = [1, 7, 99, 250, 333, 500, 999] as const

/** A price of mailboxes, from now or soon on, for ever or for a time. */
export function newMailboxPrice({ now }: { now: number }, dice: Dice, workspaceId: string | null): NewPrice {
  const dayMs = 86_400_000
  const amount = dice.pick(someAmounts) ?? 1
  const period = dice.oneIn(3) ? 'yearly' : 'monthly'
  const unitAmount = period === 'yearly' ? amount * 10 : amount
  const from = now + (dice.oneIn(2) ? 1 : dice.below(40) * dayMs + 1)
  const steps = dice.oneIn(2)
    ? []
    : [
        { from: 3, unit_amount: Math.ceil(unitAmount * 0.8) },
        { from: 6, unit_amount: Math.ceil(unitAmount * 0.7) },
      ]
  return {
    item: 'mailbox',
    service: 'local',
    period,
    plan: null,
    tld: null,
    workspaceId,
    currency: null,
    unitAmount,
    steps,
    validFrom: new Date(from),
    validUntil: dice.oneIn(3) ? new Date(from + (20 + dice.below(100)) * dayMs) : null,
  }
}

const ownPrice: Plan = (world, account, dice) => {
  const wanted = newMailboxPrice(world, dice, account.scope.workspaceId)
  return {
    text: `a price of its own: ${JSON.stringify(wanted)}`,
    costs: false,
    core: async (platform, tx) => {
      await createPrice(platform, tx, account.scope, wanted)
      return []
    },
    api: null,
    refusal: () => (overlaps(world.shared.rules, ruleOf(wanted)) ? 'price_overlap' : null),
    learn: () => {
      addRule(world.shared.rules, ruleOf(wanted))
    },
  }
}

export function ruleOf(wanted: NewPrice) {
  const { item, period, validFrom, validUntil } = wanted
  if (item !== 'mailbox' && item !== 'plan' && item !== 'plan_slot')
    throw new Error('the model has no such prices')
  if (period === null || validFrom === null)
    throw new Error('a price of the model is of a period, and has its time')
  return {
    item,
    of: wanted.service ?? wanted.plan ?? '',
    period,
    workspaceId: wanted.workspaceId,
    from: validFrom.getTime(),
    until: validUntil?.getTime() ?? null,
    amount: BigInt(wanted.unitAmount),
    steps: wanted.steps.map(({ from, unit_amount }) => ({ from, amount: BigInt(unit_amount) })),
  }
}

/** The domain is found: what waits for it begins. */
const activate: Plan = (_world, { waitingDomain }) =>
  waitingDomain.isActive
    ? null
    : {
        text: `${waitingDomain.name} is active`,
        costs: false,
        core: async (platform, tx) => {
          await tx
            .updateTable('domains')
            .set({ state: 'active', state_changed_at: platform.clock.now() })
            .where('id', '=', waitingDomain.id)
            .execute()
          await addActivation(tx, waitingDomain.id)
          return []
        },
        api: null,
        refusal: () => null,
        learn: () => {
          waitingDomain.isActive = true
        },
      }

export const walletPlans: WeightedPlans = [
  [9, topUp],
  [2, promote],
  [1, takeBack],
  [2, limit],
  [2, lock],
  [3, tax],
  [3, coupon],
  [3, ownPrice],
  [3, activate],
]
