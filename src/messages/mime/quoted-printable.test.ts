import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeQuotedPrintable } from './quoted-printable.ts'

const rows: [encoded: string, want: string][] = [
  ['', ''],
  ['abc', 'abc'],
  ['a=3Db=3d', 'a=b='],
  ['=41=42', 'AB'],
  ['a=\r\nb', 'ab'],
  ['a=\nb', 'ab'],
  ['a= \t\r\nb', 'ab'],
  ['a=', 'a'],
  ['a=  ', 'a'],
  ['a  \r\nb\t\nc ', 'a\r\nb\nc'],
  ['a=20\r\nb=09', 'a \r\nb\t'],
  ['a =20 \r\n', 'a  \r\n'],
  ['a b', 'a b'],
  ['=zz=4', '=zz=4'],
  ['= 41', '= 41'],
  ['==41', '=A'],
  ['a\rb\r', 'a\rb\r'],
  ['\xe9\0', '\xe9\0'],
]
for (const [encoded, want] of rows) {
  test(JSON.stringify(encoded), () => {
    assert.equal(decodeQuotedPrintable(Buffer.from(encoded, 'latin1')).toString('latin1'), want)
  })
}

test('what is encoded byte by byte reads back the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (bytes, lineEvery) => {
      const escaped = [...bytes].map((byte, index) => {
        const softBreak = lineEvery > 0 && index % lineEvery === 0 ? '=\r\n' : ''
        return `${softBreak}=${byte.toString(16).padStart(2, '0').toUpperCase()}`
      })
      assert.deepEqual(decodeQuotedPrintable(Buffer.from(escaped.join(''))), Buffer.from(bytes))
    }),
  )
})

test('hostile input does not take long', () => {
  for (const unit of [' ', '=', '= ', '=\t ', ' \r', '=\r']) {
    const started = performance.now()
    decodeQuotedPrintable(Buffer.alloc(1_000_000, unit))
    assert.ok(performance.now() - started < 2_000, unit)
  }
})
