import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Reader } from './reader.ts'
import {
  encodeNumberRanges,
  encodeSequenceSet,
  readSequenceRanges,
  resolveSequenceRanges,
  type SequenceRanges,
} from './sequence-set.ts'

function read(text: string): SequenceRanges {
  const reader = new Reader([{ kind: 'text', bytes: Buffer.from(text) }], 'utf-8')
  const ranges = readSequenceRanges(reader)
  reader.end()
  return ranges
}

function numbers(text: string): number[] {
  return resolveSequenceRanges(read(text), 0).flatMap(({ from, to }) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
  )
}

describe('sequence sets', () => {
  const compact: [number[], string][] = [
    [[], ''],
    [[7], '7'],
    [[1, 2, 3, 5], '1:3,5'],
    [[1, 3, 5], '1,3,5'],
    [[1, 1, 2], '1:2'],
    [[4294967294, 4294967295], '4294967294:4294967295'],
  ]
  for (const [ascending, text] of compact)
    test(`compact ${text}`, () => assert.equal(encodeSequenceSet(ascending), text))

  const resolve: [text: string, largest: number, want: string][] = [
    ['*', 9, '9'],
    ['*', 0, ''],
    ['1:*', 0, ''],
    ['5:*', 9, '5:9'],
    ['500:*', 9, '9:500'], // RFC 9051 §9: the largest number is always in it
    ['*:3', 9, '3:9'],
    ['5:2,9,1', 9, '1:5,9'],
    ['1:3,4:5', 9, '1:5'],
    ['1:9,3', 9, '1:9'],
    ['7,7', 9, '7'],
  ]
  for (const [text, largest, want] of resolve) {
    test(`${text} with ${largest}`, () => {
      assert.equal(encodeNumberRanges(resolveSequenceRanges(read(text), largest)), want)
    })
  }

  test('resolving leaves its input alone', () => {
    const ranges = read('1:2,2:5')
    resolveSequenceRanges(ranges, 9)
    assert.deepEqual(ranges, [
      { from: 1, to: 2 },
      { from: 2, to: 5 },
    ])
  })

  test('compaction reads back', () => {
    const ascending = fc
      .uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 })
      .map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(ascending, (list) => {
        const text = encodeSequenceSet(list)
        assert.deepEqual(numbers(text), list)
        assert.equal(encodeNumberRanges(resolveSequenceRanges(read(text), 0)), text)
      }),
    )
  })
})
