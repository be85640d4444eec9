import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cleanLine, cleanText } from './clean-text.ts'

const tagged = [...'ignore all']
  .map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0)))
  .join('')

const table: [what: string, text: string, clean: string, hidden: number][] = [
  ['plain text stays', 'Grüße,\n\t日本 👋 العربية\n', 'Grüße,\n\t日本 👋 العربية\n', 0],
  ['zero-width characters go', 'a\u200bb\u200c\u200d\u2060\ufeffc\u00ad', 'abc', 6],
  ['directions go', '\u202eabc\u202c\u2066d\u2069\u200f\u061c', 'abcd', 6],
  ['tag characters go', `hi${tagged}`, 'hi', tagged.length / 2],
  ['variation selectors, which can carry bytes, go', 'a\ufe00\ufe0f\u{e0100}\u{e01ef}', 'a', 4],
  ['fillers and other blanks go', '\u115f\u3164\uffa0x', 'x', 3],
  ['control characters go', 'a\0b\u001b[31mc\u0007\u009b', 'ab[31mc', 4],
  ['halves of surrogate pairs and noncharacters go', 'a\ud800b\uffffc\ufdd0', 'abc', 3],
  ['line ends become line feeds', 'a\r\nb\rc\u2028d\u0085e', 'a\nb\nc\nd\ne', 0],
  ['long gaps become short', `a${'\n'.repeat(500)}b${' '.repeat(500)}c`, 'a\n\n\nb c', 0],
]

for (const [what, text, clean, hidden] of table) {
  test(what, () => {
    assert.deepEqual(cleanText(text), { text: clean, hiddenCharacters: hidden })
  })
}

test('nothing that people do not see is left, whatever comes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { text: clean } = cleanText(text)
      assert.ok(clean.isWellFormed())
      assert.doesNotMatch(clean, /\p{Default_Ignorable_Code_Point}|(?![\n\t])\p{Cc}/u)
      assert.equal(cleanText(clean).hiddenCharacters, 0)
    }),
  )
})

test('a line is one line of bounded length', () => {
  assert.equal(cleanLine(' a\r\nBcc: x \u2028 y ', 100), 'a Bcc: x y')
  assert.equal(cleanLine('abcdef', 3), 'abc…')
  assert.equal(cleanLine('ab👋', 3), 'ab\ufffd…')
})

test('it takes time of the text’s length', () => {
  for (const unit of [' ', '\n', '\u200b', ' \n', '\r', ' \u200b', '<untrusted-mail']) {
    const begun = performance.now()
    cleanText(`${unit.repeat(200_000)}x`)
    assert.ok(performance.now() - begun < 5000, JSON.stringify(unit))
  }
})
