import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from './message-text.ts'

test('a message without plain text is what people see of its HTML', () => {
  const html = '<p>One <b hidden>two</b></p><ul><li>three</ul><blockquote><p>four</p></blockquote>'
  for (const text of [null, ' \n']) {
    const read = textOf({ text, html })
    assert.equal(read.text, 'One\n\n- three\n\n> four')
    assert.deepEqual([read.isMissing, read.isFromHtml, read.hiddenElements], [false, true, 1])
  }
  assert.equal(textOf({ text: 'plain', html }).text, 'plain')
  assert.equal(textOf({ text: null, html: null }).isMissing, true)
})

test('only what its author wrote, without what people do not see', () => {
  const html = '<p>Yes<span style="display:none">no</span></p><blockquote type="cite">Shall we?</blockquote>'
  assert.equal(textOf({ text: null, html }, 'reply').text, 'Yes')
})

test('it is never longer than the HTML, however deep its quotes are', () => {
  const html = `${'<blockquote>'.repeat(500)}${'<br>x'.repeat(100_000)}`
  assert.ok(textOf({ text: null, html }).text.length <= html.length)
})
