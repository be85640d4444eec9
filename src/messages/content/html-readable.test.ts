/** HTML as readable text: what becomes of paragraphs, lists, links, tables, quotes, and of what is hidden or broken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readableText } from './html-readable.ts'

const cases: [string, string, string][] = [
  ['paragraphs', '<p>One</p><p>Two</p>', 'One\n\nTwo'],
  ['divisions', '<div>One</div><div>Two</div>', 'One\nTwo'],
  ['line breaks', 'One<br>Two<br><br>Three', 'One\nTwo\n\nThree'],
  ['an empty line of editors', '<div>One</div><div><br></div><div>Two</div>', 'One\n\nTwo'],
  [
    'paragraphs of Outlook',
    '<p class="MsoNormal">One</p><p class="MsoNormal">&nbsp;</p><p class="MsoNormal">Two</p>',
    'One\n\nTwo',
  ],
  ['white space', '<p>  One \n  two\t</p>\n\n <p> three</p>', 'One two\n\nthree'],
  ['preformatted', '<pre>a\n  b\n\nc</pre>', 'a\n  b\n\nc'],
  ['a list', '<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>', '- a\n- b\n\n  - c'],
  ['numbers', '<ol><li>a<li>b</ol>', '1. a\n2. b'],
  ['a link', '<a href="https://example.org/a?b=1&amp;c=2">here</a>', 'here <https://example.org/a?b=1&c=2>'],
  ['a link that says where', '<a href="https://example.org/">example.org</a>', 'example.org'],
  ['an address', '<a href="mailto:ann@example.org">ann@example.org</a>', 'ann@example.org'],
  ['a script as a link', '<a href="javascript:alert(1)">here</a>', 'here'],
  ['a picture', '<img src="cid:1" alt="Our house">', '[Our house]'],
  ['a table', '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>', 'a b\nc'],
  ['a quote', '<p>x</p><blockquote><p>a</p><blockquote>b</blockquote></blockquote>', 'x\n\n> a\n>\n> > b'],
  [
    'entities',
    'a &lt;b&gt; &amp;amp; &eacute; &#8364; &#x1F600; &nope;',
    'a <b> &amp; \u00e9 \u20ac \u{1f600} &nope;',
  ],
  [
    'what is hidden',
    '<style>p{}</style><script>x()</script><p hidden>a</p><p style="display: none">b</p><p>c</p>',
    'c',
  ],
  ['a head without an end', '<head><title>t</title><style>p{}</style><body><p>a</p>', 'a'],
  ['comments', 'a<!-- b > c -->d<![if !mso]>e<![endif]>', 'ade'],
  ['what is broken', '<p>a <b>b</p></i><div>c<', 'a b\n\nc<'],
]

for (const [name, html, text] of cases) test(name, () => assert.equal(readableText(html), text))

const pieces = fc.constantFrom(
  '<p>',
  '</p>',
  '<div>',
  '</div>',
  '<ul>',
  '<li>',
  '</ul>',
  '<ol>',
  '<br>',
  '<blockquote>',
  '</blockquote>',
  '<pre>',
  '<a href="https://a.b/">',
  '</a>',
  '<td>',
  '<!--',
  '-->',
  'text',
  ' ',
  '&lt;',
  '&',
  '<',
  '>',
  '"',
  '\u00a0',
)

test('never longer than the HTML, and never throws', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 60 }), (list) => {
      const html = list.join('')
      assert.ok(readableText(html).length <= html.length)
    }),
  )
})
