/** Months of UTC, as reports are asked for by them: `2026-01`. */
import { Refusal } from '../../platform/errors.ts'

const monthPattern = /^(2\d{3})-(0[1-9]|1[0-2])$/

/** As many as one report is of. */
export const monthsMax = 36

export type Range = { since: Date; until: Date }

/**
 * From the beginning of one month to the end of another.
 * @throws Refusal invalid_request for what is no month, for an end before the beginning, and for too many.
 */
export function monthRange(from: string, until: string): Range {
  const first = monthNumber(from)
  const last = monthNumber(until)
  if (last < first || last - first >= monthsMax) {
    throw new Refusal('invalid_request', `Ask for 1 to ${monthsMax} months, the first one first.`)
  }
  return { since: beginningOf(first), until: beginningOf(last + 1) }
}

/** Months since the year 0. */
function monthNumber(text: string): number {
  const [, year, month] = monthPattern.exec(text) ?? []
  if (year === undefined || month === undefined) {
    throw new Refusal('invalid_request', `"${text}" is no month such as 2026-01.`)
  }
  return Number(year) * 12 + Number(month) - 1
}

function beginningOf(month: number): Date {
  return new Date(Date.UTC(Math.floor(month / 12), month % 12, 1))
}
