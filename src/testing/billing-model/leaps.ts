/** How far the clock moves between what happens. */
import type { Account } from './account.ts'
import type { Dice } from './actions.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Minutes or months; often to where the period of something ends, or just before. */
export function leapOf({ now, accounts }: { now: number; accounts: readonly Account[] }, dice: Dice): number {
  const kind = dice.below(10)
  if (kind === 0) return (1 + dice.below(600)) * minuteMs
  if (kind < 4) {
    const account = dice.pick(accounts)
    const ends = [...(account?.mailboxes.values() ?? []), ...(account?.subscriptions.values() ?? [])].flatMap(
      ({ end }) => (end !== null && end > now + 1 ? [end] : []),
    )
    const end = dice.pick(ends)
    if (end !== undefined && end - now < 70 * dayMs) return end - now - (dice.oneIn(3) ? 1 : 0)
  }
  if (kind < 5) return (1 + dice.below(8)) * dayMs
  if (kind < 7) return (20 + dice.below(15)) * dayMs
  return (40 + dice.below(120)) * dayMs
}
