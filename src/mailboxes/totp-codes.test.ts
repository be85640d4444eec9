import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TOTP, URI } from 'otpauth'
import {
  formatTotpSecret,
  generateTotpSecret,
  isTotpCode,
  matchingTotpStep,
  parseTotpSecret,
  totpCodeAt,
  totpSecondsLeft,
  totpUri,
} from './totp-codes.ts'

// RFC 6238 appendix B, the rows of SHA-1. A code of six digits is the end of one of eight.
const rfcSecret = Buffer.from('12345678901234567890')
const vectors: [seconds: number, eightDigits: string][] = [
  [59, '94287082'],
  [1111111109, '07081804'],
  [1111111111, '14050471'],
  [1234567890, '89005924'],
  [2000000000, '69279037'],
  [20000000000, '65353130'],
]
for (const [seconds, eightDigits] of vectors) {
  test(`RFC 6238 appendix B at ${seconds} s`, () => {
    const at = new Date(seconds * 1000)
    const code = eightDigits.slice(2)
    assert.equal(totpCodeAt(rfcSecret, at), code)
    assert.equal(matchingTotpStep(rfcSecret, code, at, null), Math.floor(seconds / 30))
  })
}

// RFC 4226 appendix D: the first counters.
for (const [counter, code] of ['755224', '287082', '359152', '969429', '338314', '254676'].entries()) {
  test(`RFC 4226 appendix D, counter ${counter}`, () => {
    assert.equal(totpCodeAt(rfcSecret, new Date(counter * 30_000)), code)
  })
}

const at = new Date(1111111111_000)
const step = Math.floor(1111111111 / 30)
const codeOf = (steps: number): string => totpCodeAt(rfcSecret, new Date(at.getTime() + steps * 30_000))
const drift: [what: string, code: string, lastStep: number | null, want: number | null][] = [
  ['now', codeOf(0), null, step],
  ['a step behind', codeOf(-1), null, step - 1],
  ['a step ahead', codeOf(1), null, step + 1],
  ['two steps behind', codeOf(-2), null, null],
  ['two steps ahead', codeOf(2), null, null],
  ['with a space', `${codeOf(0).slice(0, 3)} ${codeOf(0).slice(3)}`, null, step],
  ['the same again', codeOf(0), step, null],
  ['one before the last that was taken', codeOf(-1), step, null],
  ['one after the last that was taken', codeOf(0), step - 1, step],
  ['five digits', codeOf(0).slice(1), null, null],
  ['another', codeOf(0) === '000000' ? '000001' : '000000', null, null],
  ['eight digits', '14050471', null, null],
  ['nothing', '', null, null],
]
for (const [what, code, lastStep, want] of drift) {
  test(`a code: ${what}`, () => assert.equal(matchingTotpStep(rfcSecret, code, at, lastStep), want))
}

test('a code holds for 30 seconds', () => {
  const lefts: [ms: number, seconds: number][] = [
    [0, 30],
    [1, 30],
    [1000, 29],
    [29_000, 1],
    [29_999, 1],
    [30_000, 30],
  ]
  for (const [ms, seconds] of lefts) assert.equal(totpSecondsLeft(new Date(ms)), seconds, `${ms}`)
})

test('six digits are a code, with a space or not', () => {
  for (const code of ['123456', '123 456', ' 123456 ']) assert.ok(isTotpCode(code), code)
  for (const code of ['12345', '1234567', '12345a', '', 'x3k9-7dqa-m2vt', '١٢٣٤٥٦'])
    assert.ok(!isTotpCode(code), code)
})

test('a new secret has 160 bits, and is another each time', () => {
  const made = Array.from({ length: 100 }, generateTotpSecret)
  assert.ok(made.every((secret) => secret.length === 20))
  assert.equal(new Set(made.map(formatTotpSecret)).size, 100)
})

test('what is written reads back the same, in any case and grouping', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (bytes) => {
      const secret = Buffer.from(bytes)
      const text = formatTotpSecret(secret)
      const grouped = text.toLowerCase().replace(/.{4}/g, '$& ')
      for (const form of [text, grouped, `${text}====`, text.replace(/.{8}/g, '$&-')]) {
        assert.deepEqual(parseTotpSecret(form), secret, form)
      }
    }),
  )
})

test('any text is a secret or is none', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const secret = parseTotpSecret(text)
      assert.ok(secret === null || (secret.length >= 16 && secret.length <= 64))
    }),
  )
})

const refused = [
  '',
  ' ',
  '====',
  'GEZDGNBVGY3TQOJQ', // 80 bits
  'GEZDGNBVGY3TQOJQGEZDGNBVGZ', // 130 bits, of which the last two are lost and are not zero
  'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ0', // no 0 in base32
  'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ!',
  'GEZDGNBVGY=TQOJQGEZDGNBVGY3TQOJQ',
  'otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
  'A'.repeat(128), // 640 bits
]
for (const text of refused) {
  test(`no secret: ${text.slice(0, 40)}`, () => assert.equal(parseTotpSecret(text), null))
}

test('the address of the QR code says all that an app needs', () => {
  const uri = totpUri(rfcSecret, 'Ann: & Söhne', 'ann+x@demo.test')
  const parsed = URI.parse(uri)
  assert.ok(parsed instanceof TOTP)
  assert.equal(parsed.issuer, 'Ann  & Söhne')
  assert.equal(parsed.label, 'ann+x@demo.test')
  assert.equal(parsed.secret.base32, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  assert.deepEqual([parsed.algorithm, parsed.digits, parsed.period], ['SHA1', 6, 30])
  assert.match(uri, /^otpauth:\/\/totp\//)
})
