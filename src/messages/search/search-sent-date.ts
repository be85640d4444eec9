/** The day in a Date field (RFC 5322 §3.3, §4.3), disregarding time and zone as SEARCH wants it (RFC 9051 §6.4.4). */

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** A longer field is no date. */
const fieldCharsMax = 200
const comment = /\([^()]*\)/g

/** RFC 5322: `Mon, 2 Jan 2006 15:04:05 -0700`. Dashes and full month names are seen too. */
const dayMonthYear = /(?:^|[\s,])(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s,.-]+(\d{2,4})(?!\d|:)/i
/** asctime: `Mon Jan  2 15:04:05 2006`, and `Jan 2, 2006`. */
const monthDayYear = /(?:^|[\s,])([a-z]{3})[a-z]*[\s.]+(\d{1,2})[\s,][^-]*?(?<![\d+-])(\d{4})(?!\d)/i
/** ISO 8601. */
const yearMonthDay = /(?:^|\s)(\d{4})-(\d{2})-(\d{2})(?!\d)/

/** @returns the day as `2006-01-02`, or null when the field has none that exists. */
export function sentDay(field: string): string | null {
  if (field.length > fieldCharsMax) return null
  const text = field.replace(comment, ' ')
  const [, day, month, year] = dayMonthYear.exec(text) ?? []
  if (day && month && year) return isoDay(fullYear(year), monthNumber(month), Number(day))
  const [, asctimeMonth, asctimeDay, asctimeYear] = monthDayYear.exec(text) ?? []
  if (asctimeMonth && asctimeDay && asctimeYear) {
    return isoDay(Number(asctimeYear), monthNumber(asctimeMonth), Number(asctimeDay))
  }
  const [, isoYear, isoMonth, isoDate] = yearMonthDay.exec(text) ?? []
  return isoYear ? isoDay(Number(isoYear), Number(isoMonth), Number(isoDate)) : null
}

function monthNumber(name: string): number {
  return months.indexOf(name.toLowerCase()) + 1
}

/** RFC 5322 §4.3: two digits up to 49 are of this century, others and three digits count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length === 4) return year
  return digits.length === 2 && year < 50 ? 2000 + year : 1900 + year
}

function isoDay(year: number, month: number, day: number): string | null {
  const two = (value: number): string => String(value).padStart(2, '0')
  const iso = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
  const at = Date.parse(`${iso}T00:00:00Z`)
  // 31 February rolls over into March, which shows when it is written again.
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(iso) ? iso : null
}
