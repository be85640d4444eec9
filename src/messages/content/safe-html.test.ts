/** A stranger's HTML: what may stay, what may not, and that what comes out is always balanced and harmless. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { safeHtml } from './safe-html.ts'
import { safeStyle } from './safe-style.ts'

const options = { contentId: (id: string) => (id === 'known' ? 'new' : null) }

const rows: [html: string, want: string][] = [
  ['<p>a &amp; b</p>', '<p>a &amp; b</p>'],
  ['<B>x', '<b>x</b>'],
  ['a < b', 'a &lt; b'],
  ['<p title="&quot;><script>x</script>">y</p>', '<p title="&quot;&gt;&lt;script&gt;x&lt;/script&gt;">y</p>'],
  ['<script>a</script>b<style>c</style>d', 'bd'],
  ['<scr<script>x</script>ipt>y', 'xipt&gt;y'], // an element of the name “scr<script”, and text
  ['<a href="HTTPS://x.example/">l</a>', '<a href="HTTPS://x.example/" rel="noopener noreferrer">l</a>'],
  ['<a href=" javascript:x">l</a>', '<a>l</a>'],
  ['<a href="java\tscript:x">l</a>', '<a>l</a>'],
  ['<a href="data:text/html,x">l</a>', '<a>l</a>'],
  ['<a href="//x.example">l</a>', '<a>l</a>'],
  ['<img src="cid:known" onerror=x alt="a">', '<img alt="a" src="cid:new">'],
  ['<img src="https://x.example/p.png" alt="&lt;b&gt;">', '&lt;b&gt;'],
  ['<img src="cid:other">', ''],
  ['<font color="red" face="a">x</font>', '<font color="red" face="a">x</font>'],
  ['<custom-tag class=x id=y>in</custom-tag>', 'in'],
  ['<svg><p>s</p></svg>t', 't'],
  ['<noscript><p title="</noscript><img src=x onerror=y>"></noscript>t', 't'],
  ['<!-- c --><?xml x?>d', 'd'],
  ['</p></div>x', '<p></p>x'],
  ['<table><tr><td>1<td>2</table>', '<table><tr><td>1</td><td>2</td></tr></table>'],
  ['<blockquote type="cite">q', '<blockquote type="cite">q</blockquote>'],
  ['<html><head><title>t</title><meta charset=x><base href="//x"><body onload=x><p>b', '<p>b</p>'],
]
for (const [html, want] of rows) {
  test(html, () => assert.equal(safeHtml(html, options), want))
}

const styles: [style: string, want: string][] = [
  ['color:red;font-size: 12px', 'color: red; font-size: 12px'],
  ['background-color: rgb(1, 2, 3)', 'background-color: rgb(1, 2, 3)'],
  ['background: url(x)', ''],
  ['background-color: url(x)', ''],
  ['color: expression(x)', ''],
  ['color: var(--x)', ''],
  ['position: fixed; color: blue', 'color: blue'],
  ['margin: -999px; margin-top: 1px', 'margin-top: 1px'],
  ['margin: 0-999px; text-indent: -999px; letter-spacing: -.9em', ''],
  ['word-spacing: +-1px; font-family: sans-serif', 'font-family: sans-serif'],
  ['col\\6fr: red', ''],
  ['color/**/: red', ''],
  ['color: red; } body { color: blue', ''],
]
for (const [style, want] of styles) {
  test(`style: ${style}`, () => assert.equal(safeStyle(style), want))
}

/** Elements with their checked attributes in double quotes, end tags, and text: there is nothing else. */
const harmless =
  /^(?:[^<>]|<\/[a-z]+[1-6]?>|<[a-z]+[1-6]?(?: (?:href="(?:https?:\/\/|mailto:|tel:)[^"<>]*"|src="cid:[^"<>]*"|(?!href|src|on|class|id|name|action)[a-z]+="[^"<>]*"))*>)*$/i

/** What pages are attacked with: nested, broken off, in other languages, in schemes, and in styles. */
const attacks = [
  '<script>alert(1)</script>',
  '<scr<script>ipt>alert(1)</scr</script>ipt>',
  '<<script>alert(1)//<</script>',
  '<script/src=//x.example></script>',
  '<ScRiPt x="</script>">alert(1)</sCrIpT\n>',
  '<img src=x onerror=alert(1)>',
  '<img src="x` `onerror=alert(1)//">',
  '<img src=`x`onerror=alert(1)>',
  '<img """><script>alert(1)</script>">',
  '<img src="cid:a&quot; onerror=&quot;alert(1)">',
  '<img src="cid:a%22%20onerror=alert(1)//">',
  `<p title='"><img src=x onerror=alert(1)>'>`,
  '<p/onclick=alert(1)/style=x>x',
  '<p\0onclick=alert(1)>x',
  '<svg onload=alert(1)>',
  '<svg><script>alert(1)</script></svg>',
  '<svg><style><img src=x onerror=alert(1)></style></svg>',
  '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x></svg>',
  '<svg></p><style><a id="</style><img src=x onerror=alert(1)>">',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=alert(1)&gt;">',
  '<math href="javascript:alert(1)">x</math>',
  '<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<textarea></textarea><img src=x onerror=alert(1)></textarea>',
  '<title><a title="</title><img src=x onerror=alert(1)>">',
  '<xmp><p title="</xmp><img src=x onerror=alert(1)>">',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<template><img src=x onerror=alert(1)></template>',
  '<object data="data:text/html,<script>alert(1)</script>"></object>',
  '<embed src="javascript:alert(1)">',
  '<form action="javascript:alert(1)"><button formaction="javascript:alert(1)">x</button></form>',
  '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  '<base href="//x.example/"><link rel=stylesheet href=//x.example>',
  '<table background="javascript:alert(1)"><td background="//x.example">x',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="JaVaScRiPt&colon;alert(1)">x</a>',
  '<a href="&#x6A&#x61vascript:alert(1)">x</a>',
  '<a href="&#0000106avascript:alert(1)">x</a>',
  '<a href="\u0001javascript:alert(1)">x</a>',
  '<a href="java&Tab;script&NewLine;:alert(1)">x</a>',
  '<a href=" \u00a0javascript:alert(1)">x</a>',
  '<a href="http\t://x.example">x</a>',
  '<a href="https://x.example/\0">x</a>',
  '<a href="vbscript:x">x</a><a href="data:text/html;base64,PHNjcmlwdD4=">x</a><a href="blob:x">x</a>',
  '<a href="https://x.example/&quot; onclick=&quot;alert(1)">x</a>',
  '<a href=https://x.example/"onclick=alert(1)>x</a>',
  '<p style="background:url(javascript:alert(1))">x',
  '<p style="color:red;background-color:u\\72l(//x.example)">x',
  '<p style="width:expression(alert(1))">x',
  '<p style="width:ex/**/pression(alert(1))">x',
  `<p style="@import '//x.example';color:red">x`,
  '<p style="behavior:url(#x);-moz-binding:url(//x.example#x)">x',
  '<p style="color:red&quot; onclick=&quot;alert(1)">x',
  '<p style="font-family:&quot;&gt;&lt;img src=x onerror=alert(1)&gt;">x',
  '<style>@import "//x.example";p{background:url(//x.example)}</style>',
  '<!--><img src=x onerror=alert(1)>-->',
  '<!-- --!><img src=x onerror=alert(1)> -->',
  '<![CDATA[><img src=x onerror=alert(1)>]]>',
  '<?xml-stylesheet ><img src=x onerror=alert(1)> ?>',
  '</blockquote></div></td></table></body></html><img src=x onerror=alert(1)>',
  '<p title="',
  '<a href="https://x.example/',
  '<!--',
  '<b><table><tr><td></b></table></blockquote>',
]
for (const attack of attacks) {
  test(`harmless: ${attack}`, () => {
    for (const html of [
      attack,
      `<div>${attack}`,
      `<table><tr><td>${attack}</table>`,
      `<b>${attack}</b>after`,
    ]) {
      const safe = safeHtml(html, { contentId: (id) => id })
      assert.ok(safe !== null)
      assert.match(safe, harmless)
      assert.doesNotMatch(safe, /style="[^"]*(?:url|expression|import|binding|behavior)/i)
      assertBalanced(safe)
    }
  })
}

/** Nothing that stands around it ends within it. */
function assertBalanced(html: string): void {
  const open: string[] = []
  for (const [, slash, name = ''] of html.matchAll(/<(\/?)([a-z]+[1-6]?)/gi)) {
    if (['br', 'col', 'hr', 'img', 'wbr'].includes(name)) continue
    if (slash === '') open.push(name)
    else assert.equal(open.pop(), name, html)
  }
  assert.deepEqual(open, [])
}

test('HTML that is too deep is not read, and takes no time', () => {
  const started = performance.now()
  assert.equal(safeHtml('<b>'.repeat(300_000) + '</i>'.repeat(200_000), options), null)
  assert.ok(performance.now() - started < 5_000)
})

const piece = fc.constantFrom(
  ...'< > " \' = / & <p <a href= <img src= cid:known javascript: on x </p> </ <!-- --> <script> </script> <svg> <style> <textarea> <td'.split(
    ' ',
  ),
)
test('whatever comes in, what comes out is the same when it is read again', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const once = safeHtml(pieces.join(' '), { contentId: (id) => id })
      assert.ok(once !== null)
      assert.doesNotMatch(once, /<(?:script|svg|style|textarea)|<[^>]*\son/i)
      assert.equal(safeHtml(once, { contentId: (id) => id }), once)
    }),
  )
})
