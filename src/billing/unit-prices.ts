/** What a unit costs a payer: its own price before everybody's, the newest before older ones, by the step of the count. */
import type { Payer, PriceRow } from './payers.ts'
import type { Item, Period } from './tables.ts'

/** As much of a payer as prices need. */
type Prices = Pick<Payer, 'prices' | 'now'>

export type Priced =
  | { item: 'mailbox'; service: string; period: Period }
  | { item: 'plan' | 'plan_slot'; planId: string; period: Period }

/**
 * @param count how many units of it the workspace has, with those that are asked for: all of them cost what the step of
 *   this count says.
 * @param at when what is bought begins.
 * @returns in minor units before tax and discounts, or null when it has no price.
 */
export function unitPrice(payer: Prices, wanted: Priced, count: number, at: Date = payer.now): number | null {
  const row = priceRowOf(payer, wanted, at)
  if (row === null) return null
  const steps = row.steps.filter(({ from }) => from <= count).sort((a, b) => b.from - a.from)
  return steps[0]?.unit_amount ?? row.unit_amount
}

/** Whether the count matters, so that nobody counts in vain. */
export function hasSteps(payer: Prices, wanted: Priced, at: Date = payer.now): boolean {
  return (priceRowOf(payer, wanted, at)?.steps.length ?? 0) > 0
}

/** The price that holds for the payer at a moment. */
function priceRowOf(payer: Prices, wanted: Priced, at: Date): PriceRow | null {
  const rows = payer.prices.filter((row) => isFor(row, wanted) && holdsAt(row, at))
  const own = rows.filter((row) => row.workspace_id !== null)
  const candidates = own.length > 0 ? own : rows
  return candidates.sort((a, b) => Date.parse(b.valid_from) - Date.parse(a.valid_from))[0] ?? null
}

function holdsAt({ valid_from, valid_until }: PriceRow, at: Date): boolean {
  const time = at.getTime()
  return Date.parse(valid_from) <= time && (valid_until === null || Date.parse(valid_until) > time)
}

function isFor(row: PriceRow, wanted: Priced): boolean {
  const isSame: Record<Item, () => boolean> = {
    mailbox: () => wanted.item === 'mailbox' && row.service === wanted.service,
    plan: () => wanted.item === 'plan' && row.plan_id === wanted.planId,
    plan_slot: () => wanted.item === 'plan_slot' && row.plan_id === wanted.planId,
    domain_register: () => false,
    domain_renew: () => false,
  }
  return row.period === wanted.period && isSame[row.item]()
}
