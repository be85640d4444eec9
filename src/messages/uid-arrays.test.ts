import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lowerBound, mergeUids, uidsNotIn } from './uid-arrays.ts'

const ascending = fc
  .uniqueArray(fc.integer({ min: 1, max: 200 }))
  .map((uids) => Uint32Array.from(uids).sort())

test('the first place that is not below a UID', () => {
  fc.assert(
    fc.property(ascending, fc.nat(210), (uids, uid) => {
      assert.equal(lowerBound(uids, uid), uids.filter((one) => one < uid).length)
    }),
  )
})

test('what is gone leaves, what is added follows, and nobody else notices', () => {
  fc.assert(
    fc.property(ascending, ascending, ascending, (uids, gone, more) => {
      const before = [...uids]
      const added = more.map((uid) => uid + 200)
      const merged = mergeUids(uids, gone, added)
      assert.deepEqual([...merged], [...before.filter((uid) => !gone.includes(uid)), ...added])
      assert.deepEqual([...uids], before)
    }),
  )
})

test('the array is shared while nothing changes', () => {
  const uids = Uint32Array.of(1, 5, 9)
  assert.equal(mergeUids(uids, [2, 7], new Uint32Array()), uids)
})

test('UIDs that are missing elsewhere', () => {
  fc.assert(
    fc.property(ascending, ascending, (uids, others) => {
      assert.deepEqual(
        [...uidsNotIn(uids, others)],
        [...uids].filter((uid) => !others.includes(uid)),
      )
    }),
  )
})
