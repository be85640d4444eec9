/** Bounds of a list in time: days and moments, in zones and with offsets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { boundsOf } from './time-bounds.ts'

const start: [text: string, tz: string | undefined, want: string][] = [
  ['2026-11-02', undefined, '2026-11-02T00:00:00.000Z'],
  ['2026-11-02', 'Europe/Berlin', '2026-11-01T23:00:00.000Z'],
  ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'],
  ['2026-11-02', 'Asia/Kolkata', '2026-11-01T18:30:00.000Z'],
  ['2026-11-02', 'America/New_York', '2026-11-02T05:00:00.000Z'],
  ['2026-11-02T10:11', 'America/New_York', '2026-11-02T15:11:00.000Z'],
  ['2026-11-02 10:11:12', undefined, '2026-11-02T10:11:12.000Z'],
  ['2026-11-02T10:11:12,5', undefined, '2026-11-02T10:11:12.500Z'],
  ['2026-11-02T10:11:12.123987Z', 'Asia/Kolkata', '2026-11-02T10:11:12.123Z'],
  ['2026-11-02t10:11:12z', 'Asia/Kolkata', '2026-11-02T10:11:12.000Z'],
  ['2026-11-02T10:11:12+02:00', 'Asia/Kolkata', '2026-11-02T08:11:12.000Z'],
  ['2026-11-02T10:11:12-0530', undefined, '2026-11-02T15:41:12.000Z'],
  ['2026-11-02T10:11+05', undefined, '2026-11-02T05:11:00.000Z'],
  ['  2026-11-02 ', undefined, '2026-11-02T00:00:00.000Z'],
  ['2026-11-02T24:00', undefined, '2026-11-03T00:00:00.000Z'],
  ['2024-02-29', undefined, '2024-02-29T00:00:00.000Z'],
]

test('a start is the first moment that is wanted', () => {
  for (const [text, tz, want] of start) {
    const { since, until } = boundsOf({ start_datetime: text, ...(tz === undefined ? {} : { tz }) })
    assert.deepEqual([since?.toISOString(), until], [want, null], `${text} ${tz}`)
  }
  assert.deepEqual(boundsOf({}), { since: null, until: null })
})

const end: [text: string, tz: string, want: string][] = [
  ['2026-11-02', 'UTC', '2026-11-03T00:00:00.000Z'],
  ['2026-12-31', 'UTC', '2027-01-01T00:00:00.000Z'],
  ['2026-11-02', 'Europe/Berlin', '2026-11-02T23:00:00.000Z'],
  ['2026-03-29', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'], // 23 hours
  ['2026-10-25', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'], // 25 hours
  ['2026-11-02T10:11:12Z', 'UTC', '2026-11-02T10:11:12.001Z'],
]

test('an end is the first moment that is not wanted any more: of a day, the next day', () => {
  for (const [text, tz, want] of end) {
    assert.equal(boundsOf({ end_datetime: text, tz }).until?.toISOString(), want, `${text} ${tz}`)
  }
})

test('every day of a zone ends where the next begins, after 23 to 25 hours', () => {
  const zone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
  )
  const day = fc.integer({ min: 0, max: 25_000 }).map((days) => new Date(days * 86_400_000))
  fc.assert(
    fc.property(zone, day, (tz, date) => {
      const text = (at: Date): string => at.toISOString().slice(0, 10)
      const { since, until } = boundsOf({ start_datetime: text(date), end_datetime: text(date), tz })
      const next = boundsOf({ start_datetime: text(new Date(date.getTime() + 86_400_000)), tz })
      assert.deepEqual(until, next.since)
      const hours = (Number(until) - Number(since)) / 3_600_000
      assert.ok(hours >= 23 && hours <= 25, `${hours} hours`)
    }),
  )
})

test('a time that the clocks skip is read as one that is near', () => {
  const { since } = boundsOf({ start_datetime: '2026-03-29T02:30', tz: 'Europe/Berlin' })
  assert.ok(Math.abs(Number(since) - Date.UTC(2026, 2, 29, 1)) <= 1_800_000, since?.toISOString())
})

test('every millisecond is read exactly', () => {
  for (let ms = 0; ms < 1000; ms++) {
    const text = `2026-11-02T10:11:12.${String(ms).padStart(3, '0')}Z`
    assert.equal(boundsOf({ start_datetime: text }).since?.toISOString(), text)
  }
})

test('what is no time, or no zone, is refused where it stands', () => {
  const texts = ['', 'yesterday', '2026-1-2', '2026-02-30', '2026-13-01', '2026-00-10', '2026-11-02T25:00']
  const times = ['2026-11-02T10:60', '2026-11-02T10:11:61', '2026-11-02T10', '2026-11-02T10:11+1', '20261102']
  for (const text of [...texts, ...times]) {
    for (const name of ['start_datetime', 'end_datetime'] as const) {
      assert.throws(() => boundsOf({ [name]: text }), refusalAt(`/${name}`), text)
    }
  }
  assert.throws(() => boundsOf({ start_datetime: '2026-11-02', tz: 'Mars/Base' }), refusalAt('/tz'))
})

function refusalAt(pointer: string) {
  return (error: unknown): boolean =>
    error instanceof Error && 'fields' in error && JSON.stringify(error.fields).includes(`"${pointer}"`)
}
