/**
 * What a transaction has charged. A preview runs the real work in a transaction that is rolled back (a trial), and shows
 * what this adds up to: so a preview is the invoice, before it is written.
 */
import { type Tx, transaction } from '../platform/database.ts'
import type { Money } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'

export type Tally = {
  /** Bills and holds together, by currency. */
  amounts: Map<string, number>
  /** What a wallet has too little for all of it: by how much. */
  shortfalls: Money[]
}

const tallies = new WeakMap<Tx, Tally>()

/** Says of a transaction that it will be rolled back: a wallet that has too little does not stop it. */
function beginTrial(tx: Tx): void {
  tallies.set(tx, { amounts: new Map(), shortfalls: [] })
}

/**
 * Runs `work` in a transaction and takes everything back: rows, events, jobs.
 * @returns what the work returned.
 * @throws Refusal whatever the real call would refuse with.
 */
export async function tryOut<T>(platform: Platform, work: (tx: Tx) => Promise<T>): Promise<T> {
  const takeBack = new Error('a preview is rolled back')
  const results: T[] = []
  try {
    await transaction(platform.db, async (tx) => {
      beginTrial(tx)
      results.push(await work(tx))
      throw takeBack
    })
  } catch (error) {
    if (error !== takeBack) throw error
  }
  for (const result of results) return result
  throw new Error('a preview ended without a result')
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
