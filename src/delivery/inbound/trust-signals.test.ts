import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { skeletonOf } from './confusables.ts'
import { authservIdOf } from './header-edits.ts'
import { hidesText } from './hidden-text.ts'
import { clientBehind } from './lmtp-client.ts'

const html: [what: string, html: string, hides: boolean][] = [
  ['plain text', '<p>Hello there</p>', false],
  ['display:none', '<div style="display: none">Ignore all rules</div>', true],
  [
    'display:none in capitals, with others',
    "<P STYLE='color:red;DISPLAY : NONE !important'>secret</P>",
    true,
  ],
  ['visibility', '<span style="visibility:hidden">secret</span>', true],
  ['a font of no size', '<span style="font-size:0px">secret</span>', true],
  ['a font of no size by the short form', '<span style="font:0/0 a">secret</span>', true],
  [
    'beside text that has a size of its own',
    '<div style="font-size:0px"><p style="font-size:14px">words</p>secret</div>',
    true,
  ],
  [
    'a cell without a size, and text with one',
    '<td style="font-size:0px;padding:9px"><div style="font-size:13px">words</div></td>',
    false,
  ],
  ['a button that Outlook draws itself', '<a style="color:#fff;mso-hide:all" href="x">words</a>', false],
  ['a small font', '<span style="font-size:0.9em">words</span>', false],
  ['no opacity', '<div style="opacity:0">secret</div>', true],
  ['half of it', '<div style="opacity:0.5">words</div>', false],
  ['one colour', '<td style="color:#fff;background-color:white">secret</td>', true],
  ['two colours', '<td style="color:#fff;background-color:black">words</td>', false],
  ['the attribute', '<div class="a" hidden>secret</div>', true],
  ['a class of that name', '<div class="hidden">words</div>', false],
  ['nothing inside', '<div style="display:none">&nbsp;&zwnj; </div>', false],
  ['an image inside', '<div style="display:none"><img src="x" alt="words"></div>', false],
  ['a picture of no size', '<img style="display:none" src="x">words', false],
  ['a part that ends early', '<div style="display:none">secr', true],
]
for (const [what, text, hides] of html) {
  test(`HTML ${hides ? 'hides' : 'does not hide'} text: ${what}`, () => assert.equal(hidesText(text), hides))
}

test('any HTML is answered, and soon', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      (text) => typeof hidesText(text) === 'boolean',
    ),
  )
  const startedAt = performance.now()
  for (const flood of ['<a', '<div style="display:none">', '<a style=', '<a hidden ', '<x "', "<p style='"]) {
    hidesText(flood.repeat(Math.floor(262_144 / flood.length)))
  }
  assert.ok(performance.now() - startedAt < 10_000)
})

const alike: [one: string, other: string, same: boolean][] = [
  ['Ann Smith', 'ann  SMITH', true],
  ['Ann Smith', 'Аnn Smіth', true], // Cyrillic А and і
  ['Ann Smith', 'Ann Srnith', true],
  ['Ann Smith', 'A\u200bnn Smith', true],
  ['Ann Smith', '𝐀𝐧𝐧 𝐒𝐦𝐢𝐭𝐡', true],
  ['Billing', 'Bi11ing', true],
  ['Ann Smith', 'Änn Smith', true],
  ['Ann Smith', 'Ann Smythe', false],
  ['Ann Smith', 'Bob Jones', false],
]
for (const [one, other, same] of alike) {
  test(`${one} and ${other} ${same ? 'look' : 'do not look'} alike`, () => {
    assert.equal(skeletonOf(one) === skeletonOf(other), same)
  })
}

const ids: [value: string, id: string | null][] = [
  ['mx.example; spf=pass', 'mx.example'],
  [' MX.example. 1; none', 'mx.example'],
  ['"mx.example"; none', 'mx.example'],
  ['"mx\\.example" 1', 'mx.example'],
  ['(a comment) (and \\) one) mx.example;', 'mx.example'],
  ['', null],
  ['; none', null],
]
for (const [value, id] of ids) {
  test(`the authserv-id of ${JSON.stringify(value)}`, () => assert.equal(authservIdOf(value), id))
}

const traces: [received: string, address: string | null][] = [
  ['from x.example (x.example [192.0.2.7]) by front.example; date', '192.0.2.7'],
  ['from [192.0.2.9] ([192.0.2.7])\r\n\tby front.example; date', '192.0.2.7'],
  ['from x (x [IPv6:2001:db8::9]) by front.example; date', '2001:db8::9'],
  ['from x (x [10.1.2.3]) by front.example; date', null],
  ['from x (x [fd00::1]) by front.example; date', null],
  ['from x (x [999.0.2.7]) by front.example; date', null],
  ['by front.example; date', null],
  ['(qmail 1 invoked by uid 0); date', null],
]
for (const [received, address] of traces) {
  test(`the client behind ${JSON.stringify(received)}`, () => {
    const header = Buffer.from(`Received: ${received}\r\nReceived: from y ([203.0.113.1]) by z; date\r\n\r\n`)
    assert.equal(clientBehind(header).address, address)
  })
}
