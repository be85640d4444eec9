/** Sending by API: what is written together, what is refused, and that nothing goes twice. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { eventsOf, folderIdOf, messagesIn } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { rawMessages } from '../testing/test-smtp.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  await api.connectActiveDomain('sender.example')
})
after(() => api[Symbol.asyncDispose]())

let made = 0
const newBox = (): Promise<TestMailbox> => api.createMailbox(`ann${++made}@sender.example`)

async function queuedOf(mailboxId: string) {
  return await api.platform.db
    .selectFrom('outbound_recipients as r')
    .innerJoin('outbound_messages as m', 'm.id', 'r.outbound_message_id')
    .select([
      'rcpt_to',
      'mail_from',
      'signing_domain',
      'skip_bytes',
      'body_id',
      'next_attempt_at',
      'm.message_id',
    ])
    .where('r.mailbox_id', '=', mailboxId)
    .orderBy('rcpt_to')
    .execute()
}

async function sentOf({ mailboxId }: TestMailbox) {
  return await messagesIn(api.platform, mailboxId, await folderIdOf(api.platform, mailboxId, 'Sent'))
}

test('a message with everything: the copy in Sent, a copy here, the queue for elsewhere', async () => {
  const [ann, bob] = [await newBox(), await newBox()]
  const body = {
    to: [`Bob <${bob.address}>`, 'Żaneta <far@example.com>'],
    cc: ['away@example.net'],
    bcc: ['hidden@example.org', 'FAR@example.com'],
    reply_to: ['office@sender.example'],
    subject: 'Grüße\r\nX-Injected: yes',
    text: 'Hello.',
    html: '<p>Hello <img src="cid:logo"></p>',
    headers: { 'X-Campaign': 'spring', 'In-Reply-To': '<first@example.com>' },
    attachments: [
      {
        filename: 'ü.txt',
        content_type: 'text/plain',
        content_base64: Buffer.from('file').toString('base64'),
      },
      { filename: 'logo.png', content_base64: 'aGk=', content_id: 'logo' },
    ],
  }
  const reply = await api.call('POST', `/v1/mailboxes/${ann.address}/messages`, { body })
  assert.equal(reply.status, 202, reply.text)
  assert.deepEqual(at(reply.json, 'recipients'), [
    { address: bob.address, status: 'delivered' },
    { address: 'far@example.com', status: 'queued' },
    { address: 'away@example.net', status: 'queued' },
    { address: 'hidden@example.org', status: 'queued' },
  ])
  const [sent, ...more] = await sentOf(ann)
  assert.ok(sent)
  assert.deepEqual(more, [])
  assert.deepEqual([sent.id, sent.flags], [textAt(reply.json, 'id'), 1])
  const queued = await queuedOf(ann.mailboxId)
  assert.deepEqual(
    queued.map((row) => row.rcpt_to),
    ['away@example.net', 'far@example.com', 'hidden@example.org'],
  )
  for (const row of queued) {
    assert.deepEqual(
      [row.mail_from, row.signing_domain, row.skip_bytes, row.body_id, row.message_id],
      [ann.address, 'sender.example', 0, sent.body_id, textAt(reply.json, 'message_id')],
    )
  }
  const [raw] = await rawMessages(api.platform, bob.mailboxId)
  const text = raw?.toString() ?? ''
  assert.equal(text, (await readBodyBytes(api.platform.db, sent.body_id)).toString())
  assert.match(text, /^Received: from localhost .*\r\n\tby localhost \(Mailwright\) with HTTP id /)
  assert.match(text, new RegExp(`^From: ${ann.address}\r$`, 'm'))
  assert.match(text, /^In-Reply-To: <first@example\.com>\r$/m)
  assert.match(text, /^X-Campaign: spring\r$/m)
  assert.match(text, /^Content-Id: <logo>\r$/im)
  assert.doesNotMatch(text, /hidden@|^Bcc:/im, 'nobody learns of blind copies')
  assert.doesNotMatch(text, /^X-Injected/m)
})

test('the sender is told that it was sent, the recipient here that it came, each with what it is about', async () => {
  const [ann, bob] = [await newBox(), await newBox()]
  const body = { to: [`Bob <${bob.address}>`, 'far@example.com'], subject: 'Grüße', text: 'Hello.' }
  const reply = await api.call('POST', `/v1/mailboxes/${ann.address}/messages`, { body })
  const about = {
    from: { address: ann.address, name: null },
    to: [
      { address: bob.address, name: 'Bob' },
      { address: 'far@example.com', name: null },
    ],
    subject: 'Grüße',
    internet_message_id: textAt(reply.json, 'message_id'),
  }
  const of = async ({ mailboxId }: TestMailbox) =>
    (await eventsOf(api.platform, mailboxId)).filter(({ type }) => type.startsWith('message.'))
  const told = await of(ann)
  assert.deepEqual(
    told.map(({ type }) => type),
    ['message.appended', 'message.queued', 'message.sent', 'message.delivered'],
  )
  assert.deepEqual(told[3]?.data, {
    message_id: textAt(reply.json, 'id'),
    outbound_message_id: at(told[1]?.data, 'outbound_message_id'),
    outbound_recipient_id: null,
    rcpt_to: bob.address,
    reply: null,
  })
  assert.deepEqual(told[2]?.data, {
    message_id: textAt(reply.json, 'id'),
    thread_id: textAt(reply.json, 'thread_id'),
    outbound_message_id: at(told[1]?.data, 'outbound_message_id'),
    recipients: 2,
    ...about,
  })
  const [received] = await of(bob)
  assert.equal(received?.type, 'message.received')
  assert.equal(at(received.data, 'folder'), 'INBOX')
  assert.deepEqual({ ...Object(received.data), ...about }, received.data)
})

test('each address whose mailboxes are here is told as delivered, by the name that was asked for', async () => {
  const [ann, bob, eve] = [await newBox(), await newBox(), await newBox()]
  const forwards: [address: string, targets: string[]][] = [
    ['here@sender.example', [bob.address, eve.address]],
    ['both@sender.example', [bob.address, 'away@far.example']],
  ]
  for (const [address, targets] of forwards) {
    const made = await api.call('POST', '/v1/domains/sender.example/forwards', { body: { address, targets } })
    assert.equal(made.status, 201, made.text)
  }
  const detailed = bob.address.replace('@', '+news@')
  const to = [ann.address, detailed, 'here@sender.example', 'both@sender.example', 'far@far.example']
  const reply = await api.call('POST', `/v1/mailboxes/${ann.address}/messages`, { body: { to, text: 'x' } })
  assert.equal(reply.status, 202, reply.text)
  const told = (await eventsOf(api.platform, ann.mailboxId)).filter(
    ({ type }) => type === 'message.delivered',
  )
  assert.deepEqual(
    told.map(({ data }) => at(data, 'rcpt_to')),
    [ann.address, detailed, 'here@sender.example'],
  )
})

test('where a forward leads is not told to who writes to it', async () => {
  const ann = await newBox()
  const forward = { address: 'team@sender.example', targets: ['private@far.example'] }
  const made = await api.call('POST', '/v1/domains/sender.example/forwards', { body: forward })
  assert.equal(made.status, 201, made.text)
  const body = { to: [forward.address, ann.address], text: 'x' }
  const reply = await api.call('POST', `/v1/mailboxes/${ann.address}/messages`, { body })
  assert.equal(reply.status, 202, reply.text)
  assert.deepEqual(at(reply.json, 'recipients'), [
    { address: forward.address, status: 'queued' },
    { address: ann.address, status: 'delivered' },
  ])
})

test('the same Idempotency-Key sends once', async () => {
  const ann = await newBox()
  const options = { body: { to: ['x@example.com'] }, headers: { 'idempotency-key': 'send-1' } }
  const path = `/v1/mailboxes/${ann.mailboxId}/messages`
  const [first, second] = [await api.call('POST', path, options), await api.call('POST', path, options)]
  assert.deepEqual([first.status, second.status, second.text], [202, 202, first.text])
  assert.equal((await sentOf(ann)).length, 1)
  assert.equal((await queuedOf(ann.mailboxId)).length, 1)
})

const refused: [what: string, body: object, want: string, pointer?: string][] = [
  ['nobody', { text: 'x' }, '400 invalid_request'],
  ['no address', { to: ['x@example.com', 'nobody'] }, '400 invalid_request', '/to/1'],
  [
    'an address with a line end',
    { to: ['x@example.com\r\nBcc: y@example.com'] },
    '400 invalid_request',
    '/to/0',
  ],
  ['no such mailbox here', { cc: ['nobody@sender.example'] }, '422 recipient_refused', '/cc/0'],
  ['a sandbox that is not here', { to: ['x@not-here.test'] }, '422 recipient_refused', '/to/0'],
  [
    'a field of ours',
    { to: ['x@example.com'], headers: { From: 'boss@example.com' } },
    '400 invalid_request',
    '/headers/From',
  ],
  [
    'a field with a line end',
    { to: ['x@example.com'], headers: { 'X-A': 'b\r\nc: d' } },
    '400 invalid_request',
    '/headers/X-A',
  ],
  [
    'no field name',
    { to: ['x@example.com'], headers: { 'X A': 'b' } },
    '400 invalid_request',
    '/headers/X A',
  ],
  [
    'a file that is not base64',
    { to: ['x@example.com'], attachments: [{ filename: 'a', content_base64: 'a b c' }] },
    '400 invalid_request',
    '/attachments/0/content_base64',
  ],
  [
    'a path for a file',
    { to: ['x@example.com'], attachments: [{ filename: 'a', path: '/etc/passwd' }] },
    '400 invalid_request',
  ],
  ['too far ahead', { to: ['x@example.com'], send_at: '2099-01-01T00:00:00Z' }, '400 invalid_request'],
  ['no time', { to: ['x@example.com'], send_at: 'tomorrow' }, '400 invalid_request'],
  ['something unknown', { to: ['x@example.com'], from: 'other@example.com' }, '400 invalid_request'],
]
for (const [what, body, want, pointer] of refused) {
  test(`refused: ${what}`, async () => {
    const ann = await newBox()
    const reply = await api.call('POST', `/v1/mailboxes/${ann.mailboxId}/messages`, { body })
    assert.equal(refusal(reply), want, reply.text)
    if (pointer !== undefined) {
      assert.ok(JSON.stringify(at(reply.json, 'errors')).includes(JSON.stringify(pointer)), reply.text)
    }
    assert.deepEqual([await sentOf(ann), await queuedOf(ann.mailboxId)], [[], []], 'nothing was sent')
  })
}

test('who may not send: a key that reads, another tenant, a suspended mailbox, a full one', async () => {
  const ann = await newBox()
  const path = `/v1/mailboxes/${ann.mailboxId}/messages`
  const body = { to: ['x@example.com'], text: 'x'.repeat(5000) }
  const reading = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('POST', path, { body, key: reading })), '403 forbidden')
  const { key } = await api.tenant()
  assert.equal(refusal(await api.call('POST', path, { body, key })), '404 mailbox_not_found')
  await api.call('PUT', `/v1/mailboxes/${ann.mailboxId}/policy`, { body: { quota_bytes: 1000 } })
  assert.equal(refusal(await api.call('POST', path, { body })), '409 quota_exceeded')
  await api.call('POST', `/v1/mailboxes/${ann.mailboxId}/suspend`)
  assert.equal(refusal(await api.call('POST', path, { body })), '409 mailbox_state_conflict')
  assert.deepEqual(await queuedOf(ann.mailboxId), [])
})

test('a sandbox domain writes to mailboxes here only, and limits hold', async () => {
  const sandbox = await api.createMailbox()
  const send = (box: TestMailbox, to: string[]) =>
    api.call('POST', `/v1/mailboxes/${box.mailboxId}/messages`, { body: { to } })
  const ann = await newBox()
  assert.equal((await send(sandbox, [ann.address])).status, 202)
  assert.equal(refusal(await send(sandbox, ['x@example.com'])), '422 recipient_refused')
  const policy = { mailbox_per_hour: 1 }
  await api.call('PUT', `/v1/mailboxes/${ann.mailboxId}/delivery-policy`, { body: policy })
  assert.equal((await send(ann, ['x@example.com'])).status, 202)
  const over = await send(ann, ['y@example.com'])
  assert.equal(refusal(over), '429 sending_limit_reached', over.text)
  assert.equal((await queuedOf(ann.mailboxId)).length, 1)
})
