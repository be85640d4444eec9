/** What happens in a history: each a call of the core in a transaction of its own, or of the API. */

import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { randomNumbers } from '../random-numbers.ts'
import type { Account, View } from './account.ts'

export type Action = {
  /** For whoever reads of a failure. */
  text: string
  /** Whether it can cost something: then its preview is compared with its invoice. */
  costs: boolean
  /** @returns of its items, in their order, why each was refused; null: it was not. */
  core(platform: Platform, tx: Tx): Promise<readonly (string | null)[]>
  /** null: the API's callers have no call for it. */
  api: { method: string; path: string; body?: object; isOperator?: boolean } | null
  /** Why the model refuses it; null: it does not. */
  refusal(): string | null
  /** The same of its items. */
  items?(): readonly (string | null)[]
  /** Whether a trial, in which everything due is paid, may end otherwise where the wallet has too little. */
  isOtherInTrial?: boolean
  /** What the model learns when it worked. */
  learn?(): void
}

export type Dice = {
  /** From 0 to below `count`. */
  below(count: number): number
  oneIn(count: number): boolean
  pick<T>(list: readonly T[]): T | undefined
}

/** The same for the same numbers, whatever else happens: so a history can be repeated with some of it left out. */
export function diceOf(seed: number, index: number, round: number): Dice {
  const below = randomNumbers(mixed(seed, index, round))
  return {
    below,
    oneIn: (count) => below(count) === 0,
    pick: (list) => list[below(list.length)],
  }
}

function mixed(...numbers: readonly number[]): number {
  let hash = 0x811c9dc5
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash ^= hash >>> 12
  }
  return hash >>> 0
}

/** @returns null when there is nothing that it could be done with. */
export type Plan = (view: View, account: Account, dice: Dice) => Action | null

export type WeightedPlans = readonly (readonly [weight: number, plan: Plan])[]

export function chooseAction(plans: WeightedPlans, view: View, dice: Dice): Action | null {
  const total = plans.reduce((sum, [weight]) => sum + weight, 0)
  for (let tries = 0; tries < 4; tries++) {
    let left = dice.below(total)
    for (const [weight, plan] of plans) {
      left -= weight
      if (left >= 0) continue
      const action = plan(view, view.account, dice)
      if (action !== null) return action
      break
    }
  }
  return null
}
