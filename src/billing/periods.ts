/**
 * Periods: for how long a mailbox or a plan is paid at a time, counted in the calendar of UTC. What a period costs is said elsewhere;
 * here it is time alone.
 */
import type { Period } from './tables.ts'

export const periods = ['monthly', 'yearly'] as const satisfies readonly Period[]

const monthsOf: Readonly<Record<Period, number>> = { monthly: 1, yearly: 12 }

/**
 * The end of the period that begins at `from`. It falls on the anchor's day of the month and time of day; in a month that
 * has no such day, on its last one: a mailbox of 31 January ends on 28 February, and then on 31 March.
 * @param anchor when the first period began.
 * @param from the anchor itself, or the end of a period before.
 */
export function periodAfter(anchor: Date, period: Period, from: Date): Date {
  return endAfter(anchor, from, monthsOf[period])
}

/** The start of the period that ends at `endsAt`. */
export function periodBefore(anchor: Date, period: Period, endsAt: Date): Date {
  const startsAt = endAfter(anchor, endsAt, -monthsOf[period])
  return startsAt < anchor ? anchor : startsAt
}

/**
 * The period that runs at `now`, when those since `from` are over: one or, after a long stand-still, several at once.
 * @param from the end of the last known period, not after `now`.
 * @returns the first end after `now`, and how many periods it is away from `from`.
 */
export function runningPeriod(
  anchor: Date,
  period: Period,
  from: Date,
  now: Date,
): { endsAt: Date; periods: number } {
  const months = monthsOf[period]
  const periods = Math.max(1, Math.floor((monthOf(now) - monthOf(from)) / months))
  const endsAt = endAfter(anchor, from, periods * months)
  if (endsAt > now) return { endsAt, periods }
  return { endsAt: endAfter(anchor, from, (periods + 1) * months), periods: periods + 1 }
}

export type Span = { startsAt: Date; endsAt: Date }

/**
 * The periods since `from` that have begun at `now`, in their order: several where nobody looked for long.
 * @param from the end of the last known period; where it is later than `now`, there is none.
 */
export function periodsSince(
  anchor: Date,
  period: Period,
  from: Date,
  { now, max }: { now: Date; max: number },
): Span[] {
  const spans: Span[] = []
  for (let startsAt = from; startsAt <= now && spans.length < max; ) {
    const endsAt = periodAfter(anchor, period, startsAt)
    spans.push({ startsAt, endsAt })
    startsAt = endsAt
  }
  return spans
}

/** Months since the year 0. */
function monthOf(at: Date): number {
  return at.getUTCFullYear() * 12 + at.getUTCMonth()
}

function endAfter(anchor: Date, from: Date, months: number): Date {
  const month = monthOf(from) + months
  const [year, monthOfYear] = [Math.floor(month / 12), month % 12]
  const lastDay = new Date(Date.UTC(year, monthOfYear + 1, 0)).getUTCDate()
  const end = new Date(anchor)
  end.setUTCFullYear(year, monthOfYear, Math.min(anchor.getUTCDate(), lastDay))
  return end
}
