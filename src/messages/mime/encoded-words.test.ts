import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHeaderText } from './encoded-words.ts'

const rows: [value: string, want: string][] = [
  ['', ''],
  ['plain', 'plain'],
  ['=?utf-8?Q?Gr=C3=BC=C3=9Fe?= from me', 'Grüße from me'],
  ['=?UTF-8?B?R3LDvMOfZQ==?=', 'Grüße'],
  ['=?iso-8859-1?q?a_=A3_b?=', 'a £ b'],
  // RFC 2047 §6.2: white space between two encoded-words is not shown
  ['=?utf-8?Q?a?=  =?utf-8?Q?b?=', 'ab'],
  ['=?utf-8?Q?a?= b =?utf-8?Q?c?=', 'a b c'],
  // senders cut between the bytes of one character
  ['=?utf-8?B?w7w=?= =?utf-8?B?w58=?=', 'üß'],
  ['=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=', 'ü'],
  ['=?iso-2022-jp?B?GyRCN29MPhsoQg==?=', '件名'],
  ['=?gb2312?B?xOO6ww==?=', '你好'],
  ['=?utf-8*en?Q?hi?=', 'hi'], // RFC 2231 §5: a language
  ['=?x-unknown?Q?abc?=', 'abc'],
  ['=?utf-8?Q?unfinished', '=?utf-8?Q?unfinished'],
  ['=?utf-8?X?abc?=', '=?utf-8?X?abc?='],
  ['=?utf-8?Q?a=0D=0AX:_b=00?=', 'a X: b\ufffd'],
]
for (const [value, want] of rows) {
  test(value || 'empty', () => assert.equal(decodeHeaderText(value), want))
}

test('any text is decoded without an error, and has no NUL, CR or LF', () => {
  const piece = fc.constantFrom(
    '=?',
    '?=',
    '?Q?',
    '?B?',
    'utf-8',
    'utf-16',
    'x',
    '=00',
    '=D8',
    '=0A',
    ' ',
    '?',
    'AAAA',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = decodeHeaderText(pieces.join(''))
      assert.ok(text.isWellFormed() && !/[\0\r\n]/.test(text))
    }),
    { numRuns: 2_000 },
  )
})

test('a long hostile text does not take long', () => {
  for (const unit of ['=?', '=?a?Q?', '=?a?Q?b?= ', '=?a?B?=', '?=', ' =?a?Q?b?=', '=?utf-8?B?w7w=?= ']) {
    const started = performance.now()
    decodeHeaderText(unit.repeat(Math.floor(200_000 / unit.length)))
    assert.ok(performance.now() - started < 2_000, unit)
  }
})
