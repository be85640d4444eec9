import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeQuotedPrintable } from './quoted-printable.ts'
import { createTransferDecoder } from './transfer-decoder.ts'

function decode(encoding: string, pieces: readonly Buffer[]): Buffer {
  const decoder = createTransferDecoder(encoding)
  assert.ok(decoder !== null)
  return Buffer.concat([...pieces.map((piece) => decoder.write(piece)), decoder.end()])
}

/** The same in one go, by other means. */
function decodedWhole(encoding: string, encoded: Buffer): Buffer {
  if (encoding === 'base64') return Buffer.from(encoded.toString('latin1'), 'base64')
  return encoding === 'quoted-printable' ? decodeQuotedPrintable(encoded) : encoded
}

const rows: [encoding: string, encoded: string, decoded: string][] = [
  ['7bit', 'as it is', 'as it is'],
  [' Base64 ', 'QUJD\r\nREVG\r\n', 'ABCDEF'],
  ['base64', 'QQ==\r\nQkJC', 'A'], // RFC 2045 §6.8: padding is the end
  ['base64', 'Q*U J!D', 'ABC'],
  ['base64', 'QUJDRA', 'ABCD'], // padding forgotten
  ['quoted-printable', 'a=3Db=\r\nc  \r\nd', 'a=bc\r\nd'],
  ['quoted-printable', 'a=', 'a'],
]
for (const [encoding, encoded, decoded] of rows) {
  test(`${encoding}: ${JSON.stringify(encoded)}`, () => {
    assert.equal(decode(encoding, [Buffer.from(encoded)]).toString('latin1'), decoded)
    const bytes = [...Buffer.from(encoded)].map((byte) => Buffer.of(byte))
    assert.equal(decode(encoding, bytes).toString('latin1'), decoded)
  })
}

test('an encoding that is not known has no decoder', () => {
  assert.equal(createTransferDecoder('x-uuencode'), null)
})

const text = fc
  .array(
    fc.constantFrom('QUJD', 'Q', '=', '=3D', '=\r\n', '= \r\n', '\r\n', '\n', ' ', '\t', 'z', '*', '\xff'),
  )
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

for (const encoding of ['base64', 'quoted-printable', '8bit']) {
  test(`${encoding}: where the bytes are cut makes no difference`, () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (encoded, cuts) => {
        const pieces: Buffer[] = []
        let from = 0
        for (const to of [...cuts.toSorted((a, b) => a - b), encoded.length]) {
          if (to < from || to > encoded.length) continue
          pieces.push(encoded.subarray(from, to))
          from = to
        }
        assert.deepEqual(decode(encoding, pieces), decodedWhole(encoding, encoded))
      }),
      { numRuns: 500 },
    )
  })
}

test('a quoted-printable line without end is decoded as it comes, and no escape is parted', () => {
  const encoded = Buffer.from('abc =C3=BC '.repeat(40_000))
  const pieces: Buffer[] = []
  for (let at = 0; at < encoded.length; at += 10_007) pieces.push(encoded.subarray(at, at + 10_007))
  const decoder = createTransferDecoder('quoted-printable')
  assert.ok(decoder !== null)
  const early = Buffer.concat(pieces.map((piece) => decoder.write(piece)))
  assert.ok(early.length > 200_000)
  assert.equal(Buffer.concat([early, decoder.end()]).toString(), 'abc ü '.repeat(40_000).trimEnd())
})
