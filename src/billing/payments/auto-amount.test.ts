import assert from 'node:assert/strict'
import { test } from 'node:test'
import { automaticAmount } from './auto-amount.ts'

test('the amount of an automatic top-up', () => {
  const fixed = { amount: 5000, target: null, threshold: 1000 }
  const upTo = { amount: null, target: 3000, threshold: 1000 }
  const cases: [typeof fixed | typeof upTo, [balance: number, lack: number, room: number], number | null][] =
    [
      [fixed, [500, 0, 20_000], 5000],
      [fixed, [2000, 1, 20_000], 5000],
      [fixed, [2000, 5000, 20_000], 5000],
      [fixed, [2000, 5001, 20_000], 10_000],
      [fixed, [2000, 60_000, 19_999], 15_000],
      [fixed, [500, 0, 4999], null],
      [fixed, [500, 9000, 4999], null],
      [upTo, [500, 0, 20_000], 2500],
      [upTo, [500, 0, 2499], null],
      [upTo, [2900, 50, 20_000], 2000],
      [upTo, [2900, 7000, 20_000], 7000],
      [upTo, [500, 700, 20_000], 2500],
      [upTo, [2900, 7000, 6000], 6000],
      [upTo, [2900, 7000, 1999], null],
    ]
  for (const [settings, [balance, lack, room], expected] of cases)
    assert.equal(automaticAmount(settings, { balance, lack, room }), expected, `${balance} ${lack} ${room}`)
})
