import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitsAt, slidingCount, spanMs, type Windows, windowStart, windowsAt } from './windows.ts'

const noon = new Date('2026-05-05T12:00:00Z')
const at = (minutes: number): Date => new Date(noon.getTime() + minutes * 60_000)
const hour = (current: number, before: number): Windows => ({ span: 'hour', start: noon, current, before })

test('windows begin with the hour and the day of UTC', () => {
  const moment = new Date('2026-05-05T12:34:56.789Z')
  assert.equal(windowStart('hour', moment).toISOString(), '2026-05-05T12:00:00.000Z')
  assert.equal(windowStart('day', moment).toISOString(), '2026-05-05T00:00:00.000Z')
})

const counts: [what: string, windows: Windows, minute: number, count: number][] = [
  ['at the beginning all of the window before counts', hour(0, 60), 0, 60],
  ['after a quarter three quarters of it', hour(10, 60), 15, 55],
  ['at the end nearly nothing', hour(10, 60), 59, 11],
  ['an hour later the present one is the one before', hour(60, 10), 75, 45],
  ['two hours later nothing is left', hour(60, 10), 120, 0],
  ['a clock that went back finds the same', hour(5, 0), -10, 5],
]
for (const [what, windows, minute, count] of counts) {
  test(what, () => assert.equal(slidingCount(windows, at(minute)), count))
}

const moments: [what: string, windows: Windows, max: number, need: number, expected: string | null][] = [
  ['there is room now', hour(5, 0), 10, 5, '2026-05-05T12:00:00.000Z'],
  ['when enough of the window before is gone', hour(5, 10), 10, 1, '2026-05-05T12:36:00.000Z'],
  ['in the next window, when enough of this one is gone', hour(10, 0), 10, 1, '2026-05-05T13:06:00.000Z'],
  ['when all of it is gone', hour(10, 0), 10, 10, '2026-05-05T14:00:00.000Z'],
  ['never', hour(0, 0), 10, 11, null],
]
for (const [what, windows, max, need, expected] of moments) {
  test(`when more fit: ${what}`, () => {
    assert.equal(fitsAt(windows, max, need, noon)?.toISOString() ?? null, expected)
  })
}

test('what fits at a moment fits then, and not earlier', () => {
  const small = fc.nat({ max: 2000 })
  const windows = fc.record({
    span: fc.constantFrom('hour' as const, 'day' as const),
    start: fc.constant(new Date('2026-05-05T00:00:00Z')),
    current: small,
    before: small,
  })
  fc.assert(
    fc.property(
      windows,
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(),
      (w, max, need, ms) => {
        const now = new Date(w.start.getTime() + (ms % (3 * spanMs[w.span])))
        const free = fitsAt(w, max, need, now)
        if (free === null) return assert.ok(need > max)
        assert.ok(free >= now)
        assert.ok(slidingCount(w, free) + need <= max + 1e-6)
        if (free.getTime() - now.getTime() > 2000) {
          assert.ok(slidingCount(w, new Date(free.getTime() - 2000)) + need > max)
        }
        assert.ok(windowsAt(w, now).current <= w.current)
      },
    ),
  )
})
