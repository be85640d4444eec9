/** What a period of a plan costs, line by line. */
import type { View } from './account.ts'
import type { Expected } from './check-lines.ts'
import { reckon } from './money.ts'
import { type PaidPart, type Part, type PlanTerms, partsOf } from './plan-terms.ts'
import { priceAt } from './prices.ts'
import { ratesAt } from './units.ts'

/** A line; `part`: what it pays for the rest of the period. */
export type PlanLine = Expected & { part: PaidPart | null }

export function priceOf(
  { shared, account }: View,
  { planId: of, period }: PlanTerms,
  { item, quantity }: Part,
  at: number,
): bigint | null {
  return priceAt(shared.rules, account.scope.workspaceId, { item, of, period }, at, quantity)
}

/** A whole period's lines: of one period one is of the kind that comes once. */
export function periodLines(view: View, terms: PlanTerms, start: number, end: number): PlanLine[] {
  const priced = partsOf(terms).flatMap((part) => {
    const unitAmount = priceOf(view, terms, part, start) ?? 0n
    return unitAmount === 0n ? [] : [{ ...part, unitAmount }]
  })
  return priced.map(({ item, quantity, unitAmount }, index) => {
    const rates = ratesAt(view, item, start)
    const { amount, discount } = reckon(quantity, unitAmount, rates)
    const part: PaidPart = { item, net: amount - discount, start, lineId: null }
    const kind = index === 0 ? 'period' : 'once'
    return { kind, item, quantity, unitAmounts: [unitAmount], start, end, rates, part }
  })
}

export function costOf(lines: readonly PlanLine[]): bigint {
  return lines.reduce((sum, { quantity, unitAmounts: [unit], rates }) => {
    return sum + reckon(quantity, unit ?? 0n, rates ?? { discountBasisPoints: 0, taxBasisPoints: 0 }).total
  }, 0n)
}
