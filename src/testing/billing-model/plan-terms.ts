/** What is had of a plan, and what was paid of it. */
import type { Period } from './calendar.ts'
import type { SeenSubscription } from './observe.ts'

/** Of the plan, or of the slots beside it: what was paid for the time from `start` to the period's end. */
export type PaidPart = {
  item: 'plan' | 'plan_slot'
  /** Without tax, less its discount. */
  net: bigint
  start: number
  /** null: its line has not been seen yet. */
  lineId: string | null
}

export type PlanTerms = { planId: string; period: Period; extraSlots: number }

export type PlanCall =
  | { kind: 'subscribe'; wish: PlanTerms }
  | { kind: 'change'; wish: Partial<PlanTerms> }
  | { kind: 'cancel'; isNow: boolean }
  | { kind: 'keep' }

export type Part = { item: 'plan' | 'plan_slot'; quantity: number }

export function partsOf({ extraSlots }: PlanTerms): Part[] {
  const plan: Part = { item: 'plan', quantity: 1 }
  return extraSlots === 0 ? [plan] : [plan, { item: 'plan_slot', quantity: extraSlots }]
}

export function termsOf({ plan_id: planId, period, extra_slots: extraSlots }: SeenSubscription): PlanTerms {
  return { planId, period, extraSlots }
}
