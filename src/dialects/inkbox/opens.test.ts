/** Openings of messages, as clients of Inkbox have them counted. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
before(async () => {
  inkbox = await startInkbox()
  await inkbox.agent('quote-desk')
  await inkbox.agent('dana')
})
after(() => inkbox[Symbol.asyncDispose]())

const deskPath = { email_address: 'quote-desk@demo.test' }
const danaPath = { email_address: 'dana@demo.test' }

/** An address of the platform, reached where the test has it. */
function here(url: string): string {
  return inkbox.base + new URL(url).pathname
}

test('opens are counted by a picture that the copy in Sent does not have', async () => {
  const recipients = { to: ['dana@demo.test'] }
  const written = { recipients, body_text: 'Hi', body_html: '<body><p>Hi</p></body>', track_opens: true }
  const sent = await inkbox.inkbox('sendMessage', { path: deskPath, body: written })
  const list = await inkbox.inkbox('listMessages', { path: danaPath })
  const id = textAt(listAt(list.json, 'items')[0], 'id')
  assert.equal(at(sent.json, 'body_html'), '<body><p>Hi</p></body>')
  const got = await inkbox.inkbox('getMessage', { path: { ...danaPath, message_id: id } })
  const url = /<img src="([^"]+)" width="1"/.exec(textAt(got.json, 'body_html'))?.[1] ?? ''
  const before = await inkbox.inkbox('getMessage', {
    path: { ...deskPath, message_id: textAt(sent.json, 'id') },
  })
  assert.deepEqual([at(before.json, 'open_count'), at(before.json, 'first_opened_at')], [0, null])
  for (const one of [url, url, url.replace('/o/', '/o/x')]) {
    const picture = await fetch(here(one))
    assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/gif'])
  }
  const { json } = await inkbox.inkbox('getMessage', {
    path: { ...deskPath, message_id: textAt(sent.json, 'id') },
  })
  assert.equal(at(json, 'open_count'), 2)
  assert.equal(typeof at(json, 'first_opened_at'), 'string')
})
