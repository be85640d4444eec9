/** Messages as clients of Inkbox send, read, answer, pass on and delete them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unmet, unmetElsewhere } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
let desk: TestAgent
let dana: TestAgent
before(async () => {
  inkbox = await startInkbox()
  desk = await inkbox.agent('quote-desk')
  dana = await inkbox.agent('dana')
  await inkbox.connectActiveDomain('sender.example') // what is in demo.test writes to nobody elsewhere
  await inkbox.createMailbox('out@sender.example')
})
after(() => inkbox[Symbol.asyncDispose]())

const deskPath = { email_address: 'quote-desk@demo.test' }
const outPath = { email_address: 'out@sender.example' }
const danaPath = { email_address: 'dana@demo.test' }

type Options = { key?: string; headers?: Record<string, string> }

async function send(body: object, options: Options = {}): Promise<Reply> {
  return await inkbox.inkbox('sendMessage', { path: deskPath, body, key: desk.key, ...options })
}

async function newestOf(path: { email_address: string }, key: string, query = {}): Promise<unknown> {
  const { json } = await inkbox.inkbox('listMessages', { path, key, query })
  return listAt(json, 'items')[0]
}

/** An address of the platform, reached where the test has it. */
function here(url: string): string {
  return inkbox.base + new URL(url).pathname
}

/** What Dana got last, sent to her by the desk. */
async function sentToDana(body: object = {}): Promise<{ sent: Reply; id: string }> {
  const recipients = { to: ['dana@demo.test'] }
  const sent = await send({ recipients, subject: 'Your quote', body_text: 'Hello Dana.', ...body })
  assert.equal(sent.status, 201, sent.text)
  return { sent, id: textAt(await newestOf(danaPath, dana.key), 'id') }
}

test('the documented message is sent, and the copy agrees with the native API', async () => {
  for (const body of inkbox.contract.operation('sendMessage').bodies) {
    const { status, json } = await inkbox.inkbox('sendMessage', { path: outPath, body })
    assert.equal(status, 201)
    assert.equal(at(json, 'direction'), 'outbound')
    assert.equal(at(json, 'status'), 'queued')
    assert.deepEqual(at(json, 'attachment_metadata', 0, 'filename'), 'quote.txt')
    const native = await inkbox.call(
      'GET',
      `/v1/mailboxes/${outPath.email_address}/messages/${textAt(json, 'id')}`,
    )
    assert.equal(at(native.json, 'subject'), at(json, 'subject'))
    assert.equal(`<${textAt(native.json, 'message_id')}>`, at(json, 'message_id'))
    assert.equal(at(native.json, 'thread_id'), at(json, 'thread_id'))
  }
})

test('a message to another mailbox here is delivered, read, starred, and marked as read by a key', async () => {
  const { sent, id } = await sentToDana({ body_html: '<p>Hello <b>Dana</b></p>' })
  assert.equal(at(sent.json, 'status'), 'delivered')
  const path = { ...danaPath, message_id: id }
  const bySession = await inkbox.inkbox('getMessage', { path, key: inkbox.session })
  assert.deepEqual([at(bySession.json, 'is_read'), at(bySession.json, 'status')], [false, 'received'])
  const byKey = await inkbox.inkbox('getMessage', { path, key: dana.key })
  assert.equal(at(byKey.json, 'is_read'), true)
  assert.equal(at(byKey.json, 'body_html'), '<p>Hello <b>Dana</b></p>')
  assert.deepEqual(at(byKey.json, 'reply_all_recipients'), { to: ['quote-desk@demo.test'], cc: [] })
  const body = { is_read: false, is_starred: true }
  const flagged = await inkbox.inkbox('updateMessageFlags', { path, key: dana.key, body })
  assert.deepEqual([at(flagged.json, 'is_read'), at(flagged.json, 'is_starred')], [false, true])
  const same = await inkbox.inkbox('updateMessageFlags', { path, key: dana.key, body: {} })
  assert.deepEqual(same.json, flagged.json)
})

test('messages are listed by direction and by days of a zone', async () => {
  await sentToDana()
  const outbound = await inkbox.inkbox('listMessages', {
    path: deskPath,
    query: { direction: 'outbound', limit: 1 },
  })
  assert.equal(at(outbound.json, 'has_more'), true)
  const cursor = textAt(outbound.json, 'next_cursor')
  const next = await inkbox.inkbox('listMessages', {
    path: deskPath,
    query: { direction: 'outbound', cursor },
  })
  assert.ok(listAt(next.json, 'items').every((one) => at(one, 'direction') === 'outbound'))
  const inbound = await inkbox.inkbox('listMessages', { path: deskPath, query: { direction: 'inbound' } })
  assert.deepEqual(listAt(inbound.json, 'items'), [])
  const now = inkbox.platform.clock.now()
  const today = now.toISOString().slice(0, 10)
  const counts: [query: Record<string, string>, isThere: boolean][] = [
    [{ start_datetime: today, end_datetime: today }, true],
    [{ end_datetime: new Date(now.getTime() - 2 * 86_400_000).toISOString().slice(0, 10) }, false],
    [{ start_datetime: new Date(now.getTime() + 3_600_000).toISOString() }, false],
    [{ start_datetime: today, tz: 'Pacific/Kiritimati', end_datetime: '2099-01-01T00:00' }, true],
  ]
  for (const [query, isThere] of counts) {
    const { json } = await inkbox.inkbox('listMessages', { path: danaPath, query })
    assert.equal(listAt(json, 'items').length > 0, isThere, JSON.stringify(query))
  }
})

const badLists: Record<string, string>[] = [
  { tz: 'Mars/Base' },
  { start_datetime: 'yesterday' },
  { end_datetime: '2026-02-30' },
  { direction: 'sideways' },
  { limit: '101' },
  { cursor: 'x' },
]
for (const query of badLists) {
  test(`a list with ${JSON.stringify(query)} is refused`, async () => {
    assert.equal((await inkbox.inkbox('listMessages', { path: deskPath, query })).status, 422)
  })
}

test('a reply goes to everyone, in the thread, and answers to an id or a Message-ID join it', async () => {
  await inkbox.agent('lee')
  const { sent, id } = await sentToDana({ recipients: { to: ['dana@demo.test'], cc: ['lee@demo.test'] } })
  const path = { ...danaPath, message_id: id }
  for (const body of inkbox.contract.operation('replyAllMessage').bodies) {
    const { status, json } = await inkbox.inkbox('replyAllMessage', { path, key: dana.key, body })
    assert.equal(status, 201)
    assert.deepEqual(at(json, 'to_addresses'), ['quote-desk@demo.test'])
    assert.deepEqual(at(json, 'cc_addresses'), ['lee@demo.test'])
    assert.equal(at(json, 'subject'), 'Re: Your quote')
    assert.equal(at(json, 'in_reply_to'), at(sent.json, 'message_id'))
  }
  const back = await newestOf(deskPath, desk.key, { direction: 'inbound' })
  assert.equal(at(back, 'thread_id'), at(sent.json, 'thread_id'))
  for (const reference of [textAt(back, 'id'), textAt(back, 'message_id')]) {
    const { json } = await send({
      recipients: { to: ['dana@demo.test'] },
      subject: 'Another subject',
      body_text: 'ok',
      in_reply_to_message_id: reference,
    })
    assert.equal(at(json, 'thread_id'), at(sent.json, 'thread_id'))
    assert.equal(at(json, 'in_reply_to'), at(back, 'message_id'))
    assert.equal(at(json, 'subject'), 'Another subject')
  }
  const into = {
    recipients: { to: ['dana@demo.test'] },
    body_text: 'ok',
    thread_id: textAt(sent.json, 'thread_id'),
  }
  assert.equal(at((await send(into)).json, 'thread_id'), at(sent.json, 'thread_id'))
  const foreign = await send({ ...into, thread_id: undefined, in_reply_to_message_id: '<far@example.org>' })
  assert.equal(at(foreign.json, 'in_reply_to'), '<far@example.org>')
})

test('a forward begins a thread, with the mark once, inside or around the original', async () => {
  const attachments = [{ filename: 'a.txt', content_type: 'text/plain', content_base64: 'SGVsbG8=' }]
  const { sent, id } = await sentToDana({ subject: 'Fwd: Old', attachments })
  const path = { ...danaPath, message_id: id }
  const bytes = { subject: 'Fwd: Old', body_text: 'x', attachments }
  const outside = await inkbox.inkbox('sendMessage', {
    path: outPath,
    body: { ...bytes, recipients: { to: ['far@example.org'], bcc: ['hidden@example.org'] } },
  })
  assert.deepEqual(at(outside.json, 'bcc_addresses'), ['hidden@example.org'])
  const outsidePath = { ...outPath, message_id: textAt(outside.json, 'id') }
  for (const body of inkbox.contract.operation('forwardMessage').bodies) {
    const { status, json } = await inkbox.inkbox('forwardMessage', { path: outsidePath, body })
    assert.equal(status, 201)
    assert.equal(at(json, 'subject'), 'Fwd: Old')
    assert.notEqual(at(json, 'thread_id'), at(sent.json, 'thread_id'))
    assert.equal(at(json, 'has_attachments'), true)
  }
  const recipients = { bcc: ['quote-desk@demo.test'] }
  const wrapped = { recipients, mode: 'wrapped' }
  const { json } = await inkbox.inkbox('forwardMessage', { path, key: dana.key, body: wrapped })
  assert.equal(at(json, 'attachment_metadata', 0, 'content_type'), 'message/rfc822')
  const picture = { filename: 'p.png', content_type: 'image/png', content_base64: 'AAAA', content_id: 'p' }
  const refused = await inkbox.inkbox('forwardMessage', {
    path,
    key: dana.key,
    body: { ...wrapped, body_html: '<img src="cid:p">', additional_attachments: [picture] },
  })
  assert.equal(refused.status, 422)
  const nobody = await inkbox.inkbox('forwardMessage', { path, key: dana.key, body: { recipients: {} } })
  assert.equal(nobody.status, 422)
})

const picture = { filename: 'p.png', content_type: 'image/png', content_base64: 'AAAA', content_id: 'p' }
const file = { filename: 'a.txt', content_type: 'text/plain', content_base64: 'SGVsbG8=' }
const badBodies: [what: string, body: object][] = [
  ['no recipients', { recipients: undefined }],
  ['nobody in to', { recipients: { to: [] } }],
  ['no address', { recipients: { to: ['nobody'] } }],
  ['flat recipients', { recipients: undefined, to: ['dana@demo.test'] }],
  ['a program', { attachments: [{ ...file, filename: 'x.EXE' }] }],
  ['no base64', { attachments: [{ ...file, content_base64: '***' }] }],
  ['a picture without HTML', { attachments: [picture] }],
  ['a content id of a text', { body_html: '<p>', attachments: [{ ...file, content_id: 'p' }] }],
  ['a content id twice', { body_html: '<p>', attachments: [picture, picture] }],
  ['opens without HTML', { track_opens: true }],
  ['a bad reply_to', { reply_to: 'nobody' }],
  ['a bad reference', { in_reply_to_message_id: 'what?' }],
  ['staged attachments', { staged_attachments: [{}] }],
]
for (const [what, more] of badBodies) {
  test(`a message with ${what} is refused`, async () => {
    const reply = await send({ recipients: { to: ['dana@demo.test'] }, body_text: 'x', ...more })
    assert.equal(reply.status, 422, reply.text)
  })
}

test('files of more than 25 MB are refused', async () => {
  const content = Buffer.alloc(9 * 1024 * 1024).toString('base64')
  const attachments = [1, 2, 3].map((number) => ({
    ...file,
    filename: `${number}.bin`,
    content_base64: content,
  }))
  const reply = await send({ recipients: { to: ['dana@demo.test'] }, attachments })
  assert.equal(reply.status, 422)
})

test('a key of idempotency sends once, and finds the message', async () => {
  const body = { recipients: { to: ['dana@demo.test'] }, subject: 'Once', body_text: 'x' }
  const headers = { 'idempotency-key': 'a key' }
  const replaying = { ...headers, prefer: 'respond-async, idempotency-replay' }
  const first = await send(body, { headers: replaying })
  const again = await send(body, { headers: replaying })
  assert.deepEqual([again.status, again.json], [201, first.json])
  const accepted = await send(body, { headers })
  assert.equal(accepted.status, 409)
  const other = await send({ ...body, subject: 'Twice' }, { headers: replaying })
  assert.deepEqual([other.status, textAt(other.json, 'detail', 'error')], [409, 'idempotency_key_reused'])
  const found = await inkbox.inkbox('searchMailbox', { path: danaPath, query: { q: 'subject:Once' } })
  assert.equal(listAt(found.json, 'items').length, 1)
  const mailboxId = textAt(first.json, 'mailbox_id')
  const query = { sender_kind: 'mailbox', sender_id: mailboxId, operation: 'mail.send' }
  const looked = await inkbox.inkbox('lookupMessageSend', { query, headers, key: desk.key })
  assert.deepEqual(looked.json, { message_id: textAt(first.json, 'id') })
  const unknown = { query, headers: { 'idempotency-key': 'none' } }
  assert.equal((await inkbox.inkbox('lookupMessageSend', unknown)).status, 404)
  const foreign = await inkbox.inkbox('lookupMessageSend', { query, headers, key: dana.key })
  assert.equal(foreign.status, 404)
  inkbox.platform.clock.advance?.('P6D')
  assert.equal(textAt((await send(body, { headers: replaying })).json, 'id'), textAt(first.json, 'id'))
})

test('attachments come by links that need no key, and are good for a while', async () => {
  const attachments = [
    file,
    { ...file, content_base64: 'SG8=' },
    { ...file, filename: 'ü&.html', content_type: 'text/html' },
  ]
  const { id } = await sentToDana({ attachments })
  const path = { ...danaPath, message_id: id }
  const { json } = await inkbox.inkbox('getMessage', { path })
  const names = listAt(json, 'attachment_metadata').map((one) => textAt(one, 'filename'))
  assert.deepEqual(names, ['a.txt', 'a (2).txt', 'ü&.html'])
  for (const [filename, text, type] of [
    ['a.txt', 'Hello', 'text/plain'],
    ['a (2).txt', 'Ho', 'text/plain'],
    ['ü&.html', 'Hello', 'application/octet-stream'],
  ] as const) {
    const link = await inkbox.inkbox('getMessageAttachment', { path: { ...path, filename } })
    const loaded = await fetch(here(textAt(link.json, 'url')))
    assert.equal(await loaded.text(), text)
    assert.match(loaded.headers.get('content-type') ?? '', new RegExp(`^${type}`))
  }
  const filename = 'a.txt'
  const missing = { ...path, filename: 'none' }
  assert.equal((await inkbox.inkbox('getMessageAttachment', { path: missing })).status, 404)
  const { json: link } = await inkbox.inkbox('getMessageAttachment', { path: { ...path, filename } })
  const url = here(textAt(link, 'url'))
  const changed = url.replace(/.{3}$/, (end) => (end === 'AAA' ? 'BBB' : 'AAA'))
  assert.equal((await fetch(changed)).status, 404)
  inkbox.platform.clock.advance?.('PT901S')
  assert.equal((await fetch(url)).status, 404)
})

test('with redirect the answer leads to the file', async () => {
  const { id } = await sentToDana({ attachments: [file] })
  const raw = `/mail/mailboxes/${danaPath.email_address}/messages/${id}/attachments/a.txt?redirect=true`
  const url = `${inkbox.base}/inkbox/api/v1${raw}`
  const reply = await fetch(url, { redirect: 'manual', headers: { 'x-api-key': dana.key } })
  assert.equal(reply.status, 302)
  assert.equal(await (await fetch(here(reply.headers.get('location') ?? ''))).text(), 'Hello')
  const text = await reply.text()
  inkbox.contract.check('getMessageAttachment', {
    status: 302,
    headers: reply.headers,
    text,
    json: undefined,
  })
})

test('a message is found by words in its mailbox and over all of them, but not in drafts', async () => {
  await sentToDana({ subject: 'Zebrafish offer' })
  const own = await inkbox.inkbox('searchMailbox', {
    path: danaPath,
    query: { q: 'zebrafish' },
    key: dana.key,
  })
  assert.equal(listAt(own.json, 'items').length, 1)
  const all = await inkbox.inkbox('searchOrganizationMail', { query: { q: 'zebrafish' } })
  assert.deepEqual(
    listAt(all.json, 'items')
      .map((one) => at(one, 'direction'))
      .sort(),
    ['inbound', 'outbound'],
  )
  const byAgent = await inkbox.inkbox('searchOrganizationMail', { query: { q: 'zebrafish' }, key: dana.key })
  assert.equal(byAgent.status, 403)
  for (const query of [{ q: '' }, { q: 'x'.repeat(501) }, { q: 'a '.repeat(30) }]) {
    assert.equal((await inkbox.inkbox('searchMailbox', { path: danaPath, query })).status, 422)
    assert.equal((await inkbox.inkbox('searchOrganizationMail', { query })).status, 422)
  }
})

test('a deleted message is gone, and its storage is free', async () => {
  const { id } = await sentToDana()
  const path = { ...danaPath, message_id: id }
  assert.equal((await inkbox.inkbox('deleteMessage', { path, key: dana.key })).status, 204)
  assert.equal((await inkbox.inkbox('getMessage', { path })).status, 404)
  assert.equal((await inkbox.inkbox('deleteMessage', { path })).status, 404)
})

test('a full mailbox is told its limit and where to get more', async () => {
  const full = await inkbox.agent('full')
  const policy = { quota_bytes: 5000 }
  const put = await inkbox.call('PUT', '/v1/mailboxes/full@demo.test/policy', { body: policy })
  assert.equal(put.status, 200, put.text)
  const email_address = 'full@demo.test'
  const body_text = 'x'.repeat(6000)
  const recipients = { to: ['dana@demo.test'] }
  await sentToDana({ recipients: { to: ['full@demo.test'] } })
  const message_id = textAt(await newestOf({ email_address }, full.key), 'id')
  const calls: [string, Record<string, string>, object][] = [
    ['sendMessage', { email_address }, { recipients, body_text }],
    ['replyAllMessage', { email_address, message_id }, { body_text }],
    ['forwardMessage', { email_address, message_id }, { recipients, body_text }],
    ['createDraft', { email_address }, { body_text }],
  ]
  for (const [operation, path, sent] of calls) {
    const { status, json } = await inkbox.inkbox(operation, { path, key: full.key, body: sent })
    assert.equal(status, 402, JSON.stringify(json))
    assert.equal(textAt(json, 'detail', 'error'), 'storage_limit_exceeded')
    assert.equal(at(json, 'detail', 'limit_bytes'), 5000)
    assert.match(textAt(json, 'detail', 'upgrade_url'), /^http/)
  }
})

const operations: [id: string, method: string, path: string][] = [
  ['searchMailbox', 'GET', '/search?q=x'],
  ['listMessages', 'GET', '/messages'],
  ['sendMessage', 'POST', '/messages'],
  ['getMessage', 'GET', '/messages/ID'],
  ['updateMessageFlags', 'PATCH', '/messages/ID'],
  ['deleteMessage', 'DELETE', '/messages/ID'],
  ['replyAllMessage', 'POST', '/messages/ID/reply-all'],
  ['forwardMessage', 'POST', '/messages/ID/forward'],
  ['getMessageAttachment', 'GET', '/messages/ID/attachments/a.txt'],
]
for (const [operation, method, path] of operations) {
  test(`${operation} finds nothing of others, in either form of the path`, async () => {
    const { sent } = await sentToDana({ attachments: [file] })
    const body = ['POST', 'PATCH'].includes(method)
      ? { recipients: { to: ['dana@demo.test'] }, body_text: 'x' }
      : undefined
    const { key: foreign } = await inkbox.tenant()
    const own = path.replace('ID', textAt(sent.json, 'id'))
    for (const address of [deskPath.email_address, encodeURIComponent(deskPath.email_address)]) {
      for (const key of [dana.key, foreign]) {
        const [route, query] = own.split('?')
        const slashed = `/mail/mailboxes/${address}${route}/${query === undefined ? '' : `?${query}`}`
        const reply = await inkbox.raw(method, slashed, { key, body })
        assert.equal(inkbox.contract.check(operation, reply).status, 404)
      }
    }
    const anonymous = await inkbox.raw(method, `/mail/mailboxes/${deskPath.email_address}${own}`, {
      key: null,
      body,
    })
    assert.equal(inkbox.contract.check(operation, anonymous).status, 401)
  })
}

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'messages'), [])
  assert.deepEqual(unmetElsewhere(inkbox.contract, 'messages'), [])
})
