/** The time, as an argument: the program asks the platform's clock, so that tests can move it. */

export type Clock = {
  /** The present moment. */
  now(): Date
  /** Moves the clock forward by an ISO 8601 duration such as P1M or PT90S; only a test clock can. */
  advance: ((duration: string) => Date) | null
}

export const systemClock: Clock = { now: () => new Date(), advance: null }

/** A clock that runs with the system's, plus whatever it was advanced by. For MAILWRIGHT_TEST_CLOCK. */
export function createTestClock(): Clock {
  let offsetMs = 0
  const now = (): Date => new Date(Date.now() + offsetMs)
  const advance = (duration: string): Date => {
    const later = addDuration(now(), duration)
    offsetMs = later.getTime() - Date.now()
    return later
  }
  return { now, advance }
}

/** Whole seconds until a moment, at least one: what Retry-After says of it (RFC 9110 §10.2.3). */
export function secondsUntil(at: Date, now: Date): number {
  return Math.max(1, Math.ceil((at.getTime() - now.getTime()) / 1000))
}

// ISO 8601 §5.5.2, without fractions: they have no meaning for months.
const durationPattern =
  /^P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$/

export function isDuration(text: string): boolean {
  return durationPattern.test(text)
}

/**
 * Adds an ISO 8601 duration in UTC. A month added to the 31st ends on the last day of a shorter month.
 * @throws RangeError when the text is no duration, or the year would have five digits.
 */
export function addDuration(from: Date, duration: string): Date {
  const match = durationPattern.exec(duration)
  if (!match) throw new RangeError(`"${duration}" is not an ISO 8601 duration`)
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0))
  const result = new Date(from)
  const day = result.getUTCDate()
  result.setUTCDate(1)
  result.setUTCMonth(result.getUTCMonth() + years * 12 + months)
  const lastDay = new Date(Date.UTC(result.getUTCFullYear(), result.getUTCMonth() + 1, 0)).getUTCDate()
  result.setUTCDate(Math.min(day, lastDay))
  const restSeconds = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
  const later = new Date(result.getTime() + restSeconds * 1000)
  if (!(later.getTime() < endOfTimeMs)) throw new RangeError(`${duration} leads past the year 9999`)
  return later
}

// ISO 8601 has four digits for a year, and so have the parsers of clients.
const endOfTimeMs = Date.UTC(10_000, 0)
