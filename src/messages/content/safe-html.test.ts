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
  ['col\\6fr: red', ''],
  ['color/**/: red', ''],
  ['color: red; } body { color: blue', ''],
]
for (const [style, want] of styles) {
  test(`style: ${style}`, () => assert.equal(safeStyle(style), want))
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
