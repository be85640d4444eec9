/** Lines of bills reckoned: discounts and taxes, each rounded to the minor unit, line by line. */
import type { Payer } from './payers.ts'
import type { InvoiceLineKind, Item, PricedLine } from './tables.ts'

/** A line as who sells asks for it. Amounts are in minor units of the payer's currency, before tax and discounts. */
export type BillLine = {
  kind: Exclude<InvoiceLineKind, 'credit'>
  item: Item
  subjectId: string | null
  description: string
  quantity: number
  /** Negative only in a proration, for what was paid already. */
  unitAmount: number
  /** Where it is known better than by the payer's discounts: of what was paid before. */
  discount?: number
  cost?: number | null
  period?: { startsAt: Date; endsAt: Date }
}

const basisPoints = 10_000n

/** A share in basis points, rounded to the nearest minor unit, halves away from zero. */
export function shareOf(amount: number, shareBasisPoints: number): number {
  const product = BigInt(amount) * BigInt(shareBasisPoints)
  const half = product < 0n ? -basisPoints / 2n : basisPoints / 2n
  return Number((product + half) / basisPoints)
}

/** The line with its discount, the best one that is for it when it begins, and its tax. */
export function priceLine(payer: Payer, line: BillLine): PricedLine {
  const amount = line.quantity * line.unitAmount
  const discount =
    line.discount ?? shareOf(amount, bestDiscount(payer, line.item, line.period?.startsAt ?? payer.now))
  return {
    kind: line.kind,
    item: line.item,
    subject_id: line.subjectId,
    description: line.description,
    quantity: line.quantity,
    unit_amount: line.unitAmount,
    discount,
    tax: shareOf(amount - discount, payer.taxRateBasisPoints),
    cost: line.cost ?? null,
    period_started_at: line.period?.startsAt.toISOString() ?? null,
    period_ends_at: line.period?.endsAt.toISOString() ?? null,
  }
}

function bestDiscount({ discounts }: Payer, item: Item, at: Date): number {
  const fitting = discounts.filter(
    ({ items, redeemed_at, ends_at }) =>
      (items === null || items.includes(item)) &&
      Date.parse(redeemed_at) <= at.getTime() &&
      (ends_at === null || Date.parse(ends_at) > at.getTime()),
  )
  return Math.max(0, ...fitting.map((discount) => discount.percent_basis_points))
}

export type Sums = { subtotal: number; discount: number; tax: number; total: number }

export function lineTotal(line: PricedLine): number {
  return line.quantity * line.unit_amount - line.discount + line.tax
}

/** What lines come to. */
export function sumsOf(lines: readonly PricedLine[]): Sums {
  const sums = { subtotal: 0, discount: 0, tax: 0, total: 0 }
  for (const line of lines) {
    sums.subtotal += line.quantity * line.unit_amount
    sums.discount += line.discount
    sums.tax += line.tax
    sums.total += lineTotal(line)
  }
  return sums
}
