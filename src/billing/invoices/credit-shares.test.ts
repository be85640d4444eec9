import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Share, shareOfAmount, shareOfTotal, shareTotal } from './credit-shares.ts'

/** A line with a discount and a tax. */
const lines = fc
  .record({
    amount: fc.integer({ min: 1, max: 1e9 }),
    discountShare: fc.double({ min: 0, max: 1, noNaN: true }),
    taxShare: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ amount, discountShare, taxShare }): Share => {
    const discount = Math.round(amount * discountShare)
    return { amount, discount, tax: Math.round((amount - discount) * taxShare) }
  })

const minus = (left: Share, part: Share): Share => ({
  amount: left.amount - part.amount,
  discount: left.discount - part.discount,
  tax: left.tax - part.tax,
})

function assertWithin(part: Share, left: Share): void {
  for (const name of ['amount', 'discount', 'tax'] as const) {
    assert.ok(part[name] >= 0 && part[name] <= left[name], `${name}: ${JSON.stringify([part, left])}`)
  }
}

test('parts by their total come to it, are within what is left, and add up to the whole line', () => {
  const parts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
  fc.assert(
    fc.property(lines, parts, (line, shares) => {
      let left = line
      for (const share of [...shares, 1]) {
        const total = Math.round(shareTotal(left) * share)
        if (total === 0) continue
        const part = shareOfTotal(left, total)
        assert.equal(shareTotal(part), total)
        assertWithin(part, left)
        left = minus(left, part)
      }
      assert.equal(shareTotal(left), 0)
    }),
    { numRuns: 20_000 },
  )
})

test('parts by their amount are within what is left, and add up to the whole line', () => {
  fc.assert(
    fc.property(lines, fc.array(fc.integer({ min: 1, max: 1e9 }), { maxLength: 8 }), (line, amounts) => {
      let left = line
      for (const amount of amounts) {
        if (amount >= left.amount) continue
        const part = shareOfAmount(left, amount)
        assert.equal(part.amount, amount)
        assertWithin(part, left)
        left = minus(left, part)
      }
      assert.deepEqual(shareOfAmount(left, left.amount), left)
    }),
    { numRuns: 20_000 },
  )
})
