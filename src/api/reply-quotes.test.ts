/** The original inside a reply: its words and its own pictures, and nothing that runs, loads, or is hidden from people. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { original, pixel, startTestReplies, type TestReplies, withPicture } from '../testing/test-replies.ts'

let api: TestReplies
before(async () => {
  api = await startTestReplies()
})
after(() => api[Symbol.asyncDispose]())

const hostile =
  `<html><head><title>x</title><style>@import url(https://evil.example/a)</style></head><body onload="go()">
<p style="color: red; background: url(https://evil.example/b); position: fixed">Dear <b onclick=x>Ann</b></p>
<script>alert(1)</script><svg><a xlink:href="javascript:x">s</a></svg><math><mtext></mtext></math>
<a href="java&#x0A;script:alert(1)">one</a><a href="https://ok.example/?a=1&amp;b=2">two</a>
<form action="https://evil.example"><input name=password>in the form<button>go</button></form>
<img src="https://evil.example/pixel" alt="remote"><img src="cid:pic@far"><img src="cid:none">
<iframe src="https://evil.example"></iframe><object data=x>o</object><base href="https://evil.example">
<div><div><blockquote>unclosed`.replaceAll('\n', '\r\n')

test('a quote of hostile HTML has its words and its own pictures, and nothing that runs or loads', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, withPicture(hostile))
  const body = {
    html: '<html><body><p>My <img src="cid:pic@far"></p></body></html>',
    text: 'My',
    quote: true,
  }
  const mine = { filename: 'mine.png', content_base64: pixel, content_id: 'pic@far' }
  const reply = await api.answer(ann, id, { ...body, attachments: [mine] })
  assert.equal(reply.status, 202, reply.text)
  const { mail } = await api.arrived()
  const html = mail.html ?? ''
  assert.doesNotMatch(
    html,
    /evil|script|onload|onclick|position|<(?:style|svg|math|form|input|button|iframe|object|base)/i,
  )
  assert.match(html, /<blockquote type="cite"[\s\S]*<p style="color: red">Dear <b>Ann<\/b><\/p>/)
  assert.match(html, /<a href="https:\/\/ok\.example\/\?a=1&amp;b=2" rel="noopener noreferrer">two<\/a>/)
  assert.match(html, /in the form/)
  assert.match(html, /unclosed\s*<\/blockquote><\/div><\/div>/)
  const ids = [...html.matchAll(/cid:([^"]+)"/g)].map((match) => match[1])
  assert.equal(ids.length, 2, html)
  assert.equal(new Set(ids).size, 2, 'ours and theirs of one name are two')
  const carried = mail.attachments.map(({ contentId }) => contentId ?? '')
  assert.deepEqual(carried.sort(), ids.sort())
  assert.match(mail.text ?? '', /^My\n\nOn .*Bob <bob@sender\.example> wrote:\n>/)
})

test('what the HTML hides from people is in no quote, of text or of HTML', async () => {
  const ann = await api.newBox()
  const hidden = '<div style="display:none">hidden words</div><p>shown words</p><ul><li>item</li></ul>'
  const id = await api.deliver(ann, original({ 'Content-Type': 'text/html; charset=utf-8' }, hidden))
  assert.equal((await api.answer(ann, id, { text: 'x', html: '<p>x</p>', quote: true })).status, 202)
  const { mail } = await api.arrived()
  for (const text of [mail.text ?? '', mail.html ?? '']) {
    assert.match(text, /shown words/)
    assert.doesNotMatch(text, /hidden words/)
  }
})

test('a quote stands inside the body, whatever letters are before its end', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, original())
  const html = `<html><body><p>${'\u0130'.repeat(20)}</p></body></html>`
  assert.equal((await api.answer(ann, id, { html, quote: true })).status, 202)
  const { mail } = await api.arrived()
  assert.match(mail.html ?? '', /\u0130<\/p><br><div>On [\s\S]*<\/blockquote><\/body><\/html>\s*$/)
})

test('a quote in text stands behind marks, one deeper than what was quoted before', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, original({}, 'Yes.\r\n> No?\r\n\r\nBye\r\n'))
  assert.equal((await api.answer(ann, id, { text: 'Ok.', quote: true })).status, 202)
  const { mail } = await api.arrived()
  assert.match(mail.text ?? '', /^Ok\.\n\nOn .* wrote:\n> Yes\.\n>> No\?\n>\n> Bye\n$/)
})
