/**
 * Bounds of a list in time: a bare date is that calendar day in the zone, a time without an offset is read in the zone,
 * and one with an offset is exact.
 */
import { Refusal } from '../../platform/errors.ts'

export type AskedBounds = { start_datetime?: string; end_datetime?: string; tz?: string }

/** `until` is not included. @throws Refusal invalid_request for what is no time, or no zone. */
export function boundsOf({ start_datetime: start, end_datetime: end, tz = 'UTC' }: AskedBounds): {
  since: Date | null
  until: Date | null
} {
  const zone = zoneOf(tz)
  return {
    since: start === undefined ? null : boundOf(start, zone, '/start_datetime', 'start'),
    until: end === undefined ? null : boundOf(end, zone, '/end_datetime', 'end'),
  }
}

function zoneOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US-u-ca-iso8601-hc-h23', {
      timeZone: name,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    throw wrong('/tz', 'is no time zone')
  }
}

const form =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

/** An end is the first moment that is not wanted any more. */
function boundOf(text: string, zone: Intl.DateTimeFormat, pointer: string, which: 'start' | 'end'): Date {
  const match = form.exec(text.trim())
  if (match === null) throw wrong(pointer, 'is no date or time (ISO 8601)')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number.parseFloat)
  const isDate = match[4] === undefined
  const milliseconds = Number(`0.${match[7] ?? '0'}`) * 1000
  const isDayAfter = isDate && which === 'end'
  const clockMs = Date.UTC(
    year,
    month - 1,
    day + (isDayAfter ? 1 : 0),
    hour || 0,
    minute || 0,
    second || 0,
    Math.floor(milliseconds),
  )
  const isReal = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day && month >= 1 && month <= 12
  if (!isReal || (hour || 0) > 24 || (minute || 0) > 59 || (second || 0) > 60)
    throw wrong(pointer, 'is no date or time')
  const at = match[8] === undefined ? momentIn(zone, clockMs) : clockMs - offsetMs(match[8])
  return new Date(!isDate && which === 'end' ? at + 1 : at)
}

function offsetMs(text: string): number {
  if (/^z$/i.test(text)) return 0
  const hours = Number(text.slice(1, 3))
  const minutes = Number(text.slice(3).replace(':', '') || '0')
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** When the zone's clocks show this; of a time that they skip or show twice, one that is near. */
function momentIn(zone: Intl.DateTimeFormat, clockMs: number): number {
  const first = clockMs - offsetAt(zone, clockMs)
  return clockMs - offsetAt(zone, first)
}

/** What the zone's clocks are ahead of UTC at a moment. */
function offsetAt(zone: Intl.DateTimeFormat, at: number): number {
  const parts = new Map(zone.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const get = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
  const shown = Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute'), get('second'))
  return shown - Math.floor(at / 1000) * 1000
}

function wrong(pointer: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
}
