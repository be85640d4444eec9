import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withoutHiddenElements } from './hidden-elements.ts'
import { readHtmlLines } from './html-lines.ts'

function seen(html: string): string {
  return readHtmlLines(withoutHiddenElements(html).html)
    .map(({ text }) => text)
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim()
}

const hiding: [what: string, html: string][] = [
  ['the attribute', '<p hidden>SECRET</p>'],
  ['display', '<div style="display:none">SECRET</div>'],
  ['display in capitals with spaces', '<div STYLE="color:red; DISPLAY : none !important">SECRET</div>'],
  ['display with a comment in it', '<div style="display:/*x*/none">SECRET</div>'],
  ['visibility', '<span style="visibility:hidden">SECRET</span>'],
  ['a font of no size', '<span style="font-size:0">SECRET</span>'],
  ['a font of one pixel', '<span style="font-size:1px">SECRET</span>'],
  ['opacity', '<span style="opacity:0.01">SECRET</span>'],
  ['no height', '<div style="max-height:0;overflow:hidden">SECRET</div>'],
  ['a place outside of the window', '<div style="position:absolute;left:-9999px">SECRET</div>'],
  ['an indent', '<div style="text-indent:-9999px">SECRET</div>'],
  ['a transparent colour', '<span style="color:transparent">SECRET</span>'],
  ['its own ground’s colour', '<td style="color:#fff;background-color:#FFFFFF">SECRET</td>'],
  ['white on nothing', '<span style="color:white">SECRET</span>'],
  ['white of <font>', '<font color="#ffffff">SECRET</font>'],
  ['a clip', '<span style="clip:rect(0 0 0 0)">SECRET</span>'],
  ['Outlook', '<span style="mso-hide:all">SECRET</span>'],
  ['a class of a style sheet', '<style>.a,.h{color:red;display:none}</style><p class="x h">SECRET</p>'],
  ['an id of a style sheet', '<style>/* } */ #h { visibility: hidden }</style><p id=h>SECRET</p>'],
  ['a type of a style sheet', '<style>aside{font-size:0}</style><aside>SECRET</aside>'],
  ['a type with a class', '<style>p.h{display:none}</style><p class=h>SECRET</p>'],
  ['a font of no size by the short form', '<span style="font:0/0 a">SECRET</span>'],
  ['a font of no size around it', '<div style="font-size:0px"><p><b>SECRET</b></p></div>'],
  ['a size that is a part of none', '<div style="font-size:0"><p style="font-size:100%">SECRET</p></div>'],
  ['beside what has a size', '<div style="font-size:0"><p style="font-size:9px">x</p>SECRET</div>'],
  ['a font of no size within another', '<td style="font-size:0"><p style="font-size:1px">SECRET</p></td>'],
  ['a font of no size of a class', '<style>.z{font-size:0}</style><div class=z><p>SECRET</p></div>'],
  ['an element within it', '<div hidden>a<div>SECRET</div>b</div>'],
  ['an element that does not end', '<div hidden>SECRET'],
  ['an entity in the style', '<div style="display&#58;none">SECRET</div>'],
]

for (const [what, html] of hiding) {
  test(`hidden by ${what}: not seen, and what is around it is`, () => {
    assert.equal(
      seen(`<div>before</div>${html.includes('SECRET</') ? `${html}<div>after</div>` : html}`).includes(
        'SECRET',
      ),
      false,
    )
    assert.match(seen(`<div>before</div>${html}`), /before/)
    if (html.includes('SECRET</')) assert.match(seen(`${html}<div>after</div>`), /after/)
  })
}

const showing: [what: string, html: string][] = [
  ['a plain paragraph', '<p style="color:red;font-size:14px">TEXT</p>'],
  ['white on a dark ground', '<td bgcolor="#000"><span style="color:#fff">TEXT</span></td>'],
  ['what only another screen hides', '<style>@media print{.p{display:none}}</style><p class=p>TEXT</p>'],
  ['a paragraph after a hidden one without an end', '<p hidden>x<p>TEXT'],
  ['a cell after a hidden one', '<table><tr><td style="display:none">x<td>TEXT</table>'],
  ['text behind a hidden picture', '<img style="display:none">TEXT'],
  [
    'text with a size in a cell without one (MJML)',
    '<td style="direction:ltr;font-size:0px;padding:20px"><!--[if mso]><p>x</p><![endif]--><div style="font-size:0px;text-align:left"><table><tr><td style="font-size:0px"><div style="font-family:Arial;font-size:13px">TEXT</div></td></tr></table></div></td>',
  ],
  [
    'a size by the short form',
    '<p style="font-size:0"><span style="font:bold 14px/20px Arial">TEXT</span></p>',
  ],
  ['a size in another unit', '<p style="font-size:0"><span style="font-size:1rem">TEXT</span></p>'],
  ['a size by its name', '<p style="font-size:0"><span style="font-size:medium">TEXT</span></p>'],
  ['a size of a class', '<style>.s{font-size:12pt}</style><p style="font-size:0"><b class="s">TEXT</b></p>'],
  ['what follows a cell without a size', '<table><tr><td style="font-size:0">x<td>TEXT</table>'],
  ['a button that Outlook draws itself', '<a style="color:#fff;background:#00f;mso-hide:all">TEXT</a>'],
  ['a class that says nothing', '<style>.h{margin:0}</style><p class=h>TEXT</p>'],
  ['a margin', '<p style="margin-left:-1px;max-width:600px;line-height:1">TEXT</p>'],
]

for (const [what, html] of showing) {
  test(`seen: ${what}`, () => assert.match(seen(html), /TEXT/))
}

test('what is left out of a font of no size is counted once for an element, and blanks are not', () => {
  const html = '<div style="font-size:0"> <p>a<br>b&amp;c</p>&nbsp;<p style="font-size:9px">d</p></div>'
  assert.equal(withoutHiddenElements(html).removed, 1)
  assert.equal(seen(html), 'd')
  assert.deepEqual(withoutHiddenElements('<td style="font-size:0">&#8202;</td>').removed, 0)
})

test('it ends, and HTML with nothing hidden stays as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const html = text.replaceAll('<', '&lt;')
      assert.deepEqual(withoutHiddenElements(html), { html, removed: 0 })
    }),
  )
  for (const unit of [
    '<div hidden>',
    '<style>',
    '<style>/*',
    '<style>{',
    '<p hidden><p>',
    '</div>',
    '<a style="/*',
    '<p style="font-size:0">a&amp;',
    `<b style="font:${'0'.repeat(100)}">`,
    '<style>.a{font-size:0}</style><b class="a a a">x',
  ]) {
    const begun = performance.now()
    withoutHiddenElements(unit.repeat(50_000))
    assert.ok(performance.now() - begun < 5000, unit)
  }
})
