import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { periodAfter, runningPeriod } from './periods.ts'
import type { Period } from './tables.ts'

/** The ends of the first periods behind each other. */
function chain(anchor: string, periods: readonly Period[]): string[] {
  const start = new Date(anchor)
  let from = start
  return periods.map((period) => {
    from = periodAfter(start, period, from)
    return from.toISOString().replace(':00.000Z', '')
  })
}

const monthly = (count: number): Period[] => Array.from({ length: count }, () => 'monthly')
const yearly = (count: number): Period[] => Array.from({ length: count }, () => 'yearly')

const rows: [what: string, anchor: string, periods: Period[], ends: string[]][] = [
  ['the 31st', '2027-01-31T10:00Z', monthly(3), ['2027-02-28T10:00', '2027-03-31T10:00', '2027-04-30T10:00']],
  ['the 30th in a leap year', '2028-01-30T00:00Z', monthly(2), ['2028-02-29T00:00', '2028-03-30T00:00']],
  ['over the new year', '2026-12-15T23:59Z', monthly(2), ['2027-01-15T23:59', '2027-02-15T23:59']],
  [
    '29 February',
    '2024-02-29T08:00Z',
    yearly(4),
    ['2025-02-28T08:00', '2026-02-28T08:00', '2027-02-28T08:00', '2028-02-29T08:00'],
  ],
  [
    '2100 is no leap year',
    '2096-02-29T08:00Z',
    yearly(4),
    ['2097-02-28T08:00', '2098-02-28T08:00', '2099-02-28T08:00', '2100-02-28T08:00'],
  ],
  [
    'up after two months, down after a year',
    '2026-10-31T12:30Z',
    ['monthly', 'monthly', 'yearly', 'monthly', 'monthly'],
    ['2026-11-30T12:30', '2026-12-31T12:30', '2027-12-31T12:30', '2028-01-31T12:30', '2028-02-29T12:30'],
  ],
]
for (const [what, anchor, periods, ends] of rows) {
  test(`periods: ${what}`, () => assert.deepEqual(chain(anchor, periods), ends))
}

const moment = fc.date({
  min: new Date('2000-01-01T00:00:00Z'),
  max: new Date('2400-01-01T00:00:00Z'),
  noInvalidDate: true,
})
const anyPeriod = fc.constantFrom<Period>('monthly', 'yearly')
const lastDayOf = (at: Date): number =>
  new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate()

test('whatever periods follow each other, each ends its months later, on the anchor’s day or the last', () => {
  fc.assert(
    fc.property(moment, fc.array(anyPeriod, { minLength: 1, maxLength: 60 }), (anchor, periods) => {
      let from = anchor
      let months = 0
      for (const period of periods) {
        const end = periodAfter(anchor, period, from)
        months += period === 'yearly' ? 12 : 1
        const passed =
          (end.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + end.getUTCMonth() - anchor.getUTCMonth()
        assert.equal(passed, months)
        assert.equal(end.getUTCDate(), Math.min(anchor.getUTCDate(), lastDayOf(end)))
        assert.equal(end.getTime() % 86_400_000, anchor.getTime() % 86_400_000)
        assert.ok(end > from)
        from = end
      }
    }),
  )
})

test('a year is twelve months, wherever it begins', () => {
  fc.assert(
    fc.property(moment, fc.nat(30), (anchor, before) => {
      let from = anchor
      for (let n = 0; n < before; n++) from = periodAfter(anchor, 'monthly', from)
      let end = from
      for (let n = 0; n < 12; n++) end = periodAfter(anchor, 'monthly', end)
      assert.deepEqual(periodAfter(anchor, 'yearly', from), end)
    }),
  )
})

test('after a stand-still the period that runs is found in one step, as by going through all', () => {
  const forward = fc.integer({ min: 0, max: 20 * 366 * 86_400_000 })
  fc.assert(
    fc.property(moment, anyPeriod, fc.nat(12), forward, (anchor, period, before, ms) => {
      let from = anchor
      for (let n = 0; n < before; n++) from = periodAfter(anchor, 'monthly', from)
      const now = new Date(from.getTime() + ms)
      let endsAt = from
      let periods = 0
      while (endsAt <= now) {
        endsAt = periodAfter(anchor, period, endsAt)
        periods++
      }
      assert.deepEqual(runningPeriod(anchor, period, from, now), { endsAt, periods })
    }),
  )
})
