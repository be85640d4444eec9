/** Lines of invoices beside what the model reckons for them. */
import assert from 'node:assert/strict'
import type { Account, Held, Shared } from './account.ts'
import { reckon } from './money.ts'
import type { SeenLine, SeenMailbox } from './observe.ts'
import { discountAt, type Priced, priceAt } from './prices.ts'

/** A look, and what the model knows of what came before. */
export type Look = {
  shared: Shared
  account: Account
  /** The moment of all that happened since the last look. */
  now: number
  /** Whether the jobs that look what is due have run at this moment. */
  isAfterJobs: boolean
  /** Whether money has come, and what waits for it has been tried. */
  isSettled: boolean
  /** How many units of a mailbox's kind there may have been since the last look. */
  counts(mailbox: SeenMailbox): [from: number, to: number]
  /** What was billed since, by its subject; what is taken out has been looked at. */
  lines: Map<string | null, SeenLine[]>
}

/** What a unit may cost at a moment, for each count of units that there may have been. */
export function pricesFor(
  { shared, account }: Look,
  priced: Priced,
  at: number,
  counts: readonly [from: number, to: number],
): (bigint | null)[] {
  const [from, to] = counts
  const amounts = new Set<bigint | null>()
  for (let count = Math.max(1, from); count <= Math.max(1, to); count++) {
    amounts.add(priceAt(shared.rules, account.scope.workspaceId, priced, at, count))
  }
  return [...amounts]
}

export type Expected = {
  kind: string
  item: 'mailbox' | 'plan' | 'plan_slot'
  quantity: number
  /** One of these. */
  unitAmounts: readonly (bigint | null)[]
  start: number
  end: number
  /** Where it is not what holds now: of what was put aside before, or what is given back. */
  rates?: Pick<Held, 'discountBasisPoints' | 'taxBasisPoints'>
}

/** A line is what is expected; what it comes to is charged in the model's books. */
export function checkLine({ account }: Look, line: SeenLine, expected: Expected): void {
  const what = JSON.stringify(line)
  assert.deepEqual(
    [line.kind, line.item, line.quantity, line.start, line.end, line.invoice_kind],
    [expected.kind, expected.item, expected.quantity, expected.start, expected.end, 'invoice'],
    what,
  )
  const unitAmount = BigInt(line.unit_amount)
  assert.ok(
    expected.unitAmounts.includes(unitAmount),
    `a price of ${expected.unitAmounts.join(' or ')}: ${what}`,
  )
  const rates = expected.rates ?? {
    discountBasisPoints: discountAt(account.coupons, expected.item, expected.start),
    taxBasisPoints: account.taxBasisPoints,
  }
  const { amount, discount, tax, total } = reckon(expected.quantity, unitAmount, rates)
  assert.deepEqual(
    [line.amount, line.discount, line.tax, line.tax_rate].map(BigInt),
    [amount, discount, tax, BigInt(rates.taxBasisPoints)],
    what,
  )
  account.charged += total
}

/** Takes the lines of a subject out of the look. */
export function takeLines({ lines }: Look, subjectId: string): SeenLine[] {
  const found = lines.get(subjectId) ?? []
  lines.delete(subjectId)
  return found.sort((a, b) => (a.start ?? 0) - (b.start ?? 0))
}

/** What a line would come to now. */
export function costOf(
  { account }: Look,
  item: string,
  quantity: number,
  unitAmount: bigint,
  start: number,
): bigint {
  return reckon(quantity, unitAmount, {
    discountBasisPoints: discountAt(account.coupons, item, start),
    taxBasisPoints: account.taxBasisPoints,
  }).total
}
