/**
 * The model's own calendar of UTC, reckoned in days since 1970 and not by Date, so that a mistake there is not made here
 * again. Moments are milliseconds since 1970.
 */
const dayMs = 86_400_000

export type Day = { year: number /** 1 to 12. */; month: number; day: number }

export function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

export function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Days from 1970-01-01 to the first of January of a year. */
function daysBeforeYear(year: number): number {
  const before = year - 1
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
  return before * 365 + leapDays - 719_162
}

export function dayOf(moment: number): Day {
  let left = Math.floor(moment / dayMs)
  let year = 1970 + Math.floor(left / 366)
  while (daysBeforeYear(year + 1) <= left) year++
  left -= daysBeforeYear(year)
  let month = 1
  for (; left >= daysIn(year, month); month++) left -= daysIn(year, month)
  return { year, month, day: left + 1 }
}

export function momentOf({ year, month, day }: Day): number {
  let days = daysBeforeYear(year) + day - 1
  for (let before = 1; before < month; before++) days += daysIn(year, before)
  return days * dayMs
}

export type Period = 'monthly' | 'yearly'

/** The end of a period that begins at `from`: on the anchor's day and at its time, or on the month's last day. */
export function endOf(anchor: number, period: Period, from: number): number {
  const start = dayOf(from)
  const months = start.month - 1 + (period === 'yearly' ? 12 : 1)
  const [year, month] = [start.year + Math.floor(months / 12), (months % 12) + 1]
  const day = Math.min(dayOf(anchor).day, daysIn(year, month))
  return momentOf({ year, month, day }) + (anchor - momentOf(dayOf(anchor)))
}
