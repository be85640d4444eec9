/** Reading one message as JSON: what is in it, what it says of itself, and when it is not found. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { flagBits } from '../messages/flags.ts'
import { at, listAt, refusal, textAt } from '../testing/test-api.ts'
import { letter, letterFile, startTestLettersApi, type TestLettersApi } from '../testing/test-letters.ts'
import { eventsOf, messagesIn } from '../testing/test-mail.ts'

let api: TestLettersApi
before(async () => {
  api = await startTestLettersApi()
})
after(() => api[Symbol.asyncDispose]())

test('a message says everything that is in it', async () => {
  const internalDate = new Date('2026-03-02T09:00:05Z')
  const id = await api.put(letter, {
    internalDate,
    flags: flagBits.flagged,
    keywords: ['Work', '$Forwarded'],
  })
  const reply = await api.call('GET', api.pathOf(id))
  assert.equal(reply.status, 200, reply.text)
  const { headers, thread_id: threadId, etag, ...rest } = Object(reply.json)
  assert.deepEqual(rest, {
    id,
    mailbox_id: api.box.mailboxId,
    folder: { id: api.inboxId, path: 'INBOX' },
    subject: 'Grüße from afar',
    from: [{ name: 'Ann Müller', address: 'ann@elsewhere.example' }],
    sender: [{ name: 'Ann Müller', address: 'ann@elsewhere.example' }],
    reply_to: [{ name: null, address: 'list@elsewhere.example' }],
    to: [
      { name: 'Bob', address: 'bob@demo.test' },
      { name: 'C, D', address: 'cd@demo.test' },
    ],
    cc: [{ name: null, address: 'root' }],
    bcc: [],
    date: '2026-03-02T09:00:00.000Z',
    received_at: internalDate.toISOString(),
    message_id: 'm1@elsewhere.example',
    in_reply_to: 'm0@demo.test',
    references: ['root@demo.test', 'm0@demo.test'],
    flags: ['flagged'],
    labels: ['Work', '$Forwarded'],
    size_bytes: Buffer.byteLength(letter),
    preview: 'Schön, dich zu sehen.',
    has_attachments: true,
    text: 'Schön, dich zu sehen.',
    html: '<p>Sch&ouml;n <img src="cid:pic@x"></p>',
    reply_text: 'Schön, dich zu sehen.',
    text_truncated: false,
    attachments: [
      {
        number: 1,
        filename: 'pic.png',
        content_type: 'image/png',
        disposition: 'inline',
        content_id: 'pic@x',
        size_bytes: 5,
      },
      {
        number: 2,
        filename: '€ rates.bin',
        content_type: 'application/octet-stream',
        disposition: 'attachment',
        content_id: null,
        size_bytes: letterFile.length,
      },
      {
        number: 3,
        filename: 'page.html',
        content_type: 'text/html',
        disposition: 'attachment',
        content_id: null,
        size_bytes: '<script>alert(1)</script>'.length,
      },
    ],
    headers_truncated: false,
    trust: null,
    first_contact: false,
  })
  assert.match(String(threadId), /^[0-9a-f-]{36}$/)
  assert.equal(reply.headers.get('etag'), etag)
  assert.deepEqual(headers.slice(-3), [
    { name: 'Subject', value: 'Grüße from afar' },
    { name: 'MIME-Version', value: '1.0' },
    { name: 'Content-Type', value: 'multipart/mixed; boundary=m' },
  ])
  assert.equal(headers.length, 11)
})

test('reading marks nothing as read, unless it is asked to', async () => {
  const id = await api.put('Subject: unread\r\n\r\nhello\r\n')
  const before = await api.call('GET', api.pathOf(id))
  assert.deepEqual(at(before.json, 'flags'), [])
  for (const rest of ['/raw', '']) await api.call('GET', api.pathOf(id, rest))
  const readOnly = await api.key({ access: 'read' })
  assert.equal(
    refusal(await api.call('GET', api.pathOf(id, '?mark_seen=true'), { key: readOnly })),
    '403 forbidden',
  )
  const again = await api.call('GET', api.pathOf(id), { key: readOnly })
  assert.equal(textAt(again.json, 'etag'), textAt(before.json, 'etag'))
  const seen = await api.call('GET', api.pathOf(id, '?mark_seen=true'))
  assert.deepEqual(at(seen.json, 'flags'), ['seen'])
  assert.notEqual(textAt(seen.json, 'etag'), textAt(before.json, 'etag'))
  const events = (await eventsOf(api.platform, api.box.mailboxId)).filter(
    ({ type }) => type === 'message.flags_changed',
  )
  await api.call('GET', api.pathOf(id, '?mark_seen=true'))
  const after = (await eventsOf(api.platform, api.box.mailboxId)).filter(
    ({ type }) => type === 'message.flags_changed',
  )
  assert.deepEqual([events.length, after.length], [1, 1], 'what is seen is not changed again')
  const [row] = (await messagesIn(api.platform, api.box.mailboxId, api.inboxId)).filter(
    (one) => one.id === id,
  )
  assert.equal(row?.flags, flagBits.seen)
})

test('a message without anything is answered, too', async () => {
  for (const raw of ['\r\n', '', 'no header at all', 'Date: never\r\nFrom: \r\nTo: undisclosed:;\r\n\r\n']) {
    const { status, json, text } = await api.call('GET', api.pathOf(await api.put(raw)))
    assert.equal(status, 200, text)
    assert.equal(at(json, 'date'), null)
    assert.deepEqual([at(json, 'from'), at(json, 'to'), at(json, 'attachments')], [[], [], []])
  }
})

test('what came from outside says what was found out about it', async () => {
  const id = await api.put('From: Ann <ann@b.example>\r\n\r\nhello')
  const trust = {
    remote: { address: '192.0.2.1', helo: 'mx.b.example', tls: true },
    mail_from: 'ann@b.example',
    spf: { result: 'pass', domain: 'b.example' },
    dkim: [{ result: 'pass', domain: 'b.example', selector: 's', aligned: true }],
    spam: null,
    look_alike: { display_name: 'Ann', of: 'ann@demo.test' },
    hidden_text: false,
  }
  const { db } = api.platform
  await sql`update bodies set trust = ${JSON.stringify(trust)}::jsonb
    where id = (select body_id from messages where id = ${id}::uuid)`.execute(db)
  await db
    .insertInto('contacts')
    .values({
      mailbox_id: api.box.mailboxId,
      address: 'ann@b.example',
      name: null,
      origin: 'received',
      first_message_id: id,
      first_seen_at: new Date(),
    })
    .execute()
  const { json } = await api.call('GET', api.pathOf(id))
  assert.deepEqual([at(json, 'trust'), at(json, 'first_contact')], [trust, true])
})

test('a header longer than is shown says so', async () => {
  const long = `X-Long: ${'x'.repeat(900)}\r\n`.repeat(100)
  const { json } = await api.call('GET', api.pathOf(await api.put(`Subject: a\r\n${long}\r\nb`)))
  assert.equal(at(json, 'headers_truncated'), true)
  const { length } = listAt(json, 'headers')
  assert.ok(length > 50 && length < 100)
})

test('what is not there is not found', async () => {
  const id = await api.put('Subject: x\r\n\r\nhello')
  const other = await api.createMailbox()
  const unknown = '00000000-0000-7000-8000-000000000000'
  const cases: [path: string, want: string][] = [
    [api.pathOf(unknown), '404 message_not_found'],
    [api.pathOf('nope'), '404 message_not_found'],
    [api.pathOf(unknown, '/raw'), '404 message_not_found'],
    [api.pathOf(unknown, '/attachments/1'), '404 message_not_found'],
    [api.pathOf(id, '/attachments/1'), '404 attachment_not_found'],
    [api.pathOf(id, '/attachments/x'), '404 attachment_not_found'],
    [`/v1/mailboxes/${other.address}/messages/${id}`, '404 message_not_found'],
    [`/v1/mailboxes/nobody@demo.test/messages/${id}`, '404 mailbox_not_found'],
    [api.pathOf(id, '?mark_seen=perhaps'), '400 invalid_request'],
  ]
  for (const [path, want] of cases) assert.equal(refusal(await api.call('GET', path)), want, path)
})

test('a mailbox that another service runs has no messages here', async () => {
  const elsewhere = await api.createMailbox()
  await api.platform.db
    .updateTable('mailboxes')
    .set({ service: 'google' })
    .where('id', '=', elsewhere.mailboxId)
    .execute()
  for (const rest of [
    'messages',
    'messages/x',
    'messages/x/raw',
    'messages/x/attachments/1',
    'search',
    'threads',
    'threads/x',
  ])
    assert.equal(
      refusal(await api.call('GET', `/v1/mailboxes/${elsewhere.address}/${rest}`)),
      '409 service_cannot',
    )
})
