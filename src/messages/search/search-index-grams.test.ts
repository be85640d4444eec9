import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { setBitsOfRange } from './search-index-blocks.ts'
import {
  forEachGram,
  type GramRange,
  type GramUnits,
  gramUnits,
  type IndexedField,
  rangesOf,
} from './search-index-grams.ts'
import { createPostingsBuilder } from './search-index-postings.ts'

function gramsOf(text: string, units: GramUnits): number[] {
  const grams: number[] = []
  forEachGram(text, units, (gram) => grams.push(gram))
  return grams
}

/** Whether a text has all grams that one within it must have. */
function mayContain(field: IndexedField, text: string, part: string): boolean {
  const grams = gramsOf(text, gramUnits(field))
  return rangesOf({ field, text: part }).every(({ first, last }) =>
    grams.some((gram) => first <= gram && gram <= last),
  )
}

describe('grams', () => {
  const rows: [text: string, units: GramUnits, count: number][] = [
    ['', 5, 0],
    ['A', 5, 0],
    ['AB', 5, 0],
    ['ABC', 5, 1],
    ['ABCD', 5, 2], // ABCD, BCD and an end
    ['ABCDE', 3, 3],
    ['AB CD', 5, 0],
    ['ABC-DEF', 5, 2],
    ['東京', 5, 1],
    ['東京都', 5, 2],
    ['東', 5, 0],
  ]
  for (const [text, units, count] of rows) {
    test(`"${text}" has ${count} of ${units}`, () => assert.equal(gramsOf(text, units).length, count))
  }

  const needles: [text: string, ranges: number][] = [
    ['', 0],
    ['ab', 0],
    ['-- ', 0],
    ['ABC', 1],
    ['ABCD', 1],
    ['ABCDE', 1],
    ['ABCDEF', 2],
    ['ABC DEF', 2],
    ['東京', 1],
    ['A LONG NEEDLE WITH MANY WORDS IN IT AND SO WITH MORE GRAMS THAN ARE OF USE', 8],
  ]
  for (const [text, ranges] of needles) {
    test(`"${text}" is looked up by ${ranges}`, () =>
      assert.equal(rangesOf({ field: 'content', text }).length, ranges))
  }

  test('a word is found by its parts and not by others', () => {
    assert.ok(mayContain('content', 'AN INVOICE OF MAY', 'VOIC'))
    assert.ok(mayContain('content', 'AN INVOICE OF MAY', 'ICE OF MAY'))
    assert.ok(!mayContain('content', 'AN INVOICE OF MAY', 'ICED'))
    assert.ok(!mayContain('content', 'AN INVOICE OF MAY', 'INVO ICE'))
  })

  const letters = fc.string({
    unit: fc.constantFrom('A', 'B', '1', ' ', '.', 'Я', '東', '京', '😀', '\u0301'),
  })
  const anything = fc.oneof(letters, fc.string({ unit: 'binary' }))

  test('a text has a gram in every range of every text within it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<IndexedField>('subject', 'header', 'content'),
        anything,
        fc.nat(40),
        fc.nat(12),
        (field, text, from, length) => {
          assert.ok(mayContain(field, text, text.slice(from, from + length)))
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('postings', () => {
  const readAll = (blocks: ReturnType<typeof build>, range: GramRange, words: number): number[] => {
    const bits = new Uint32Array(words)
    for (const block of blocks) setBitsOfRange(block, range, bits)
    return Array.from({ length: words * 32 }, (_, n) => n).filter(
      (n) => (((bits[n >>> 5] ?? 0) >>> (n & 31)) & 1) === 1,
    )
  }
  const build = (texts: readonly [document: number, text: string][]) => {
    const builder = createPostingsBuilder(5)
    for (const [document, text] of texts) builder.add(document, text)
    return [...builder.finish()].filter((block) => block !== null)
  }
  const words = ['INVOICE', 'ABC', 'ABCD', 'ZZZZ', '東京都', '0000', 'ПРИВЕТ']
  const document = fc.array(fc.constantFrom(...words), { maxLength: 5 }).map((some) => some.join(' '))

  test('every gram is read back with its documents', () => {
    fc.assert(
      fc.property(
        fc.array(document, { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 700 }),
        (texts, step) => {
          const numbered = texts.map((text, index): [number, string] => [index * step, text])
          const blocks = build(numbered)
          for (const text of words) {
            for (const range of rangesOf({ field: 'content', text })) {
              const expected = numbered.filter(([, one]) =>
                gramsOf(one, 5).some((gram) => range.first <= gram && gram <= range.last),
              )
              assert.deepEqual(
                readAll(blocks, range, Math.ceil((texts.length * step) / 32)),
                expected.map(([number]) => number),
              )
            }
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('blocks are small, rise, and do not overlap', () => {
    const blocks = build(
      Array.from({ length: 3000 }, (_, n) => [
        n,
        `EVERYWHERE ${(n * 7919).toString(36).padStart(6, 'Q').toUpperCase()}`,
      ]),
    )
    assert.ok(blocks.length > 5)
    for (const [index, { firstGram, postings }] of blocks.entries()) {
      assert.ok(postings.length <= 1024 + 400, `a block of ${postings.length} bytes`)
      assert.ok(index === 0 || firstGram > (blocks[index - 1]?.firstGram ?? 0))
    }
    const [range] = rangesOf({ field: 'content', text: 'EVERY' })
    assert.ok(range)
    assert.equal(readAll(blocks, range, 94).length, 3000)
  })

  test('a document beyond the words that the reader has is left out', () => {
    const blocks = build([
      [3, 'ABCD'],
      [5000, 'ABCD'],
    ])
    const [range] = rangesOf({ field: 'content', text: 'ABCD' })
    assert.ok(range)
    assert.deepEqual(readAll(blocks, range, 4), [3])
  })
})
