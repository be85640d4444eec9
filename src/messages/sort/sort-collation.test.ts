import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collationKey, compareCodePoints } from './sort-collation.ts'

const rows: [text: string, key: string][] = [
  ['', ''],
  ['Hello, World 1', 'HELLO, WORLD 1'],
  ['é', 'E\u0301'],
  ['e\u0301', 'E\u0301'],
  ['Å', 'A\u030a'],
  ['\u212b', 'A\u030a'], // the Ångström sign
  ['ǆ', 'Dz\u030c'], // RFC 5051 §2: title case, then decomposed
  ['Ǆ', 'Dz\u030c'],
  ['ǳ', 'Dz'],
  ['ß', 'ß'],
  ['ﬁ', 'fi'],
  ['ά', 'Α\u0301'],
  ['ᾳ', 'Α\u0345'],
  ['ς', 'Σ'],
  ['σ', 'Σ'],
  ['ж', 'Ж'],
  ['ა', 'ა'],
  ['𐐨', '𐐀'],
  ['①', '1'],
]
for (const [text, key] of rows) test(`the key of "${text}"`, () => assert.equal(collationKey(text), key))

test('texts in order', () => {
  const texts = ['', 'a', 'B', 'ba', 'z', 'é'.normalize('NFD'), 'Ж', '\uffed', '😀']
  const sorted = texts.toSorted((a, b) => compareCodePoints(collationKey(a), collationKey(b)))
  assert.deepEqual(sorted, ['', 'a', 'B', 'ba', 'é'.normalize('NFD'), 'z', 'Ж', '\uffed', '😀'])
})

test('the order is that of the UTF-8 octets', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      assert.equal(Math.sign(compareCodePoints(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})
