import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SequenceRange } from './syntax/sequence-set.ts'
import { countRecent, partOfRanges, sequenceOf, uidRangesOf } from './view.ts'

const view = { uids: Uint32Array.of(2, 5, 6, 90), recentFrom: 6, saved: [] }

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
  assert.deepEqual(uidRangesOf({ uids: new Uint32Array(), saved: [] }, set, false), { ok: true, ranges: [] })
  assert.deepEqual(uidRangesOf({ uids: new Uint32Array(), saved: [] }, set, true), { ok: true, ranges: [] })
})

test('$ is what is left of a saved result', () => {
  const saved = { ...view, saved: [2, 3, 6, 7] }
  for (const uid of [true, false]) {
    assert.deepEqual(uidRangesOf(saved, { kind: 'saved' }, uid), {
      ok: true,
      ranges: [
        { first: 2, last: 2 },
        { first: 6, last: 6 },
      ],
    })
  }
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
    }),
  )
})

test('PARTIAL takes from the messages of the ranges, counted from either end', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(20))
    .map(([first, width]) => ({ first, last: first + width }))
  const end = fc.integer({ min: 1, max: 70 })
  const uids = Uint32Array.from({ length: 40 }, (_, at) => at * 2 + 1)
  fc.assert(
    fc.property(fc.array(range), end, end, fc.boolean(), (ranges, from, to, fromNewest) => {
      const named = [...uids].filter((uid) => ranges.some(({ first, last }) => first <= uid && uid <= last))
      const sign = fromNewest ? -1 : 1
      const part = partOfRanges({ uids }, ranges, { from: sign * from, to: sign * to })
      const [low, high] = [Math.min(from, to), Math.max(from, to)]
      const wanted = fromNewest
        ? named
            .toReversed()
            .slice(low - 1, high)
            .toReversed()
        : named.slice(low - 1, high)
      const found = [...uids].filter((uid) => part.some(({ first, last }) => first <= uid && uid <= last))
      assert.deepEqual(found, wanted)
    }),
  )
})
