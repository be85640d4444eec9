import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isInRanges, mergeUidRanges, rangesOfUids } from './uid-ranges.ts'

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8))
  .map(([first, width]) => ({ first, last: first + width }))

test('merged ranges hold the same UIDs, ascending and apart', () => {
  fc.assert(
    fc.property(fc.array(range), (ranges) => {
      const merged = mergeUidRanges(ranges)
      for (let uid = 0; uid < 80; uid++) {
        const isHeld = ranges.some(({ first, last }) => first <= uid && uid <= last)
        assert.equal(isInRanges(merged, uid), isHeld, `UID ${uid}`)
      }
      for (const [at, { first }] of merged.entries()) {
        assert.ok(first > (merged[at - 1]?.last ?? -1) + 1)
      }
    }),
  )
})

test('UIDs as ranges are their runs', () => {
  assert.deepEqual(rangesOfUids([]), [])
  assert.deepEqual(rangesOfUids([1, 2, 3, 7, 9, 10]), [
    { first: 1, last: 3 },
    { first: 7, last: 7 },
    { first: 9, last: 10 },
  ])
})
