import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { buildThreads, type ThreadNode } from '../../../messages/threads/thread-tree.ts'
import type { SearchReturn } from '../syntax/search-key.ts'
import { chosenOf, encodeEsearch, encodeInOrder, encodePlain, encodeUpdate, partOf } from './results.ts'
import { encodeThreads } from './thread-response.ts'

const none: SearchReturn = {
  min: false,
  max: false,
  all: false,
  count: false,
  save: false,
  update: false,
  partial: null,
}
const found = [2, 10, 11, 12, 20]
const sorted = [12, 10, 11, 20, 2]
const partial = (from: number, to: number) => ({ partial: { from, to } })

const rows: [returns: Partial<SearchReturn>, numbers: number[], uid: boolean, items: string][] = [
  [{ min: true, count: true }, found, false, ' MIN 2 COUNT 5'],
  [{ min: true, max: true }, found, true, ' UID MIN 2 MAX 20'],
  [{ all: true }, found, false, ' ALL 2,10:12,20'],
  [{ all: true }, sorted, false, ' ALL 12,10:11,20,2'], // RFC 5267 §3.2
  [{ min: true, max: true }, sorted, false, ' MIN 12 MAX 2'],
  [{ min: true, max: true, all: true }, [], false, ''],
  [{ count: true }, [], true, ' UID COUNT 0'],
  [partial(1, 2), found, false, ' PARTIAL (1:2 2,10)'],
  [partial(2, 1), found, false, ' PARTIAL (2:1 2,10)'],
  [partial(4, 100), found, false, ' PARTIAL (4:100 12,20)'],
  [partial(6, 100), found, false, ' PARTIAL (6:100 NIL)'],
  [partial(-1, -2), found, false, ' PARTIAL (-1:-2 12,20)'],
  [partial(-2, -100), found, false, ' PARTIAL (-2:-100 2,10:12)'],
  [partial(-6, -100), found, false, ' PARTIAL (-6:-100 NIL)'],
  [partial(1, 3), sorted, false, ' PARTIAL (1:3 12,10:11)'],
  [
    { ...partial(1, 1), min: true, max: true, count: true },
    found,
    false,
    ' MIN 2 MAX 20 COUNT 5 PARTIAL (1:1 2)',
  ],
  [{ update: true }, found, true, ' UID'],
]
describe('ESEARCH', () => {
  for (const [returns, numbers, uid, items] of rows) {
    test(`${JSON.stringify(returns)} of ${numbers.length}`, () =>
      assert.equal(
        encodeEsearch({ tag: 'A1', uid }, { ...none, ...returns }, numbers, null),
        `* ESEARCH (TAG "A1")${items}\r\n`,
      ))
  }

  test('MODSEQ comes last', () => {
    assert.equal(
      encodeEsearch({ tag: 'A1', uid: false }, { ...none, all: true }, [1], 99),
      '* ESEARCH (TAG "A1") ALL 1 MODSEQ 99\r\n',
    )
    assert.equal(encodePlain('SEARCH', [2, 5], 917162500), '* SEARCH 2 5 (MODSEQ 917162500)\r\n')
    assert.equal(encodePlain('SORT', [], null), '* SORT\r\n')
  })

  test('updates', () => {
    const correlator = { tag: 'B01', uid: true }
    assert.equal(encodeUpdate(correlator, [], [1, 2]), '* ESEARCH (TAG "B01") UID ADDTO (0 1:2)\r\n')
    assert.equal(
      encodeUpdate(correlator, [7], [1]),
      '* ESEARCH (TAG "B01") UID REMOVEFROM (0 7) ADDTO (0 1)\r\n',
    )
  })
})

// RFC 5182 §2.4 and RFC 9394 §3.2.
const chosen: [returns: Partial<SearchReturn>, want: number[]][] = [
  [{}, found],
  [{ min: true }, [2]],
  [{ max: true }, [20]],
  [{ min: true, max: true }, [2, 20]],
  [{ min: true, all: true }, found],
  [{ max: true, count: true }, found],
  [partial(2, 3), [10, 11]],
  [{ ...partial(2, 3), min: true }, [2, 10, 11]],
  [{ ...partial(2, 3), max: true }, [10, 11, 20]],
  [{ ...partial(2, 3), min: true, max: true }, [2, 10, 11, 20]],
  [{ ...partial(-1, -1), min: true, max: true }, [2, 20]],
  [{ ...partial(2, 3), count: true, min: true }, found],
]
describe('what $ keeps', () => {
  for (const [returns, want] of chosen) {
    test(JSON.stringify(returns), () =>
      assert.deepEqual(
        chosenOf(found, { ...none, ...returns }).toSorted((a, b) => a - b),
        want,
      ),
    )
  }
})

test('a set of numbers in any order reads back in that order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 12 })), (numbers) => {
      const read = encodeInOrder(numbers)
        .split(',')
        .flatMap((item) => {
          const [from = 0, to = from] = item.split(':').map(Number)
          assert.ok(to >= from)
          return item === '' ? [] : Array.from({ length: to - from + 1 }, (_, n) => from + n)
        })
      assert.deepEqual(read, numbers)
    }),
  )
})

test('pages cover a result once, from either end', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50)), fc.integer({ min: 1, max: 7 }), (numbers, size) => {
      const pages = Array.from({ length: 60 }, (_, n) => [n * size + 1, (n + 1) * size] as const)
      assert.deepEqual(
        pages.flatMap(([from, to]) => partOf(numbers, { from, to })),
        numbers,
      )
      const fromEnd = pages.map(([from, to]) => partOf(numbers, { from: -from, to: -to }))
      assert.deepEqual(fromEnd.toReversed().flat(), numbers)
    }),
  )
})

const leaf = (uid: number, ...children: ThreadNode[]): ThreadNode => ({ uid, children })
const nobody = (...children: ThreadNode[]): ThreadNode => ({ uid: null, children })

const threads: [forest: ThreadNode[], text: string][] = [
  [[], '* THREAD\r\n'],
  [[leaf(2)], '* THREAD (2)\r\n'],
  // RFC 5256 §4
  [
    [leaf(2), leaf(3, leaf(6, leaf(4, leaf(23)), leaf(44, leaf(7, leaf(96)))))],
    '* THREAD (2)(3 6 (4 23)(44 7 96))\r\n',
  ],
  [[nobody(leaf(3), leaf(5))], '* THREAD ((3)(5))\r\n'],
  [[nobody(leaf(1, leaf(2)), leaf(3, leaf(4), leaf(5)))], '* THREAD ((1 2)(3 (4)(5)))\r\n'],
]
describe('THREAD responses', () => {
  for (const [forest, text] of threads) {
    test(text.trim(), () => assert.equal([...encodeThreads(forest, (uid) => uid)].join(''), text))
  }

  test('a thread of 50,000 in a row and one of 200,000 side by side', () => {
    const message = { references: [], subject: null, sentMs: 0 }
    const chain = Array.from({ length: 50_000 }, (_, n) => ({
      ...message,
      uid: n + 1,
      messageId: `<${n}>`,
      inReplyTo: [`<${n - 1}>`],
    }))
    const row = Array.from({ length: 200_000 }, (_, n) => ({
      ...message,
      uid: 100_000 + n,
      messageId: null,
      inReplyTo: ['<x>'],
    }))
    const text = [...encodeThreads(buildThreads([...chain, ...row], 'references'), (uid) => uid)].join('')
    const wanted = `(${chain.map(({ uid }) => uid).join(' ')})(${row.map(({ uid }) => `(${uid})`).join('')})`
    assert.equal(text, `* THREAD ${wanted}\r\n`)
  })
})
