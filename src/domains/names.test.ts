import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPublicSuffix, isSandboxName, parseDomainName } from './names.ts'

const label63 = 'a'.repeat(63)
const bytes253 = `${`${label63}.`.repeat(3)}${'b'.repeat(56)}.test`

const rows: [text: string, want: string | null][] = [
  ['example.com', 'example.com'],
  ['EXAMPLE.Com', 'example.com'],
  ['example.com.', 'example.com'], // RFC 1034 §3.1: the root’s empty label
  ['a.b.c.d.e.test', 'a.b.c.d.e.test'],
  ['1.example', '1.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['bu\u0308cher.example', 'xn--bcher-kva.example'],
  ['faß.de', 'xn--fa-hia.de'], // IDNA 2008 (RFC 5891), not ss as in 2003
  ['例え。テスト', 'xn--r8jz45g.xn--zckzah'], // UTS 46: the ideographic full stop
  ['ｅｘａｍｐｌｅ.com', 'example.com'],
  [`${label63}.test`, `${label63}.test`],
  [bytes253, bytes253],
  ['', null],
  ['.', null],
  ['localhost', null],
  ['com.', null],
  ['.example.com', null],
  ['example..com', null],
  ['example.com..', null],
  ['-a.example', null],
  ['a-.example', null],
  ['a_b.example', null],
  ['a b.example', null],
  [' example.com', null],
  ['example.com\n', null],
  ['exam\nple.com', null],
  ['exam\tple.com', null],
  ['example.com/path', null],
  ['example.com?query', null],
  ['example.com#part', null],
  ['example.com:25', null],
  ['ann@example.com', null],
  ['ex%61mple.com', null],
  ['exa\\mple.com', null],
  ['*.example.com', null],
  [`${label63}a.test`, null],
  [`b${bytes253}`, null],
  ['127.0.0.1', null],
  ['0x7f.0.0.1', null],
  ['256.256.256.256', null],
  ['[127.0.0.1]', null],
  ['[::1]', null],
  ['::1', null],
  ['example.123', null], // RFC 3696 §2: a top-level name is not all digits
  ['xn--.example', null],
  ['xn--\u0080.example', null],
  ['a\u200bb\u0000.example', null],
]
for (const [text, want] of rows) {
  test(`${JSON.stringify(text.slice(0, 40))} (${text.length}) is ${want === null ? 'no name' : want.slice(0, 40)}`, () => {
    assert.equal(parseDomainName(text), want)
  })
}

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.stringMatching(/^[a-zA-Z0-9-]{1,10}$/),
  fc.constantFrom('.', '。', 'xn--', 'test', 'é', 'ß', 'İ', '%', '/', '@'),
)
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
const dotted = fc.array(piece, { minLength: 2, maxLength: 5 }).map((pieces) => pieces.join('.'))

test('whatever the text, there is a canonical name or none, and the name stands for itself', () => {
  fc.assert(
    fc.property(fc.oneof(text, dotted), (input) => {
      const name = parseDomainName(input)
      if (name === null) return
      assert.match(name, /^[a-z0-9.-]{3,253}$/)
      assert.equal(parseDomainName(name), name)
      assert.equal(parseDomainName(`${name}.`), name)
      assert.equal(parseDomainName(name.toUpperCase()), name)
    }),
    { numRuns: 2000 },
  )
})

const suffixes: [name: string, want: boolean][] = [
  ['co.uk', true],
  ['foo.ck', true], // *.ck
  ['www.ck', false], // !www.ck
  ['公司.cn', true],
  ['example.co.uk', false],
  ['example.com', false],
  ['github.io', false], // a company’s, not a registry’s
  ['demo.test', false],
]
for (const [text, want] of suffixes) {
  test(`${text} is ${want ? '' : 'not '}a registry’s own name`, () => {
    const name = parseDomainName(text)
    assert.ok(name)
    assert.equal(isPublicSuffix(name), want)
  })
}

const sandboxes: [name: string, want: boolean][] = [
  ['demo.test', true],
  ['a.b.TEST.', true],
  ['test.example', false],
  ['demotest.example', false],
  ['demo.latest', false],
]
for (const [text, want] of sandboxes) {
  test(`${text} is ${want ? '' : 'not '}a sandbox`, () => {
    const name = parseDomainName(text)
    assert.ok(name)
    assert.equal(isSandboxName(name), want)
  })
}
