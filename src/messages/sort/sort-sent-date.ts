/** The sent date of RFC 5256 §2.2: the instant in a Date field (RFC 5322 §3.3, §4.3). */
import { sentDay } from '../search/search-sent-date.ts'

const comment = /\([^()]*\)/g
const timeAndZone =
  /(?:^|[\sT,])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.,]\d+)?\s*(?:([+-])(\d{2}):?(\d{2})(?!\d)|([a-z]+))?/i

/** RFC 5322 §4.3. Zones of one letter were used wrongly and count as UTC. */
const zoneHours = new Map([
  ['EST', -5],
  ['EDT', -4],
  ['CST', -6],
  ['CDT', -5],
  ['MST', -7],
  ['MDT', -6],
  ['PST', -8],
  ['PDT', -7],
])

/** @returns milliseconds since 1970, or null when the field has no date. A zone or time that is none counts as zero. */
export function sentTime(field: string | null): number | null {
  const day = field === null ? null : sentDay(field)
  if (field === null || day === null) return null
  const startOfDayMs = Date.parse(`${day}T00:00:00Z`)
  const found = timeAndZone.exec(field.replace(comment, ' '))
  if (found === null) return startOfDayMs
  const [, hour, minute, second = '0'] = found
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return startOfDayMs
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  return startOfDayMs + (seconds - zoneSeconds(found)) * 1000
}

function zoneSeconds(found: RegExpExecArray): number {
  const [, , , , sign, hours, minutes, name] = found
  if (sign === undefined) return (zoneHours.get(name?.toUpperCase() ?? '') ?? 0) * 3600
  if (Number(minutes) > 59) return 0
  return (Number(hours) * 3600 + Number(minutes) * 60) * (sign === '-' ? -1 : 1)
}
