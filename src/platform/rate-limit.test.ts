import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRateLimiter } from './rate-limit.ts'

test('a bucket empties, says when to come back, and refills evenly', () => {
  let now = 0
  const rates = createRateLimiter({ perMinute: 6, entriesMax: 10 }, () => now)
  const verdicts = Array.from({ length: 7 }, () => rates.take('ann'))
  assert.deepEqual(
    verdicts.map(({ ok, remaining }) => [ok, remaining]),
    [
      [true, 5],
      [true, 4],
      [true, 3],
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ],
  )
  assert.equal(verdicts[6]?.resetSeconds, 10)
  assert.equal(rates.take('bob').ok, true)
  now = 9_999
  assert.equal(rates.take('ann').ok, false)
  now = 10_000
  assert.equal(rates.take('ann').ok, true)
  now = 10_000_000
  assert.equal(rates.take('ann').remaining, 5)
})

test('what is given back can be taken again, and no more than there was', () => {
  const rates = createRateLimiter({ perMinute: 1, entriesMax: 10 }, () => 0)
  rates.giveBack('ann')
  assert.equal(rates.take('ann').ok, true)
  rates.giveBack('ann')
  assert.equal(rates.take('ann').ok, true)
  assert.equal(rates.take('ann').ok, false)
})

test('past its bound it forgets whoever was idle longest', () => {
  const rates = createRateLimiter({ perMinute: 1, entriesMax: 2 }, () => 0)
  for (const caller of ['ann', 'bob', 'ann', 'cleo']) rates.take(caller)
  assert.equal(rates.take('ann').ok, false)
  assert.equal(rates.take('bob').ok, true)
})
