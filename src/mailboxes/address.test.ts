import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress, withoutDetail } from './address.ts'

const local64 = 'a'.repeat(64)
const domain189 = `${`${'d'.repeat(61)}.`.repeat(3)}tes`

const valid: [text: string, address: string, localPart?: string][] = [
  ['ann@example.com', 'ann@example.com'],
  ['Ann.Lee@Example.COM', 'ann.lee@example.com'],
  ['ann@example.com.', 'ann@example.com'],
  ["!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"], // RFC 5322 §3.2.3 atext, all of it
  ['a.b.c@example.com', 'a.b.c@example.com'],
  ['1@example.com', '1@example.com'],
  ['"ann"@example.com', 'ann@example.com', 'ann'], // RFC 5321 §4.1.2: the quotes are not part of it
  ['"ann lee"@example.com', '"ann lee"@example.com', 'ann lee'],
  ['"Ann..Lee"@example.com', '"ann..lee"@example.com', 'ann..lee'],
  ['".ann"@example.com', '".ann"@example.com', '.ann'],
  ['"a@b"@example.com', '"a@b"@example.com', 'a@b'],
  ['"a\\"b"@example.com', '"a\\"b"@example.com', 'a"b'],
  ['"a\\\\b"@example.com', '"a\\\\b"@example.com', 'a\\b'],
  ['"a\\nn"@example.com', 'ann@example.com', 'ann'], // a quoted-pair of a letter is the letter
  ['" "@example.com', '" "@example.com', ' '],
  ['ann@bücher.example', 'ann@xn--bcher-kva.example'],
  ['JÖRG@example.com', 'jörg@example.com'], // RFC 6531 §3.3
  ['jo\u0308rg@example.com', 'jörg@example.com'], // NFC
  ['J\u030c@example.com', 'ǰ@example.com'], // one code point in lower case only
  ['用户@例子.广告', '用户@xn--fsqu00a.xn--4rr70v'],
  ['"jörg lee"@example.com', '"jörg lee"@example.com', 'jörg lee'],
  ['\u212a@example.com', 'k@example.com'], // the Kelvin sign is a K
  ['a\u037e@example.com', '"a;"@example.com', 'a;'], // NFC makes it a semicolon, which needs quotes
  [`${local64}@example.com`, `${local64}@example.com`],
  [`${local64}@${domain189}`, `${local64}@${domain189}`],
]
for (const [text, address, localPart] of valid) {
  test(`${text.slice(0, 60)} is ${address.slice(0, 60)}`, () => {
    const parsed = parseAddress(text)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.problem)
    assert.equal(parsed.value.address, address)
    assert.equal(parsed.value.domain, address.slice(address.lastIndexOf('@') + 1))
    assert.equal(parsed.value.localPart, localPart ?? address.slice(0, address.lastIndexOf('@')))
  })
}

const invalid: [text: string, problem: RegExp][] = [
  ['', /no @/],
  ['ann', /no @/],
  ['@example.com', /nothing before/],
  ['ann@', /domain/],
  ['ann@localhost', /domain/],
  ['ann@[127.0.0.1]', /domain/], // RFC 5321 §4.1.3 address literals have no mailboxes here
  ['ann@127.0.0.1', /domain/],
  ['ann@example.com/path', /domain/],
  ['ann@example.com ', /domain/],
  ['ann@example.com\r\nRCPT TO:<bob@example.com>', /domain/],
  ['ann@exam\r\nple.com', /domain/],
  ['ann@-example.com', /domain/],
  ['ann@example..com', /domain/],
  ['ann lee@example.com', /quotes/],
  [' ann@example.com', /quotes/],
  ['.ann@example.com', /dot/],
  ['ann.@example.com', /dot/],
  ['ann..lee@example.com', /dot/],
  ['ann@lee@example.com', /quotes/],
  ['ann(comment)@example.com', /quotes/],
  ['<ann@example.com', /quotes/],
  ['ann,lee@example.com', /quotes/],
  ['ann\\@example.com', /quotes/],
  ['""@example.com', /quotes/],
  ['"ann@example.com', /quotes/],
  ['ann"@example.com', /quotes/],
  ['"ann"lee@example.com', /quotes/],
  ['"a"b"@example.com', /quotes/],
  ['"ann\\"@example.com', /quotes/],
  ['ann\u0000@example.com', /cannot be seen/],
  ['ann\u007f@example.com', /cannot be seen/],
  ['"a\tb"@example.com', /cannot be seen/],
  ['"a\r\nb"@example.com', /cannot be seen/],
  ['ann\u200b@example.com', /cannot be seen/],
  ['ann\u202e@example.com', /cannot be seen/],
  ['ann\u00a0lee@example.com', /cannot be seen/],
  ['ann\u2028@example.com', /cannot be seen/],
  ['ann\ud800@example.com', /cannot be seen/],
  ['ann\ue000@example.com', /cannot be seen/],
  [`${local64}a@example.com`, /64 bytes/],
  [`"${'a'.repeat(63)}"@example.com`, /64 bytes/],
  [`${'ö'.repeat(33)}@example.com`, /64 bytes/],
  [`${'Ⱥ'.repeat(30)}@example.com`, /64 bytes/], // fits as it is written, and not in lower case
  [`${local64}@x${domain189}`, /254 bytes/],
]
for (const [text, problem] of invalid) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused`, () => {
    const parsed = parseAddress(text)
    assert.ok(!parsed.ok)
    assert.match(parsed.problem, problem)
  })
}

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom('@', '"', '\\', '.', '+', 'é', 'e\u0301', 'İ', 'ẞ', 'Σ', 'J\u030c', ' '),
)
const localParts = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''))
const quotedParts = localParts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)
const texts = fc.oneof(
  localParts,
  localParts.map((text) => `${text}@example.com`),
  quotedParts.map((text) => `${text}@example.com`),
  fc.tuple(localParts, localParts).map(([local, domain]) => `${local}@${domain}.test`),
)

test('whatever the text, the answer is an address or a problem, and a canonical address stands for itself', () => {
  let accepted = 0
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = parseAddress(text)
      if (!parsed.ok) return assert.notEqual(parsed.problem, '')
      accepted++
      const { address, localPart } = parsed.value
      assert.deepEqual(parseAddress(address), parsed)
      assert.ok(Buffer.byteLength(address) <= 254)
      assert.equal(localPart, localPart.normalize('NFC'))
      assert.ok(address.isWellFormed())
    }),
    { numRuns: 5000 },
  )
  assert.ok(accepted > 200, `only ${accepted} were addresses`)
})

test('what anyone could write between quotes is that local part', () => {
  const printable = fc.string({ unit: fc.constantFrom(...'abz019 .@"\\<>()+ü'), minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(printable, (localPart) => {
      const parsed = parseAddress(`"${localPart.replace(/["\\]/g, '\\$&')}"@example.com`)
      assert.ok(parsed.ok)
      assert.equal(parsed.value.localPart, localPart)
    }),
  )
})

const details: [text: string, base: string | null][] = [
  ['ann+news@example.com', 'ann@example.com'],
  ['ann+a+b@example.com', 'ann@example.com'],
  ['ann+@example.com', 'ann@example.com'],
  ['"ann lee+x"@example.com', '"ann lee"@example.com'],
  ['"ann.+x"@example.com', '"ann."@example.com'],
  ['ann@example.com', null],
  ['+news@example.com', null],
  ['ann-news@example.com', null],
]
for (const [text, base] of details) {
  test(`${text} without its detail is ${base ?? 'nothing else'}`, () => {
    const parsed = parseAddress(text)
    assert.ok(parsed.ok)
    assert.equal(withoutDetail(parsed.value), base)
  })
}
