import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shareOf } from '../../billing/amounts.ts'
import { periodAfter } from '../../billing/periods.ts'
import { dayOf, endOf, momentOf } from './calendar.ts'
import { share } from './money.ts'

const moments = fc.date({ min: new Date('1970-01-01'), max: new Date('2400-01-01'), noInvalidDate: true })

test('the model’s calendar is that of Date', () => {
  fc.assert(
    fc.property(moments, (date) => {
      const day = dayOf(date.getTime())
      assert.deepEqual(day, {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
      })
      assert.equal(momentOf(day), Math.floor(date.getTime() / 86_400_000) * 86_400_000)
    }),
    { numRuns: 2000 },
  )
})

test('periods end where the model says, one behind the other', () => {
  fc.assert(
    fc.property(
      moments,
      fc.constantFrom('monthly' as const, 'yearly' as const),
      fc.integer({ min: 1, max: 40 }),
      (anchor, period, count) => {
        let [ours, theirs] = [anchor.getTime(), anchor]
        for (let n = 0; n < count; n++) {
          ours = endOf(anchor.getTime(), period, ours)
          theirs = periodAfter(anchor, period, theirs)
          assert.equal(ours, theirs.getTime())
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('shares are rounded as the model rounds them', () => {
  const amounts = fc.integer({ min: -(10 ** 12), max: 10 ** 12 })
  fc.assert(
    fc.property(amounts, fc.integer({ min: 0, max: 10_000 }), (amount, basisPoints) => {
      assert.equal(BigInt(shareOf(amount, basisPoints)), share(BigInt(amount), basisPoints))
    }),
    { numRuns: 5000 },
  )
})
