/** Periods that are paid one behind the other: none before the one that comes first. */
import type { Tx } from '../platform/database.ts'
import { type BillLine, priceLine, sumsOf } from './amounts.ts'
import { spendable } from './bills.ts'
import type { Payer } from './payers.ts'

/**
 * How many of these the payer has enough for, each whole and in their order; what is free is always paid.
 * @param periods the lines of each.
 */
export function payableInOrder(tx: Tx, payer: Payer, periods: readonly (readonly BillLine[])[]): number {
  let left = spendable(tx, payer)
  for (const [index, lines] of periods.entries()) {
    const { total } = sumsOf(lines.map((line) => priceLine(payer, line)))
    if (total > 0 && total > left) return index
    left -= total
  }
  return periods.length
}
