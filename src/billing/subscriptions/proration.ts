/**
 * What a change within a period costs: credit for the part that is left of what was really paid, and a charge for the same
 * part at the new price, exact to the millisecond and rounded to the minor unit.
 */
import { Refusal } from '../../platform/errors.ts'
import type { BillLine } from '../amounts.ts'
import type { Payer } from '../payers.ts'
import { periodAfter, type Span } from '../periods.ts'
import { type Part, partsOf, periodLines, priceOf, type Terms } from './charges.ts'

/** What was paid of the present period, net of its discount and of what was given back, in minor units. */
export type PaidPart = {
  item: Part['item']
  net: number /** For the time from here to the period's end. */
  startsAt: Date
}

/** The share `leftMs` of `wholeMs`, rounded to the nearest minor unit, halves away from zero. */
export function prorated(amount: number, leftMs: number, wholeMs: number): number {
  const [product, whole] = [BigInt(Math.abs(amount)) * BigInt(leftMs), BigInt(wholeMs)]
  const rounded = Number((2n * product + whole) / (2n * whole))
  return amount < 0 ? -rounded : rounded
}

export type Change = {
  subscriptionId: string
  from: Terms
  to: Terms
  /** The present period. */
  span: Span
  paid: readonly PaidPart[]
}

/** yearly to monthly waits for the end of what is paid. */
export function shortens({ from, to }: Change): boolean {
  return from.period === 'yearly' && to.period === 'monthly'
}

/** Whether a new period begins with the change. */
export function lengthens({ from, to }: Change): boolean {
  return from.period === 'monthly' && to.period === 'yearly'
}

/**
 * The lines of a change that is made at `payer.now`, within the present period. What does not change is neither credited nor
 * charged again: a price that has risen since is the next period's.
 * @throws Refusal item_not_priced.
 */
export function changeLines(payer: Payer, change: Change): BillLine[] {
  return lengthens(change) ? newPeriodLines(payer, change) : samePeriodLines(payer, change)
}

/** The period that runs after the change. */
export function spanAfter(payer: Payer, change: Change): Span {
  if (!lengthens(change)) return change.span
  return { startsAt: payer.now, endsAt: periodAfter(payer.now, change.to.period, payer.now) }
}

function newPeriodLines(payer: Payer, change: Change): BillLine[] {
  const span = spanAfter(payer, change)
  const charges = periodLines(payer, change.subscriptionId, change.to, span)
  // Of a period that has begun in this very millisecond there is a line already.
  const isFirst = change.span.startsAt.getTime() === span.startsAt.getTime()
  return [
    ...change.paid.map((part) => creditLine(payer, change, part)),
    ...charges.map((line) => (isFirst ? { ...line, kind: 'proration' as const } : line)),
  ]
}

function samePeriodLines(payer: Payer, change: Change): BillLine[] {
  const { from, to, paid } = change
  const isOtherPlan = from.plan.id !== to.plan.id
  const changes = ({ item }: { item: Part['item'] }): boolean =>
    isOtherPlan || (item === 'plan_slot' && from.extraSlots !== to.extraSlots)
  return [
    ...paid.filter(changes).map((part) => creditLine(payer, change, part)),
    ...partsOf(to)
      .filter(changes)
      .map((part) => chargeLine(payer, change, part)),
  ]
}

function creditLine({ now }: Payer, { subscriptionId, from, span }: Change, paid: PaidPart): BillLine {
  const { item, net, startsAt } = paid
  const wholeMs = span.endsAt.getTime() - startsAt.getTime()
  const what = partsOf(from).find((part) => part.item === item)?.description ?? item
  return {
    kind: 'proration',
    item,
    subjectId: subscriptionId,
    description: `${what}: not used`,
    quantity: 1,
    unitAmount: -prorated(net, span.endsAt.getTime() - now.getTime(), wholeMs),
    discount: 0,
    period: { startsAt: now, endsAt: span.endsAt },
  }
}

function chargeLine(payer: Payer, { subscriptionId, to, span }: Change, part: Part): BillLine {
  const unitAmount = priceOf(payer, to, part, payer.now)
  if (unitAmount === null) throw new Refusal('item_not_priced', `${part.description} has no price.`)
  const [leftMs, wholeMs] = [
    span.endsAt.getTime() - payer.now.getTime(),
    span.endsAt.getTime() - span.startsAt.getTime(),
  ]
  return {
    kind: 'proration',
    item: part.item,
    subjectId: subscriptionId,
    description: part.quantity === 1 ? part.description : `${part.quantity} × ${part.description}`,
    quantity: 1,
    unitAmount: prorated(part.quantity * unitAmount, leftMs, wholeMs),
    period: { startsAt: payer.now, endsAt: span.endsAt },
  }
}
