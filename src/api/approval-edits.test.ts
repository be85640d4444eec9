/** Approvals with an edit: what goes instead, the difference that stays, and what cannot be edited so. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, refusal, textAt } from '../testing/test-api.ts'
import { startTestApprovals, type TestApprovals } from '../testing/test-approvals.ts'
import { sendMessage } from '../testing/test-smtp.ts'

let api: TestApprovals
before(async () => {
  api = await startTestApprovals()
})
after(() => api[Symbol.asyncDispose]())

test('an edit goes instead, and the difference stays', async () => {
  const box = await api.sender()
  const id = await api.held(box, {
    to: ['far@example.net', 'more@example.net'],
    bcc: ['hidden@example.org'],
    text: 'one\nthe secret\nthree',
    html: '<p>the secret</p>',
    headers: { 'In-Reply-To': '<first@example.com>', 'List-Unsubscribe': '<https://a.example/u>' },
    attachments: [{ filename: 'ü.bin', content_type: 'application/x-a', content_base64: 'AAECAwQ=' }],
  })
  const edit = { to: ['Far <far@example.net>'], subject: 'Zweiter ü', text: 'one\nnothing\nthree' }
  const reply = await api.approve(id, { edit })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(await api.queued(box), ['far@example.net', 'hidden@example.org'])
  assert.deepEqual(at(reply.json, 'changes'), [
    {
      field: 'to',
      before: 'far@example.net, more@example.net',
      after: 'Far <far@example.net>',
      diff: null,
    },
    { field: 'subject', before: 'first', after: 'Zweiter ü', diff: null },
    {
      field: 'text',
      before: null,
      after: null,
      diff: '@@ -1,3 +1,3 @@\n one\n-the secret\n+nothing\n three',
    },
    { field: 'html', before: null, after: null, diff: '@@ -1,1 +1,0 @@\n-<p>the secret</p>' },
  ])
  const [sent] = await api.sentOf(box)
  const raw = (await readBodyBytes(api.t.platform.db, sent?.body_id ?? '')).toString()
  assert.doesNotMatch(raw, /secret|List-Unsubscribe|more@/)
  assert.match(raw, /\r\nIn-Reply-To: <first@example\.com>\r\n/)
  assert.match(raw, /AAECAwQ=/)
  assert.equal(raw.match(/^(?:From|To|Subject|Message-ID|MIME-Version|Content-Type): /gim)?.length, 8)
  const seen = await api.shown(id)
  assert.deepEqual([at(seen, 'message', 'subject'), at(seen, 'message', 'html')], ['Zweiter ü', null])
  assert.deepEqual(at(seen, 'message', 'attachments', 0, 'filename'), 'ü.bin')
  assert.equal(at(seen, 'original', 'html'), '<p>the secret</p>')
  assert.equal(textAt(seen, 'message_id'), /Message-ID: <([^>]+)>/.exec(raw)?.[1])
})

test('the message as it was sent names those that it was sent to, not those that it went to', async () => {
  const id = await api.held(await api.sender(), { bcc: ['hidden@example.org'] })
  const reply = await api.approve(id, { edit: { to: ['other@example.net'] } })
  assert.equal(reply.status, 200, reply.text)
  const seen = await api.shown(id)
  assert.deepEqual(at(seen, 'recipients'), ['other@example.net', 'hidden@example.org'])
  const peopleOf = (version: string) => ['to', 'bcc'].map((field) => at(seen, version, field))
  const [far, other, hidden] = ['far@example.net', 'other@example.net', 'hidden@example.org'].map(
    (address) => [{ address, name: null }],
  )
  assert.deepEqual(peopleOf('message'), [other, hidden])
  assert.deepEqual(peopleOf('original'), [far, hidden])
})

const badEdits: [what: string, edit: object][] = [
  ['no address', { to: ['nobody'] }],
  ['nobody left', { to: [], cc: [], bcc: [] }],
  ['an unknown field', { from: 'x@example.com' }],
]
for (const [what, edit] of badEdits) {
  test(`an edit that is refused: ${what}`, async () => {
    const id = await api.held(await api.sender())
    assert.equal(refusal(await api.approve(id, { edit })), '400 invalid_request')
    assert.equal(await api.stateOf(id), 'pending')
  })
}

test('an edit that changes nothing is none', async () => {
  const box = await api.sender()
  const id = await api.held(box)
  const reply = await api.approve(id, { edit: { subject: 'first', text: 'hello' } })
  assert.deepEqual([reply.status, at(reply.json, 'changes')], [200, []])
  assert.equal(at(await api.shown(id), 'original'), null)
})

test('what a mail program sent is edited whatever is in it, and its files stay what they are', async () => {
  const box = await api.sender()
  using client = await api.logIn(box.address, box.password)
  const header =
    `From: <${box.address}>\r\nTo: <far@example.net>\r\nSubject: =?utf-8?q?a=00b?=\r\n` +
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
  const text = '--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\none=00\r\n'
  const file =
    '--b\r\nContent-Type: text/plain; charset=iso-8859-1; name=a.txt\r\n' +
    'Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n/Pz8\r\n--b--'
  const answer = await sendMessage(client, `<${box.address}>`, ['far@example.net'], header + text + file)
  const id = /^250 2\.6\.0 Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
  const reply = await api.approve(id, { edit: { subject: 'better', text: 'two' } })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    [at(reply.json, 'changes', 0, 'before'), at(reply.json, 'changes', 1, 'diff')],
    ['a\ufffdb', '@@ -1,1 +1,1 @@\n-one\ufffd\n+two'],
  )
  const [copy] = await api.sentOf(box)
  const raw = (await readBodyBytes(api.t.platform.db, copy?.body_id ?? '')).toString()
  assert.match(raw, /^Content-Type: text\/plain; (?:name=a\.txt; )?charset=iso-8859-1/m)
})
