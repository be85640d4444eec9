import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encodeName, isWithin, labelsOf, readName, sortNames, WireError } from './names.ts'

const label = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes))
const wireName = fc
  .array(label, { maxLength: 10 })
  .map((labels) =>
    Buffer.concat([...labels.flatMap((one) => [Buffer.from([one.length]), one]), Buffer.from([0])]),
  )

function lowerCased(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)))
}

test('any name on the wire comes back as the same bytes, in lower case', () => {
  fc.assert(
    fc.property(wireName, fc.uint8Array({ maxLength: 8 }), (wire, before) => {
      const { name, next } = readName(Buffer.concat([before, wire]), before.length)
      assert.equal(next, before.length + wire.length)
      // A length byte is never a capital letter here: labels have at most 20 bytes.
      assert.deepEqual(encodeName(name), lowerCased(wire))
    }),
  )
})

const pointers: [what: string, bytes: number[], at: number, want: string | null][] = [
  ['backwards', [1, 0x61, 0, 1, 0x62, 0xc0, 0], 3, 'b.a'],
  ['to itself', [0xc0, 0], 0, null],
  ['forwards', [0xc0, 2, 1, 0x61, 0], 0, null],
  ['in a circle', [1, 0x61, 0xc0, 0], 0, null],
  ['cut off', [0xc0], 0, null],
  ['of an unknown kind', [0x80, 0], 0, null],
  ['without an end', [1, 0x61], 0, null],
]
for (const [what, bytes, at, want] of pointers) {
  test(`a pointer ${what}`, () => {
    const read = () => readName(Buffer.from(bytes), at).name
    if (want === null) assert.throws(read, WireError)
    else assert.equal(read(), want)
  })
}

test('what is no name is not written', () => {
  for (const bad of ['a..b', '.a', 'a.', 'x'.repeat(64), Array(130).fill('a').join('.')]) {
    assert.throws(() => encodeName(bad), RangeError, bad)
  }
  assert.deepEqual(encodeName(''), Buffer.from([0]))
})

test('names in canonical order (RFC 4034 §6.1)', () => {
  const inOrder = [
    'example',
    'a.example',
    'yljkjljk.a.example',
    'z.a.example',
    'zabc.a.example',
    'z.example',
    '\\001.z.example',
    '*.z.example',
    '\\200.z.example',
  ]
  assert.deepEqual(sortNames(inOrder.toReversed()), inOrder)
  assert.deepEqual(labelsOf('a\\046b.c'), [Buffer.from('a.b'), Buffer.from('c')])
  assert.ok(isWithin('a.b', 'b') && isWithin('b', 'b') && !isWithin('ab', 'b') && isWithin('b', ''))
})
