import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runAtOnce, runInTurns, type Steps, sortSteps } from './sort-steps.ts'

test('sorting in steps is the stable sort', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 9_000, size: 'max' }), (keys) => {
      const places = Uint32Array.from(keys, (_, place) => place)
      runAtOnce(sortSteps(places, (a, b) => (keys[a] ?? 0) - (keys[b] ?? 0)))
      const want = keys.map((_, place) => place).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
      assert.deepEqual([...places], want)
    }),
    { numRuns: 30 },
  )
})

test('a long sort comes in steps, none of which compares much', () => {
  const items = Uint32Array.from({ length: 200_000 }, (_, n) => (n * 7919) % 200_003)
  let compared = 0
  let most = 0
  const steps = sortSteps(items, (a, b) => {
    compared++
    return a - b
  })
  while (!steps.next().done) {
    most = Math.max(most, compared)
    compared = 0
  }
  assert.ok(most <= 30_000, `${most} comparisons in one go`)
  assert.deepEqual(items, items.toSorted())
})

test('long work lets timers run in between', async () => {
  function* slow(): Steps<void> {
    for (let count = 0; count < 5; count++) {
      for (const until = performance.now() + 15; performance.now() < until; );
      yield
    }
  }
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  await runInTurns(slow())
  clearInterval(timer)
  assert.ok(ticks >= 3, `${ticks} ticks`)
})

test('what the pause throws ends the work', async () => {
  function* endless(): Steps<void> {
    for (;;) yield
  }
  await assert.rejects(
    runInTurns(endless(), () => {
      throw new Error('gone')
    }),
    /gone/,
  )
})
