import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addDuration, createTestClock, isDuration, systemClock } from './clock.ts'

const rows: [from: string, duration: string, want: string][] = [
  ['2026-01-15T10:20:30.456Z', 'P1M', '2026-02-15T10:20:30.456Z'],
  ['2026-01-31T00:00:00.000Z', 'P1M', '2026-02-28T00:00:00.000Z'],
  ['2024-01-31T00:00:00.000Z', 'P1M', '2024-02-29T00:00:00.000Z'],
  ['2026-01-31T00:00:00.000Z', 'P2M', '2026-03-31T00:00:00.000Z'],
  ['2026-03-31T23:59:59.999Z', 'P1M', '2026-04-30T23:59:59.999Z'],
  ['2026-12-31T00:00:00.000Z', 'P2M', '2027-02-28T00:00:00.000Z'],
  ['2024-02-29T00:00:00.000Z', 'P1Y', '2025-02-28T00:00:00.000Z'],
  ['2024-02-29T00:00:00.000Z', 'P4Y', '2028-02-29T00:00:00.000Z'],
  ['1999-02-28T00:00:00.000Z', 'P1Y', '2000-02-28T00:00:00.000Z'],
  ['2026-11-30T00:00:00.000Z', 'P13M', '2027-12-30T00:00:00.000Z'],
  ['2026-01-01T00:00:00.000Z', 'P2W', '2026-01-15T00:00:00.000Z'],
  ['2026-02-27T00:00:00.000Z', 'P2D', '2026-03-01T00:00:00.000Z'],
  ['2026-01-31T00:00:00.000Z', 'P1M1D', '2026-03-01T00:00:00.000Z'],
  ['2026-01-01T00:00:00.000Z', 'PT90S', '2026-01-01T00:01:30.000Z'],
  ['2026-01-01T00:00:00.000Z', 'PT36H', '2026-01-02T12:00:00.000Z'],
  ['2026-01-01T00:00:00.000Z', 'P1Y2M3W4DT5H6M7S', '2027-03-26T05:06:07.000Z'],
  ['2026-01-31T00:00:00.000Z', 'P0D', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31T00:00:00.000Z', 'PT0S', '2026-01-31T00:00:00.000Z'],
]
for (const [from, duration, want] of rows) {
  test(`${from} + ${duration}`, () => {
    assert.equal(addDuration(new Date(from), duration).toISOString(), want)
  })
}

const bad = [
  '',
  'P',
  'PT',
  'P1',
  '1M',
  'P1S',
  'PT1D',
  'P1DT',
  'P-1M',
  '-P1M',
  'P1.5M',
  'P1M1Y',
  'p1m',
  'P1M ',
  '\nP1M',
  'P99999Y',
]
for (const duration of bad) {
  test(`${JSON.stringify(duration)} is no duration`, () => {
    assert.equal(isDuration(duration), false)
    assert.throws(() => addDuration(new Date(), duration), RangeError)
  })
}

test('a moment past the year 9999 is refused', () => {
  assert.throws(() => addDuration(new Date('2026-01-01'), 'P7974Y'), RangeError)
  assert.equal(addDuration(new Date('2026-01-01'), 'P7973Y').toISOString(), '9999-01-01T00:00:00.000Z')
})

test('adding months never skips one, and keeps the time of day', () => {
  const moment = fc.date({ min: new Date('1970-01-01'), max: new Date('2400-01-01'), noInvalidDate: true })
  fc.assert(
    fc.property(moment, fc.nat(9999), (from, months) => {
      const later = addDuration(from, `P${months}M`)
      const monthsOf = (at: Date): number => at.getUTCFullYear() * 12 + at.getUTCMonth()
      assert.equal(monthsOf(later) - monthsOf(from), months)
      assert.ok(later.getUTCDate() <= from.getUTCDate())
      assert.equal(later.getTime() % 86_400_000, from.getTime() % 86_400_000)
    }),
  )
})

test('the system clock cannot be moved', () => {
  assert.equal(systemClock.advance, null)
  assert.ok(Math.abs(systemClock.now().getTime() - Date.now()) < 1000)
})

test('a test clock runs on from where it was moved to', () => {
  const clock = createTestClock()
  const before = clock.now()
  const later = clock.advance?.('P1M')
  assert.ok(later)
  assert.ok(later.getTime() - before.getTime() >= 28 * 86_400_000)
  assert.ok(clock.now().getTime() - later.getTime() < 1000)
  clock.advance?.('P1D')
  assert.ok(clock.now().getTime() - later.getTime() >= 86_400_000)
  assert.throws(() => clock.advance?.('P9999Y'), RangeError)
  assert.ok(clock.now().getUTCFullYear() < 3000, 'a refused move leaves the clock where it was')
})
