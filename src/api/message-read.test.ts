/** Reading one message over a socket: what is in it, what it says of itself, its bytes in whole and in ranges. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { flagBits } from '../messages/flags.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, eventsOf, folderIdOf, messagesIn } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

let api: TestApi
let box: TestMailbox
let inboxId: string

before(async () => {
  api = await startTestApi()
  box = await api.createMailbox()
  inboxId = await folderIdOf(api.platform, box.mailboxId, 'INBOX')
})
after(() => api[Symbol.asyncDispose]())

const file = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256))

const letter = [
  'Date: Mon, 2 Mar 2026 10:00:00 +0100',
  'From: =?utf-8?q?Ann_M=C3=BCller?= <ann@elsewhere.example>',
  'To: friends: Bob <bob@demo.test>, "C, D" <cd@demo.test>;',
  'Cc: root',
  'Reply-To: list@elsewhere.example',
  'Message-ID: <m1@elsewhere.example>',
  'In-Reply-To: <m0@demo.test>',
  'References: <root@demo.test>',
  ' <m0@demo.test>',
  'Subject: =?utf-8?b?R3LDvMOfZQ==?= from',
  ' afar',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=m',
  '',
  '--m',
  'Content-Type: multipart/related; boundary=r',
  '',
  '--r',
  'Content-Type: multipart/alternative; boundary=a',
  '',
  '--a',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Sch=F6n, dich zu sehen.',
  '--a',
  'Content-Type: text/html',
  '',
  '<p>Sch&ouml;n <img src="cid:pic@x"></p>',
  '--a--',
  '--r',
  'Content-Type: image/png; name=pic.png',
  'Content-ID: <pic@x>',
  'Content-Disposition: inline',
  'Content-Transfer-Encoding: base64',
  '',
  'aGVsbG8=',
  '--r--',
  '--m',
  'Content-Type: application/octet-stream',
  "Content-Disposition: attachment; filename*=utf-8''%e2%82%ac%20rates.bin",
  'Content-Transfer-Encoding: base64',
  '',
  ...(file.toString('base64').match(/.{1,76}/g) ?? []),
  '--m',
  'Content-Type: text/html; name="page.html"',
  'Content-Disposition: attachment; filename="page.html"',
  '',
  '<script>alert(1)</script>',
  '--m--',
  '',
].join('\r\n')

async function put(raw: string, more: Parameters<typeof append>[4] = {}): Promise<string> {
  const [stored] = await append(api.platform, box.owner, inboxId, [Buffer.from(raw)], more)
  assert.ok(stored)
  return stored.id
}

const pathOf = (id: string, rest = ''): string => `/v1/mailboxes/${box.address}/messages/${id}${rest}`

test('a message says everything that is in it', async () => {
  const internalDate = new Date('2026-03-02T09:00:05Z')
  const id = await put(letter, { internalDate, flags: flagBits.flagged, keywords: ['Work', '$Forwarded'] })
  const reply = await api.call('GET', pathOf(id))
  assert.equal(reply.status, 200, reply.text)
  const { headers, thread_id: threadId, etag, ...rest } = Object(reply.json)
  assert.deepEqual(rest, {
    id,
    mailbox_id: box.mailboxId,
    folder: { id: inboxId, path: 'INBOX' },
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
        size_bytes: file.length,
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
  const id = await put('Subject: unread\r\n\r\nhello\r\n')
  const before = await api.call('GET', pathOf(id))
  assert.deepEqual(at(before.json, 'flags'), [])
  for (const rest of ['/raw', '']) await api.call('GET', pathOf(id, rest))
  const readOnly = await api.key({ access: 'read' })
  assert.equal(
    refusal(await api.call('GET', pathOf(id, '?mark_seen=true'), { key: readOnly })),
    '403 forbidden',
  )
  const again = await api.call('GET', pathOf(id), { key: readOnly })
  assert.equal(textAt(again.json, 'etag'), textAt(before.json, 'etag'))
  const seen = await api.call('GET', pathOf(id, '?mark_seen=true'))
  assert.deepEqual(at(seen.json, 'flags'), ['seen'])
  assert.notEqual(textAt(seen.json, 'etag'), textAt(before.json, 'etag'))
  const events = (await eventsOf(api.platform, box.mailboxId)).filter(
    ({ type }) => type === 'message.flags_changed',
  )
  await api.call('GET', pathOf(id, '?mark_seen=true'))
  const after = (await eventsOf(api.platform, box.mailboxId)).filter(
    ({ type }) => type === 'message.flags_changed',
  )
  assert.deepEqual([events.length, after.length], [1, 1], 'what is seen is not changed again')
  const [row] = (await messagesIn(api.platform, box.mailboxId, inboxId)).filter((one) => one.id === id)
  assert.equal(row?.flags, flagBits.seen)
})

test('a message without anything is answered, too', async () => {
  for (const raw of ['\r\n', '', 'no header at all', 'Date: never\r\nFrom: \r\nTo: undisclosed:;\r\n\r\n']) {
    const { status, json, text } = await api.call('GET', pathOf(await put(raw)))
    assert.equal(status, 200, text)
    assert.equal(at(json, 'date'), null)
    assert.deepEqual([at(json, 'from'), at(json, 'to'), at(json, 'attachments')], [[], [], []])
  }
})

test('what came from outside says what was found out about it', async () => {
  const id = await put('From: Ann <ann@b.example>\r\n\r\nhello')
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
      mailbox_id: box.mailboxId,
      address: 'ann@b.example',
      name: null,
      origin: 'received',
      first_message_id: id,
      first_seen_at: new Date(),
    })
    .execute()
  const { json } = await api.call('GET', pathOf(id))
  assert.deepEqual([at(json, 'trust'), at(json, 'first_contact')], [trust, true])
})

test('a header longer than is shown says so', async () => {
  const long = `X-Long: ${'x'.repeat(900)}\r\n`.repeat(100)
  const { json } = await api.call('GET', pathOf(await put(`Subject: a\r\n${long}\r\nb`)))
  assert.equal(at(json, 'headers_truncated'), true)
  const { length } = listAt(json, 'headers')
  assert.ok(length > 50 && length < 100)
})

test('what is not there is not found', async () => {
  const id = await put('Subject: x\r\n\r\nhello')
  const other = await api.createMailbox()
  const unknown = '00000000-0000-7000-8000-000000000000'
  const cases: [path: string, want: string][] = [
    [pathOf(unknown), '404 message_not_found'],
    [pathOf('nope'), '404 message_not_found'],
    [pathOf(unknown, '/raw'), '404 message_not_found'],
    [pathOf(unknown, '/attachments/1'), '404 message_not_found'],
    [pathOf(id, '/attachments/1'), '404 attachment_not_found'],
    [pathOf(id, '/attachments/x'), '404 attachment_not_found'],
    [`/v1/mailboxes/${other.address}/messages/${id}`, '404 message_not_found'],
    [`/v1/mailboxes/nobody@demo.test/messages/${id}`, '404 mailbox_not_found'],
    [pathOf(id, '?mark_seen=perhaps'), '400 invalid_request'],
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

test('a message is given as it came, in whole', async () => {
  const id = await put(letter)
  const response = await fetched(pathOf(id, '/raw'))
  assert.equal(response.status, 200)
  assert.equal(response.bytes.toString(), letter)
  assert.deepEqual(response.some('content-type', 'content-length', 'accept-ranges', 'content-disposition'), [
    'message/rfc822',
    String(Buffer.byteLength(letter)),
    'bytes',
    `attachment; filename="${id}.eml"`,
  ])
  const head = await fetched(pathOf(id, '/raw'), { range: 'bytes=0-1' }, 'HEAD')
  assert.equal(head.status, 200)
  assert.deepEqual(head.some('content-length', 'content-range'), [String(Buffer.byteLength(letter)), null])
  const etag = response.some('etag')[0] ?? ''
  assert.match(etag, /^"[0-9a-f-]{36}"$/)
  const known = await fetched(pathOf(id, '/raw'), { 'if-none-match': `"x", W/${etag}`, range: 'bytes=0-1' })
  assert.deepEqual([known.status, known.bytes.length], [304, 0])
})

/** A message of several chunks, of which no two places look alike. */
const large = `Subject: large\r\n\r\n${Array.from({ length: 60_000 }, (_, n) => `line ${n}\r\n`).join('')}`

const ranges: [header: Record<string, string>, want: [start: number, end: number] | 'whole' | 'none'][] = [
  [{}, 'whole'],
  [{ range: 'bytes=0-' }, [0, -1]],
  [{ range: 'bytes=0-0' }, [0, 1]],
  [{ range: 'bytes=10-19' }, [10, 20]],
  [{ range: 'Bytes=10-19' }, [10, 20]],
  [{ range: 'bytes=262140-262150' }, [262_140, 262_151]],
  [{ range: 'bytes=262144-' }, [262_144, -1]],
  [{ range: 'bytes=-5' }, [-6, -1]],
  [{ range: 'bytes=-99999999' }, [0, -1]],
  [{ range: 'bytes=5-99999999' }, [5, -1]],
  [{ range: 'bytes=99999999-' }, 'none'],
  [{ range: 'bytes=-0' }, 'none'],
  [{ range: 'bytes=5-4' }, 'whole'],
  [{ range: 'bytes=-' }, 'whole'],
  [{ range: 'bytes=a-b' }, 'whole'],
  [{ range: 'lines=1-2' }, 'whole'],
  [{ range: 'bytes=0-1,5-6' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': 'ETAG' }, [0, 2]],
  [{ range: 'bytes=0-1', 'if-range': 'W/ETAG' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': '"other"' }, 'whole'],
  [{ range: 'bytes=0-1', 'if-range': 'Mon, 02 Mar 2026 10:00:00 GMT' }, 'whole'],
]
test('ranges of a message of several chunks', async () => {
  const whole = Buffer.from(large)
  const path = pathOf(await put(large), '/raw')
  await holdsForRanges(path, whole)
})

test('ranges of an attachment, whatever its encoding', async () => {
  const content = Buffer.from(Array.from({ length: 600_000 }, (_, n) => (n % 78 === 77 ? 10 : 32 + (n % 90))))
  for (const [encoding, encoded] of [
    ['base64', content.toString('base64').replace(/.{76}/g, '$&\r\n')],
    ['8bit', content.toString('latin1')],
    ['x-unknown', content.toString('latin1')],
  ]) {
    const raw =
      'Subject: file\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n' +
      `Content-Transfer-Encoding: ${encoding}\r\n\r\n${encoded}`
    const id = await put(raw)
    assert.equal(at((await api.call('GET', pathOf(id))).json, 'attachments', 0, 'size_bytes'), content.length)
    await holdsForRanges(pathOf(id, '/attachments/1'), content)
  }
})

async function holdsForRanges(path: string, whole: Buffer): Promise<void> {
  const etag = (await fetched(path)).some('etag')[0] ?? ''
  for (const [header, want] of ranges) {
    const sent = Object.fromEntries(
      Object.entries(header).map(([name, value]) => [name, value.replace('ETAG', etag)]),
    )
    const { status, bytes, some } = await fetched(path, sent)
    const what = JSON.stringify(header)
    if (want === 'none') {
      assert.deepEqual([status, some('content-range')], [416, [`bytes */${whole.length}`]], what)
      continue
    }
    const [start, end] =
      want === 'whole'
        ? [0, whole.length]
        : want.map((place) => (place < 0 ? whole.length + 1 + place : place))
    assert.ok(bytes.equals(whole.subarray(start, end)), what)
    assert.equal(status, want === 'whole' ? 200 : 206, what)
    assert.deepEqual(
      some('content-length', 'content-range'),
      [String(bytes.length), want === 'whole' ? null : `bytes ${start}-${Number(end) - 1}/${whole.length}`],
      what,
    )
  }
}

const files: [part: string, headers: [type: string, disposition: string]][] = [
  [
    'Content-Type: text/html; charset=utf-8; name="a.html"\r\nContent-Disposition: inline; filename="a.html"',
    ['application/octet-stream', 'attachment; filename="a.html"'],
  ],
  ['Content-Type: image/svg+xml; name=a.svg', ['application/octet-stream', 'attachment; filename="a.svg"']],
  ['Content-Type: application/xhtml+xml; name=a', ['application/octet-stream', 'attachment; filename="a"']],
  [
    'Content-Type: text/plain; charset="iso-8859-1"; name=a.txt',
    ['text/plain; charset=iso-8859-1', 'attachment; filename="a.txt"'],
  ],
  [
    'Content-Type: text/plain; charset="x y\\"; a"; name=a.txt',
    ['text/plain', 'attachment; filename="a.txt"'],
  ],
  [
    "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''na%0d%0aX-Evil%3A%201%22.pdf",
    [
      'application/pdf',
      'attachment; filename="na X-Evil: 1_.pdf"; filename*=UTF-8\'\'na%20X-Evil%3A%201%22.pdf',
    ],
  ],
  [
    'Content-Type: application/pdf; name="../../etc/passwd"',
    ['application/pdf', 'attachment; filename="passwd"'],
  ],
  [
    'Content-Type: image/png; name="=?utf-8?q?=E2=82=AC_100%.png?="',
    ['image/png', 'attachment; filename="_ 100_.png"; filename*=UTF-8\'\'%E2%82%AC%20100%25.png'],
  ],
  ['Content-Type: application/zip', ['application/zip', 'attachment; filename="attachment-1"']],
]
test('an attachment never runs in a browser, whatever it says it is', async () => {
  for (const [part, want] of files) {
    const mixed =
      'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n' +
      `--b\r\n${part}\r\n\r\nabc\r\n--b--\r\n`
    const { status, bytes, some } = await fetched(pathOf(await put(mixed), '/attachments/1'))
    assert.deepEqual([status, bytes.toString()], [200, 'abc'], part)
    assert.deepEqual(some('content-type', 'content-disposition'), want, part)
    assert.deepEqual(
      some('x-content-type-options', 'content-security-policy', 'x-evil'),
      ['nosniff', "default-src 'none'; sandbox", null],
      part,
    )
  }
})

async function fetched(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(api.base + path, {
    method,
    headers: { authorization: `Bearer ${api.apiKey}`, ...headers },
  })
  return {
    status: response.status,
    bytes: Buffer.from(await response.arrayBuffer()),
    some: (...names: string[]) => names.map((name) => response.headers.get(name)),
  }
}
