import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { previewCharsMax, previewOfText } from './preview-text.ts'

const plainRows: [what: string, text: string, want: string][] = [
  ['nothing', '', ''],
  ['only white space', ' \r\n\t\r\n\u00a0', ''],
  ['lines become one', 'Hello Ann,\r\n\r\nthis is\r\n   all.\r\n', 'Hello Ann, this is all.'],
  ['quoted lines are left out', 'Yes.\r\n> really?\r\n>> no\r\nBye', 'Yes. Bye'],
  ['with what introduces them', 'Yes.\r\n\r\nOn Monday Ann wrote:\r\n> really?\r\n', 'Yes.'],
  [
    'over two lines',
    'Yes.\r\n\r\nOn Mon, 1 Jan 2024 at 10:00, Ann <a@b.test>\r\nwrote:\r\n\r\n> really?\r\n',
    'Yes.',
  ],
  ['but not a colon before other text', 'Buy:\r\nmilk', 'Buy: milk'],
  ['a reply without words of its own', '> first\r\n> > second\r\n', 'first second'],
  ['the signature', 'Bye\r\n-- \r\nBob, Head of Bobs\r\n', 'Bye'],
  ['dashes that are none', 'a\r\n--\r\nb', 'a -- b'],
  ['drawn lines', '=====\r\nNews\r\n_________\r\n* one', 'News * one'],
  ['controls', 'a\0b\x07c\x1b[0m', 'a b c [0m'],
  ['characters without a width', 'a\u200bb\ufeff \u034f\u200c \u034f\u200c c', 'ab c'],
  [
    'a zero-width joiner that joins',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f466} hi',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f466} hi',
  ],
  ['lone surrogates', 'a\ud800b', 'a\ufffdb'],
  ['markup is text here', '<b>bold</b>', '<b>bold</b>'],
]
const htmlRows: [what: string, text: string, want: string][] = [
  ['tags go, blocks part words', '<p>Hello <b>A</b>nn,</p><p>all<br>well</p>', 'Hello Ann, all well'],
  [
    'head, style and script',
    '<html><head><title>T</title><style>p{}</style></head><script>1<2</script><body>x',
    'x',
  ],
  ['a style that never ends', 'a<style>b', 'a'],
  ['comments', 'a<!-- b > c -->d<!--[if mso]>e<![endif]-->f<!doctype html>g', 'adfg'],
  ['a comment that never ends', 'a<!-- b', 'a'],
  ['> in a value', '<img alt="a > b" src=x>c', 'c'],
  ['a quote that never closes', '<a href="x>b</a>', 'b'],
  ['< that begins no tag', '1 < 2 <3', '1 < 2 <3'],
  [
    'entities',
    '&lt;&amp;&gt; &#65;&#x42; &auml;&Auml;&szlig; &euro;&nbsp;5 &unknown; &amp &#0;&#xd800;',
    '<&> AB äÄß € 5 &unknown; & \ufffd\ufffd',
  ],
  ['an entity is decoded once', '&amp;lt;', '&lt;'],
  ['quotes', '<div>Yes</div><blockquote>really?<blockquote>no</blockquote></blockquote><p>Bye', 'Yes Bye'],
  ['nothing but quotes', '<blockquote>really?</blockquote>', 'really?'],
  [
    'a preheader and its fillers',
    `<div style="display:none">Sale!${'&zwnj;&nbsp;'.repeat(50)}</div>Dear`,
    'Sale! Dear',
  ],
  ['upper case', '<STYLE>x</STYLE><P>A</P>', 'A'],
  ['an empty element in the svg manner', '<svg/>a', 'a'],
]

describe('previewOfText', () => {
  for (const [what, text, want] of plainRows) {
    test(`plain: ${what}`, () => assert.equal(previewOfText(text, 'plain'), want))
  }
  for (const [what, text, want] of htmlRows) {
    test(`html: ${what}`, () => assert.equal(previewOfText(text, 'html'), want))
  }

  test('at most 200 characters, and none is cut in two', () => {
    assert.equal(previewOfText('x'.repeat(500), 'plain'), 'x'.repeat(previewCharsMax))
    assert.equal(previewOfText('\u{1f600}'.repeat(500), 'plain'), '\u{1f600}'.repeat(previewCharsMax))
    const family = '\u{1f468}\u200d\u{1f469}\u200d\u{1f466}'
    assert.equal(previewOfText(family.repeat(100), 'plain'), family.repeat(40))
    assert.equal([...previewOfText(`a${'\u0301'.repeat(500)}`, 'plain')].length, previewCharsMax)
  })

  test('for any text: one line, bounded, well formed, and it does not throw', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '"',
      "'",
      '<a ',
      '<!--',
      '-->',
      '</',
      'style',
      '&',
      '#',
      ';',
      '> ',
      '\r\n',
      '-- ',
      ':',
      '\ud83d',
      '\u200c',
      'x',
      ' ',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 200 }).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, fc.constantFrom('plain' as const, 'html' as const), (value, kind) => {
        const preview = previewOfText(value, kind)
        assert.ok([...preview].length <= previewCharsMax)
        assert.ok(preview.isWellFormed())
        assert.doesNotMatch(preview, /\p{Cc}/u)
        assert.equal(preview, preview.trim())
      }),
      { numRuns: 2_000 },
    )
  })

  test('hostile texts do not take long', () => {
    const units = [
      '<a "',
      "<a '",
      '<',
      '<!',
      '<!--',
      '<style>',
      '<blockquote>',
      '&',
      '&#',
      '&amp',
      '>',
      '> ',
      ':\n',
      '\u200c ',
      '-- \n',
      '=',
      ' ',
    ]
    for (const unit of units) {
      for (const kind of ['plain', 'html'] as const) {
        const started = performance.now()
        previewOfText(unit.repeat(Math.ceil(200_000 / unit.length)), kind)
        assert.ok(performance.now() - started < 1_000, `${kind} ${unit}`)
      }
    }
  })
})
