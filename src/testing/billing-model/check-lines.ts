/** Lines of invoices beside what the model reckons for them. */
import assert from 'node:assert/strict'
import type { Account, Held, Shared } from './account.ts'
import { remember } from './invoices.ts'
import { reckon } from './money.ts'
import type { SeenLine, SeenMailbox } from './observe.ts'
import { type Priced, priceAt } from './prices.ts'
import { ratesAt } from './units.ts'

/**
 * What has happened since the last look, at one moment: calls, one of each history at most; the queue of jobs that they
 * have left, as where money came; or the jobs that look what is due.
 */
export type Phase = 'calls' | 'queue' | 'due jobs'

/** A look, and what the model knows of what came before. */
export type Look = {
  shared: Shared
  account: Account
  /** The moment of all that happened since the last look. */
  now: number
  phase: Phase
  /** In which order the jobs came that pay for what is due; null: at once. */
  jobs: 'plans first' | 'mailboxes first' | null
  /** Whether money has come, and what waits for it has been tried. */
  isSettled: boolean
  /** By which counts of units a mailbox's price may go: one, but where jobs ran at once. */
  counts(mailbox: SeenMailbox): readonly number[]
  /** What was billed since, by its subject; what is taken out has been looked at. */
  lines: Map<string | null, SeenLine[]>
  /** What was paid for mailboxes, in the order in which the money goes. */
  paid: (Turn & { total: bigint })[]
}

/**
 * When it is a mailbox's turn to be paid: by groups, in a group one period of each and then the next of each, and in that by
 * what ended first. Of equals nobody says which is first.
 */
export type Turn = { group: number; round: number; key: number; id: string | null }

export function isAfter(one: Turn, other: Turn): boolean {
  if (one.group !== other.group) return one.group > other.group
  if (one.round !== other.round) return one.round > other.round
  if (one.key !== other.key) return one.key > other.key
  return one.id !== null && other.id !== null && one.id > other.id
}

/** What a unit may cost at a moment, for each count of units that there may have been. */
export function pricesFor(
  { shared, account }: Look,
  priced: Priced,
  at: number,
  counts: readonly number[],
): (bigint | null)[] {
  const amounts = new Set<bigint | null>()
  for (const count of counts)
    amounts.add(priceAt(shared.rules, account.scope.workspaceId, priced, at, Math.max(1, count)))
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
export function checkLine(look: Look, line: SeenLine, expected: Expected): void {
  const { account } = look
  assert.deepEqual(
    [line.kind, line.item, line.quantity, line.start, line.end, line.invoice_kind],
    [expected.kind, expected.item, expected.quantity, expected.start, expected.end, 'invoice'],
    `what is billed: ${JSON.stringify(line)}`,
  )
  const unitAmount = BigInt(line.unit_amount)
  if (!expected.unitAmounts.includes(unitAmount))
    assert.fail(`a price of ${expected.unitAmounts.join(' or ')}: ${JSON.stringify(line)}`)
  const rates = expected.rates ?? ratesAt(look, expected.item, expected.start)
  const { amount, discount, tax, total } = reckon(expected.quantity, unitAmount, rates)
  const seen = [line.amount, line.discount, line.tax, line.tax_rate].map(BigInt)
  const reckoned = [amount, discount, tax, BigInt(rates.taxBasisPoints)]
  if (seen.some((value, at) => value !== reckoned[at]))
    assert.fail(`what it comes to, ${reckoned.join(' ')}: ${JSON.stringify(line)}`)
  account.invoiced += total
  remember(account, line)
}

/** Takes the lines of a subject out of the look. */
export function takeLines({ lines }: Look, subjectId: string): SeenLine[] {
  const found = lines.get(subjectId) ?? []
  lines.delete(subjectId)
  return found.sort((a, b) => (a.start ?? 0) - (b.start ?? 0))
}

/** What a unit would come to when it begins at a moment. */
export function costOf(look: Look, unitAmount: bigint, start: number): bigint {
  return reckon(1, unitAmount, ratesAt(look, 'mailbox', start)).total
}

export function lineTotal({ amount, discount, tax }: SeenLine): bigint {
  return BigInt(amount) - BigInt(discount) + BigInt(tax)
}
