/** The model's own price list and coupons. */
import type { Period } from './calendar.ts'

export type Priced = {
  item: 'mailbox' | 'plan' | 'plan_slot' /** The service, or the plan's id. */
  of: string
  period: Period
}

export type PriceRule = Priced & {
  /** Of this workspace alone. */
  workspaceId: string | null
  from: number
  until: number | null
  amount: bigint
  steps: readonly { from: number; amount: bigint }[]
}

export type CouponInUse = {
  basisPoints: number
  items: readonly string[] | null
  from: number
  until: number | null
}

function ruleAt(
  rules: readonly PriceRule[],
  workspaceId: string,
  { item, of, period }: Priced,
  at: number,
): PriceRule | null {
  let best: PriceRule | null = null
  for (const rule of rules) {
    if (rule.item !== item || rule.of !== of || rule.period !== period) continue
    if (rule.from > at || (rule.until !== null && rule.until <= at)) continue
    if (rule.workspaceId !== null && rule.workspaceId !== workspaceId) continue
    if (best === null || isBefore(rule, best)) best = rule
  }
  return best
}

/** Its own before everybody's, then the newest. */
function isBefore(one: PriceRule, other: PriceRule): boolean {
  if ((one.workspaceId === null) !== (other.workspaceId === null)) return one.workspaceId !== null
  return one.from > other.from
}

/** null: no price. */
export function priceAt(
  rules: readonly PriceRule[],
  workspaceId: string,
  priced: Priced,
  at: number,
  count: number,
): bigint | null {
  const rule = ruleAt(rules, workspaceId, priced, at)
  if (rule === null) return null
  let [from, amount] = [0, rule.amount]
  for (const step of rule.steps)
    if (step.from <= count && step.from > from) [from, amount] = [step.from, step.amount]
  return amount
}

/** The best share off that there is at a moment. */
export function discountAt(coupons: readonly CouponInUse[], item: string, at: number): number {
  let best = 0
  for (const { basisPoints, items, from, until } of coupons) {
    if (items !== null && !items.includes(item)) continue
    if (from <= at && (until === null || until > at)) best = Math.max(best, basisPoints)
  }
  return best
}

/**
 * A new price begins, and what holds then ends; where the new one has an end, what it interrupted goes on. One without an
 * end of its own ends when the next begins, that which goes on included.
 */
export function addRule(rules: PriceRule[], rule: PriceRule): void {
  const same = ofSame(rules, rule)
  const later = same.map(({ from }) => from).filter((from) => from >= rule.from)
  const until = rule.until ?? (later.length === 0 ? null : Math.min(...later))
  const running = same.find((one) => one.from < rule.from && (one.until === null || one.until > rule.from))
  if (running !== undefined) {
    if (until !== null && (running.until === null || running.until > until))
      rules.push({ ...running, from: until })
    running.until = rule.from
  }
  rules.push({ ...rule, until })
}

function ofSame(rules: readonly PriceRule[], rule: PriceRule): PriceRule[] {
  return rules.filter((one) => {
    return (
      one.item === rule.item &&
      one.of === rule.of &&
      one.period === rule.period &&
      one.workspaceId === rule.workspaceId
    )
  })
}

/** Whether a new price would begin with another, or reach into a later one. */
export function overlaps(rules: readonly PriceRule[], rule: PriceRule): boolean {
  return ofSame(rules, rule).some(
    ({ from }) => from === rule.from || (from > rule.from && rule.until !== null && rule.until > from),
  )
}
