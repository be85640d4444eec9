import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SequenceRange } from './syntax/sequence-set.ts'
import { countRecent, lowerBound, sequenceOf, uidRangesOf } from './view.ts'

const view = { uids: Uint32Array.of(2, 5, 6, 90), recentFrom: 6 }

const rows: [ranges: SequenceRange[], uid: boolean, want: [number, number][] | null][] = [
  [[{ from: 1, to: 1 }], false, [[2, 2]]],
  [[{ from: 2, to: 3 }], false, [[5, 6]]],
  [[{ from: '*', to: 3 }], false, [[6, 90]]],
  [[{ from: 5, to: 5 }], false, null],
  [[{ from: 4, to: 5 }], false, null],
  [
    [
      { from: 1, to: 1 },
      { from: 4, to: 4 },
    ],
    false,
    [
      [2, 2],
      [90, 90],
    ],
  ],
  [[{ from: 3, to: 3 }], true, [[3, 3]]],
  [[{ from: 6, to: '*' }], true, [[6, 90]]],
  [[{ from: 200, to: '*' }], true, [[90, 90]]],
  [[{ from: 91, to: 4_000_000_000 }], true, []],
  [[{ from: 50, to: 4_000_000_000 }], true, [[50, 90]]],
]
for (const [ranges, uid, want] of rows) {
  test(`${uid ? 'UID ' : ''}${JSON.stringify(ranges)}`, () => {
    const result = uidRangesOf(view, { kind: 'ranges', ranges }, uid)
    const found = result.ok ? result.ranges.map(({ first, last }) => [first, last]) : null
    assert.deepEqual(found, want)
  })
}

test('with no messages, 1:* is nothing', () => {
  const set = { kind: 'ranges', ranges: [{ from: 1, to: '*' }] } as const
  assert.deepEqual(uidRangesOf({ uids: new Uint32Array() }, set, false), { ok: true, ranges: [] })
  assert.deepEqual(uidRangesOf({ uids: new Uint32Array() }, set, true), { ok: true, ranges: [] })
})

test('a saved result is refused', () => {
  assert.equal(uidRangesOf(view, { kind: 'saved' }, true).ok, false)
})

test('recent messages are counted from a UID', () => {
  assert.equal(countRecent(view), 2)
  assert.equal(countRecent({ uids: Uint32Array.of(1, 2), recentFrom: Number.POSITIVE_INFINITY }), 0)
})

test('sequence numbers are places in the view', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(200)), fc.nat(200), (unsorted, uid) => {
      const uids = Uint32Array.from(unsorted).sort()
      const at = uids.indexOf(uid)
      assert.equal(sequenceOf({ uids }, uid), at === -1 ? null : at + 1)
      assert.equal(lowerBound(uids, uid), uids.filter((one) => one < uid).length)
    }),
  )
})
