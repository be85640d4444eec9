/** date and date-time of RFC 9051 §9. */
import type { Reader } from './reader.ts'

/** A day without time or zone, as `2026-02-28`: it sorts as text. */
export type CalendarDate = string

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const datePattern = /(\d{1,2})-([A-Za-z]{3})-(\d{4})/y
const dateTimePattern = /"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"/y

/** date = date-text / DQUOTE date-text DQUOTE */
export function readDate(reader: Reader): CalendarDate {
  const quoted = reader.skip('"')
  const found = reader.match(datePattern) ?? reader.fail('Expected a date')
  if (quoted) reader.expect('"')
  const [, day = '', month = '', year = ''] = found
  return toIsoDay(Number(year), monthNumber(month), Number(day)) ?? reader.fail('No such day')
}

/** date-time: an instant. The zone is applied and forgotten. */
export function readDateTime(reader: Reader): Date {
  const found = reader.match(dateTimePattern) ?? reader.fail('Expected a date-time')
  const [, day = '', month = '', year = '', hour = '', minute = '', second = ''] = found
  const isoDay = toIsoDay(Number(year), monthNumber(month), Number(day)) ?? reader.fail('No such day')
  const [, , , , , , , sign = '', zoneHour = '', zoneMinute = ''] = found
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) reader.fail('No such time')
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) reader.fail('No such zone')
  const zoneMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000 * (sign === '-' ? -1 : 1)
  // The seconds are added apart: 60 is a leap second (RFC 5322 §3.3), which Date.parse refuses.
  const startOfMinute = Date.parse(`${isoDay}T${hour}:${minute}:00Z`)
  return new Date(startOfMinute + Number(second) * 1000 - zoneMs)
}

/** INTERNALDATE and APPEND's date-time, quotes included. Fractions of a second are dropped. */
export function encodeDateTime(at: Date, zoneMinutes = 0): string {
  const local = new Date(at.getTime() + zoneMinutes * 60_000)
  const zone = Math.abs(zoneMinutes)
  const day = String(local.getUTCDate()).padStart(2, ' ')
  const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`
  const sign = zoneMinutes < 0 ? '-' : '+'
  const offset = `${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}`
  return `"${day}-${months[local.getUTCMonth()]}-${fourDigitYear(local)} ${time} ${offset}"`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

function fourDigitYear(local: Date): string {
  return String(local.getUTCFullYear()).padStart(4, '0')
}

/** 1 to 12, or 0 for no month. */
function monthNumber(name: string): number {
  return months.findIndex((month) => month.toLowerCase() === name.toLowerCase()) + 1
}

function toIsoDay(year: number, month: number, day: number): CalendarDate | null {
  const iso = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
  // Date.parse rolls 31 February over into March, which shows when it is written again.
  const parsed = Date.parse(`${iso}T00:00:00Z`)
  return !Number.isNaN(parsed) && new Date(parsed).toISOString().startsWith(iso) ? iso : null
}
