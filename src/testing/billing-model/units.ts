/** Units of mailboxes: those that are paid by price, of whose number the price may depend, and the slots of a plan. */
import { type Account, type Held, spendable, unpaidCode, type View } from './account.ts'
import type { Period } from './calendar.ts'
import { reckon } from './money.ts'
import type { SeenMailbox } from './observe.ts'
import { discountAt, priceAt } from './prices.ts'

const gone = ['deletion_scheduled', 'deleted']

export function isGone({ state }: SeenMailbox): boolean {
  return gone.includes(state)
}

export function kindOf({
  service,
  period,
  next_period = null,
}: Pick<SeenMailbox, 'service' | 'period'> & { next_period?: Period | null }): string {
  return `${service} ${next_period ?? period}`
}

const uncounted = [...gone, 'failed', 'waiting_payment']

export function isCounted({ in_slot, state }: SeenMailbox): boolean {
  return !in_slot && !uncounted.includes(state)
}

export function countOf(mailboxes: Iterable<SeenMailbox>, kind: string): number {
  let count = 0
  for (const mailbox of mailboxes) if (isCounted(mailbox) && kindOf(mailbox) === kind) count += 1
  return count
}

/** Of a plan that is paid, or in its days of grace. */
export function slotsOf({ shared, account }: View): { allocated: number; services: readonly string[] } {
  for (const { state, plan_id, extra_slots } of account.subscriptions.values()) {
    const plan = shared.plans.get(plan_id)
    if (plan && (state === 'active' || state === 'past_due'))
      return { allocated: plan.slots + extra_slots, services: plan.services }
  }
  return { allocated: 0, services: [] }
}

export function usedSlots(mailboxes: Iterable<SeenMailbox>): number {
  let used = 0
  for (const mailbox of mailboxes)
    if (mailbox.in_slot && !isGone(mailbox) && mailbox.state !== 'failed') used += 1
  return used
}

/** What decides the discount and tax of something that begins at a moment. */
export function ratesAt({ account }: { account: Account }, item: string, at: number): Rates {
  return {
    discountBasisPoints: discountAt(account.coupons, item, at),
    taxBasisPoints: account.taxBasisPoints,
  }
}

export type Rates = Pick<Held, 'discountBasisPoints' | 'taxBasisPoints'>

export type WantedUnit = { service: string; period: Period; isActive: boolean }

export type Outcome = { inSlot: boolean; refusal: string | null; cost: bigint }

/**
 * What becomes of mailboxes that are asked for now, in their order: slots first, then those that begin at once as far as
 * the money goes, then the money for the others is put aside. Notes by which count their prices go.
 * @param instead of a mailbox that is there already: it is not counted, and what was put aside for it is free.
 */
export function purchase(
  view: View,
  wanted: readonly WantedUnit[],
  instead: string | null = null,
): Outcome[] {
  const { account, shared, now } = view
  const others = [...account.mailboxes.values()].filter(({ id }) => id !== instead)
  const slots = slotsOf(view)
  let free = slots.allocated - usedSlots(others)
  const outcomes = wanted.map(({ service }): Outcome => {
    const inSlot = free > 0 && slots.services.includes(service)
    if (inSlot) free -= 1
    return { inSlot, refusal: null, cost: 0n }
  })
  for (const [at, unit] of wanted.entries()) {
    if (outcomes[at]?.inSlot) continue
    const kind = kindOf(unit)
    account.counts.set(kind, (account.counts.get(kind) ?? countOf(others, kind)) + 1)
  }
  let left = spendable(account)
  if (instead !== null && !account.isLocked) left += account.holds.get(instead)?.total ?? 0n
  for (const isActive of [true, false]) {
    for (const [at, unit] of wanted.entries()) {
      const outcome = outcomes[at]
      if (outcome === undefined || outcome.inSlot || unit.isActive !== isActive) continue
      const { service: of, period } = unit
      const count = account.counts.get(kindOf(unit)) ?? 1
      const price = priceAt(
        shared.rules,
        account.scope.workspaceId,
        { item: 'mailbox', of, period },
        now,
        count,
      )
      if (price === null) {
        outcome.refusal = 'item_not_priced'
        continue
      }
      const { total } = reckon(1, price, ratesAt(view, 'mailbox', now))
      if (total > 0n && total > left) outcome.refusal = unpaidCode(account)
      else {
        outcome.cost = total
        left -= total
      }
    }
  }
  return outcomes
}
