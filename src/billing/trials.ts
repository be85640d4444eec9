/**
 * What a transaction has charged. A preview runs the real work in a transaction that is rolled back (a trial), and shows
 * what this adds up to: so a preview is the invoice, before it is written.
 */
import type { Tx } from '../platform/database.ts'
import type { Money } from '../platform/money.ts'

export type Tally = {
  /** Bills and holds together, by currency. */
  amounts: Map<string, number>
  /** What a wallet has too little for all of it: by how much. */
  shortfalls: Money[]
}

const tallies = new WeakMap<Tx, Tally>()

/** Says of a transaction that it will be rolled back: a wallet that has too little does not stop it. */
export function beginTrial(tx: Tx): void {
  tallies.set(tx, { amounts: new Map(), shortfalls: [] })
}

/** @returns null outside a trial. */
export function tallyOf(tx: Tx): Tally | null {
  return tallies.get(tx) ?? null
}

/** Adds what was charged or put aside to the trial, if it is one; negative: what was put aside and is given back. */
export function countCharge(tx: Tx, { amount, currency }: Money): void {
  const amounts = tallies.get(tx)?.amounts
  amounts?.set(currency, (amounts.get(currency) ?? 0) + amount)
}

/** The same of money that a wallet does not have. */
export function countShortfall(tx: Tx, shortfall: Money): void {
  tallies.get(tx)?.shortfalls.push(shortfall)
}
