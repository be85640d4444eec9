import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CallLimits } from '../driver.ts'
import { createPace } from './pace.ts'

type Step = { idleMs: number; tookMs: number; adds: boolean; isNewRun: boolean; onItsWayMs: number }

/** When calls start that come as they come; a new run knows what a column can hold: whole milliseconds. */
function startsOf(
  limits: CallLimits,
  steps: readonly Step[],
): { at: number; arrivedAt: number; endedAt: number; adds: boolean }[] {
  let now = 1_000_000
  let pace = createPace(limits, now, null)
  return steps.map(({ idleMs, tookMs, adds, isNewRun, onItsWayMs }) => {
    if (isNewRun) pace = createPace(limits, now, Math.ceil(pace.nextOfAllAt()))
    now += idleMs
    const at = Math.max(now, pace.nextAt(adds))
    pace.started(at)
    now = at + tookMs
    pace.ended(now, adds)
    return { at, arrivedAt: at + onItsWayMs, endedAt: now, adds }
  })
}

/** @param moments in their order. */
function mostInAMinute(moments: readonly number[]): number {
  let first = 0
  let most = 0
  for (const [last, moment] of moments.entries()) {
    while ((moments[first] ?? moment) <= moment - 60_000) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most
}

const limits = fc.record({
  perMinute: fc.integer({ min: 1, max: 700 }),
  spacingMs: fc.integer({ min: 0, max: 400 }),
  addSpacingMs: fc.integer({ min: 0, max: 2000 }),
})
const step = fc.record({
  idleMs: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(90_000)),
  tookMs: fc.nat(300),
  adds: fc.boolean(),
  isNewRun: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  onItsWayMs: fc.nat(1000),
})

test('no minute has more calls than there may be, whatever runs they belong to, and none comes too close', () => {
  fc.assert(
    fc.property(limits, fc.array(step, { minLength: 2, maxLength: 400 }), (given, steps) => {
      const calls = startsOf(given, steps)
      assert.ok(mostInAMinute(calls.map(({ at }) => at)) <= given.perMinute)
      const arrivals = calls.map(({ arrivedAt }) => arrivedAt).sort((one, other) => one - other)
      assert.ok(mostInAMinute(arrivals) <= given.perMinute, 'also as they arrive')
      let lastAdd = Number.NEGATIVE_INFINITY
      for (const [index, { at, endedAt, adds }] of calls.entries()) {
        const before = calls[index - 1]
        if (before) assert.ok(at - before.at >= given.spacingMs - 1e-6)
        if (adds) assert.ok(at - lastAdd >= given.addSpacingMs - 1e-6)
        if (adds) lastAdd = endedAt
      }
    }),
    { numRuns: 300 },
  )
})

test('where there is always something to call, at least 95 % of what may be is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6000 }), fc.integer({ min: 1, max: 9 }), (perMinute, runs) => {
      const calls = perMinute * 3
      const steps = Array.from({ length: calls }, (_, at) => ({
        idleMs: 0,
        tookMs: 0,
        adds: true,
        isNewRun: at % Math.ceil(calls / runs) === 0,
        onItsWayMs: 0,
      }))
      const starts = startsOf({ perMinute, spacingMs: 0, addSpacingMs: 0 }, steps)
      const [begin = 0, end = 0] = [starts[0]?.at, starts.at(-1)?.at]
      assert.ok((calls - 1) / ((end - begin) / 60_000) >= 0.95 * perMinute - 1e-6)
    }),
    { numRuns: 60 },
  )
})

test('what another clock has written does not hold it up for longer than a limit asks for', () => {
  const given = { perMinute: 60, spacingMs: 200, addSpacingMs: 1500 }
  assert.equal(createPace(given, 1000, 1e12).nextAt(false), 2500)
  assert.ok(createPace(given, 1000, -1e12).nextAt(false) <= 1000)
})
