/**
 * When the next call may start: a leaky bucket as a meter, kept as one moment (GCRA, ITU-T I.371), so that it fits into a
 * column and the next run goes on where this one ended.
 */
import type { CallLimits } from '../driver.ts'

const minuteMs = 60_000
/** Of a minute's calls so many may come at once, as who is late for a moment makes up for it. */
const burstShare = 0.03
/** So much longer may one call be on its way than another: the tool counts them when they arrive. */
const jitterMs = 1000

export type Pace = {
  /** In milliseconds from the same zero as `now`. */
  nextAt(adds: boolean): number
  /** Also for calls that add. What a later Pace is to be given. */
  nextOfAllAt(): number
  started(now: number): void
  ended(now: number, adds: boolean): void
}

/**
 * In no minute there start more than `perMinute` calls, nor do more arrive, and with always something to call at least
 * 95 % of them do.
 * @param nextAt what a former Pace said at its end; null: there was none.
 */
export function createPace(limits: CallLimits, now: number, nextAt: number | null): Pace {
  const { perMinute, spacingMs, addSpacingMs } = limits
  const extra = Math.floor(perMinute * burstShare)
  // Rounded up: as many intervals as there are calls must not be shorter than a minute by what a float leaves out.
  const intervalMs = Math.ceil(((minuteMs + jitterMs) / (perMinute - extra)) * 1e6) / 1e6
  const toleranceMs = extra * intervalMs
  // A moment further away than any of these limits asks for was written by another clock.
  const waitMsMax = Math.max(intervalMs, spacingMs, addSpacingMs)
  // Without any burst this would be when the next call may start.
  let dueAt = nextAt === null ? now : Math.min(nextAt, now + waitMsMax) + toleranceMs
  let spacedAt = Number.NEGATIVE_INFINITY
  let addSpacedAt = Number.NEGATIVE_INFINITY
  const next = (): number => Math.max(dueAt - toleranceMs, spacedAt)
  return {
    nextAt: (adds) => (adds ? Math.max(next(), addSpacedAt) : next()),
    nextOfAllAt: () => Math.max(next(), addSpacedAt),
    started(at) {
      dueAt = Math.max(dueAt, at) + intervalMs
      spacedAt = at + spacingMs
    },
    ended(at, adds) {
      if (adds) addSpacedAt = at + addSpacingMs
    },
  }
}
