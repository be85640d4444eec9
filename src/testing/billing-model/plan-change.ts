/** What a change within a paid period costs: the rest of what was paid is given back, and the same time is paid anew. */
import type { View } from './account.ts'
import { endOf } from './calendar.ts'
import { divide, reckon } from './money.ts'
import type { SeenSubscription } from './observe.ts'
import { type PlanLine, periodLines, priceOf } from './plan-lines.ts'
import { type PaidPart, type Part, type PlanTerms, partsOf, termsOf } from './plan-terms.ts'
import { ratesAt } from './units.ts'

function lengthens(from: PlanTerms, to: PlanTerms): boolean {
  return from.period === 'monthly' && to.period === 'yearly'
}

/** Also those that come to nothing, and are not written. */
export function changeLines(
  view: View,
  row: SeenSubscription,
  parts: readonly PaidPart[],
  to: PlanTerms,
): PlanLine[] {
  const { now } = view
  const from = termsOf(row)
  if (lengthens(from, to)) {
    const isSameMoment = row.start === now
    const charges = periodLines(view, to, now, endOf(now, 'yearly', now))
    return [
      ...parts.map((part) => givenBack(view, row, part)),
      ...charges.map((line) => (isSameMoment ? { ...line, kind: 'proration' } : line)),
    ]
  }
  const changes = ({ item }: { item: string }): boolean =>
    from.planId !== to.planId || (item === 'plan_slot' && from.extraSlots !== to.extraSlots)
  return [
    ...parts.filter(changes).map((part) => givenBack(view, row, part)),
    ...partsOf(to)
      .filter(changes)
      .map((part) => charged(view, row, part, to)),
  ]
}

/** Nothing is paid out: what would give money back waits, and so does the shorter period. */
export function isAtOnce(from: PlanTerms, to: PlanTerms, lines: readonly PlanLine[]): boolean {
  if (from.period === 'yearly' && to.period === 'monthly') return false
  let [net, total] = [0n, 0n]
  for (const { quantity, unitAmounts, rates } of lines) {
    const none = { discountBasisPoints: 0, taxBasisPoints: 0 }
    const sums = reckon(quantity, unitAmounts[0] ?? 0n, rates ?? none)
    net += sums.amount - sums.discount
    total += sums.total
  }
  return net >= 0n && total >= 0n
}

/** Less what credit notes have given back of it. */
function netOf({ account }: View, { lineId, net }: PaidPart): bigint {
  const line = lineId === null ? undefined : account.lines.get(lineId)
  if (line === undefined) return net
  const left = line.left.amount - line.left.discount
  return left > 0n ? left : 0n
}

function givenBack(view: View, { end }: SeenSubscription, part: PaidPart): PlanLine {
  const { account, now } = view
  const back = divide(netOf(view, part) * BigInt(end - now), BigInt(end - part.start))
  return {
    ...{ kind: 'proration', item: part.item, quantity: 1, unitAmounts: [-back], start: now, end },
    rates: { discountBasisPoints: 0, taxBasisPoints: account.taxBasisPoints },
    part: null,
  }
}

function charged(view: View, { start, end }: SeenSubscription, part: Part, to: PlanTerms): PlanLine {
  const { now } = view
  const unit = priceOf(view, to, part, now) ?? 0n
  const amount = divide(BigInt(part.quantity) * unit * BigInt(end - now), BigInt(end - start))
  const rates = ratesAt(view, part.item, now)
  const { discount } = reckon(1, amount, rates)
  return {
    ...{ kind: 'proration', item: part.item, quantity: 1, unitAmounts: [amount], start: now, end, rates },
    part: amount > 0n ? { item: part.item, net: amount - discount, start: now, lineId: null } : null,
  }
}
