/** How much an automatic top-up is. A pure rule; amounts are in minor units. */
import type { AutoTopUp } from './auto-settings.ts'

export type Shortage = {
  balance: number
  /** What is missing for what is due; 0: nothing. */
  lack: number
  /** What the caps of the day and the month leave. */
  room: number
}

/**
 * The configured amount, or as many of it as cover the lack and have room; up to a target at least what is missing to it,
 * and no less than from the threshold to the target.
 * @returns null where the customer's own caps have no room for it.
 */
export function automaticAmount(
  { amount, target, threshold }: Pick<AutoTopUp, 'amount' | 'target' | 'threshold'>,
  { balance, lack, room }: Shortage,
): number | null {
  if (amount !== null) {
    const times = Math.min(Math.max(1, Math.ceil(lack / amount)), Math.floor(room / amount))
    return times < 1 ? null : times * amount
  }
  const missing = (target ?? 0) - balance
  const wanted = lack === 0 ? missing : Math.max(missing, lack, (target ?? 0) - threshold)
  if (wanted <= room) return wanted
  // A part of what is due is better than nothing, but no less than the customer has agreed to.
  return lack > 0 && room >= (target ?? 0) - threshold ? room : null
}
