import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseContentType, parseParameterized } from './content-type.ts'
import { mimeLimits } from './mime-limits.ts'

const types: [value: string, want: string | null][] = [
  ['text/plain', 'text/plain'],
  ['TEXT/Html; charset=x', 'text/html'],
  ['text / plain (comment)', 'text/plain'],
  ['(a) text/(b)plain', 'text/plain'],
  ['application/vnd.a+b-c.d;', 'application/vnd.a+b-c.d'],
  ['text', 'text/plain'],
  ['text;charset=utf-8', 'text/plain'],
  ['html', null],
  ['text/', null],
  ['/plain', null],
  ['text/plain/x', null],
  ['text/"plain"', null],
  ['', null],
  [`text/${'x'.repeat(200)}`, null],
]
for (const [value, want] of types) {
  test(`type of ${JSON.stringify(value.slice(0, 40))}`, () => {
    const parsed = parseContentType(value)
    assert.equal(parsed && `${parsed.type}/${parsed.subtype}`, want)
  })
}

const parameters: [text: string, want: Record<string, string>][] = [
  ['', {}],
  ['; a=b', { a: 'b' }],
  [';A=B;c = D ;', { a: 'B', c: 'D' }],
  ['; a="b; c"; d=e', { a: 'b; c', d: 'e' }],
  ['; a="b \\"c\\" \\\\"', { a: 'b "c" \\' }],
  ['; a=""', { a: '' }],
  ['; a=; b=c', { a: '', b: 'c' }],
  ['; a="b"junk; c=d', { a: 'b', c: 'd' }],
  ['; charset=us-ascii (Plain text)', { charset: 'us-ascii' }],
  ['; (x=y) a = b (z)', { a: 'b' }],
  ['; a=b; a=c', { a: 'b' }],
  ['; just words; a=b', { a: 'b' }],
  [' a=b c=d', { a: 'b', c: 'd' }],
  ['; name=my file.pdf; x=y', { name: 'my file.pdf', x: 'y' }],
  ['; boundary=a=_b', { boundary: 'a=_b' }],
  ['; a="never closed; b=c', { a: 'never closed; b=c' }],
  ['; a="ends with \\', { a: 'ends with ' }],
  // RFC 2231 §3: continuations
  ['; u*0="ftp://"; u*1="a.test"', { u: 'ftp://a.test' }],
  ['; u*1=b; u*0=a; u*10=d; u*2=c', { u: 'abcd' }],
  // RFC 2231 §4: charset and language
  ["; t*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", { t: 'This is ***fun***' }],
  ["; t*=iso-8859-1''%A3%20rates", { t: '£ rates' }],
  ["; t*=''%C3%A9", { t: 'é' }],
  ["; t*=x-none''%C3%A9%E9", { t: 'Ã©é' }],
  ['; t*=no%20quotes', { t: 'no quotes' }],
  ["; t*=utf-8''%zz%4", { t: '%zz%4' }],
  // RFC 2231 §4.1: both; a character may be cut between pieces
  ["; t*0*=us-ascii'en'This%20is; t*1*=%20even; t*2=%20more", { t: 'This is even%20more' }],
  ["; t*0*=utf-8''%C3; t*1*=%A9", { t: 'é' }],
  ["; f=plain; f*=utf-8''extended", { f: 'extended' }],
  ["; f*=utf-8''a%0D%0AX%3A%00", { f: 'a  X:\ufffd' }],
  ['; __proto__=a; constructor=b', { ['__proto__']: 'a', constructor: 'b' }],
]
for (const [text, want] of parameters) {
  test(`parameters of ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseParameterized(`x/y${text}`).params, Object.entries(want))
  })
}

test('parameters have a bound', () => {
  const text = Array.from({ length: 500 }, (_, n) => `; p${n}=x`).join('')
  assert.equal(parseParameterized(text).params.length, mimeLimits.parametersMax)
})

test('any text is read without an error', () => {
  const text = fc.string({ unit: fc.constantFrom(...`;="'()\\%*01 /ab\tö`), maxLength: 60 })
  fc.assert(
    fc.property(text, (value) => void parseContentType(value)),
    { numRuns: 3_000 },
  )
})

test('what is quoted reads back the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (value) => {
      const quoted = `"${value.replace(/["\\]/g, '\\$&')}"`
      assert.deepEqual(parseParameterized(`x/y; a=${quoted}; b=c`).params, [
        ['a', value],
        ['b', 'c'],
      ])
    }),
  )
})
