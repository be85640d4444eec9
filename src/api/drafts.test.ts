/** Drafts: what mail programs see of them and do to them, edits that meet, and what is sent in the end. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { flagBits } from '../messages/flags.ts'
import { parseMail } from '../testing/parsed-mail.ts'
import { at, listAt, type Reply, refusal, textAt } from '../testing/test-api.ts'
import { append, eventsOf, folderIdOf } from '../testing/test-mail.ts'
import { startTestMailApi, type TestMailApi } from '../testing/test-mail-api.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

let api: TestMailApi
let bob: TestMailbox
before(async () => {
  api = await startTestMailApi()
  await api.connectActiveDomain('sender.example')
  bob = await api.createMailbox('bob@sender.example')
})
after(() => api[Symbol.asyncDispose]())

let made = 0
const newBox = (): Promise<TestMailbox> => api.createMailbox(`ann${++made}@sender.example`)
const pathOf = (box: TestMailbox, rest = ''): string => `/v1/mailboxes/${box.mailboxId}/drafts${rest}`

async function create(box: TestMailbox, body: object): Promise<string> {
  const reply = await api.call('POST', pathOf(box), { body })
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'id')
}

function patch(box: TestMailbox, id: string, body: object, ifMatch?: string | null): Promise<Reply> {
  const headers: Record<string, string> = ifMatch == null ? {} : { 'if-match': ifMatch }
  return api.call('PATCH', pathOf(box, `/${id}`), { body, headers })
}

const get = (box: TestMailbox, id: string): Promise<Reply> => api.call('GET', pathOf(box, `/${id}`))
const file = (name: string, content: string): object => ({
  filename: name,
  content_type: 'text/plain',
  content_base64: Buffer.from(content).toString('base64'),
})

test('a draft is a message in the folder for drafts, edited, and sent without its blind copies', async () => {
  const ann = await newBox()
  const id = await create(ann, {
    to: ['Bob <bob@sender.example>'],
    bcc: ['Carla Ö <hidden@x.example>'],
    reply_to: ['office@sender.example'],
    subject: 'Früh',
    text: 'First\nline',
    html: '<p>First</p>',
    headers: { 'X-Campaign': 'spring' },
    attachments: [file('a.txt', 'one'), file('b.txt', 'two')],
  })
  const [stored, ...more] = await api.folder(ann, 'Drafts')
  assert.ok(stored)
  assert.deepEqual([stored.id, stored.flags, more], [id, flagBits.draft | flagBits.seen, []])
  const before = await get(ann, id)
  assert.deepEqual(at(before.json, 'bcc'), [{ address: 'hidden@x.example', name: 'Carla Ö' }])
  assert.deepEqual(
    ['text', 'html', 'subject'].map((name) => at(before.json, name)),
    ['First\nline', '<p>First</p>', 'Früh'],
  )
  const edited = await patch(ann, id, {
    subject: 'Spät',
    attachments: [{ number: 2 }, file('c.txt', 'three')],
  })
  assert.equal(edited.status, 200, edited.text)
  assert.notEqual(edited.headers.get('etag'), before.headers.get('etag'))
  assert.equal(edited.headers.get('etag'), (await get(ann, id)).headers.get('etag'))
  const again = edited.json
  assert.deepEqual([at(again, 'id'), at(again, 'text'), at(again, 'subject')], [id, 'First\nline', 'Spät'])
  assert.deepEqual(at(again, 'headers'), { 'X-Campaign': 'spring' })
  assert.deepEqual(at(again, 'reply_to'), [{ address: 'office@sender.example', name: null }])
  assert.deepEqual(
    listAt(again, 'attachments').map((one) => at(one, 'filename')),
    ['b.txt', 'c.txt'],
  )
  assert.equal((await api.folder(ann, 'Drafts')).length, 1)
  const headers = { 'idempotency-key': 'send-the-draft' }
  const sent = [
    await api.call('POST', pathOf(ann, `/${id}/send`), { headers }),
    await api.call('POST', pathOf(ann, `/${id}/send`), { headers }),
  ]
  assert.deepEqual([sent[0]?.status, sent[1]?.text], [202, sent[0]?.text], sent[0]?.text)
  assert.equal(refusal(await get(ann, id)), '404 draft_not_found')
  assert.deepEqual(await api.folder(ann, 'Drafts'), [])
  const raw = (await api.folder(bob, 'INBOX')).at(-1)?.raw ?? Buffer.alloc(0)
  const mail = parseMail(raw)
  assert.deepEqual([mail.field('subject'), mail.bcc, mail.to], ['Spät', [], ['bob@sender.example']])
  assert.doesNotMatch(raw.toString('latin1'), /hidden@/)
  assert.deepEqual(
    mail.attachments.map(({ filename, content }) => [filename, content.toString()]),
    [
      ['b.txt', 'two'],
      ['c.txt', 'three'],
    ],
  )
  const queued = await api.platform.db
    .selectFrom('outbound_recipients')
    .select('rcpt_to')
    .where('mailbox_id', '=', ann.mailboxId)
    .execute()
  assert.deepEqual(queued, [{ rcpt_to: 'hidden@x.example' }])
  const told = (await eventsOf(api.platform, ann.mailboxId)).filter(({ type }) => type.startsWith('draft.'))
  assert.deepEqual(
    told.map(({ type, data }) => [type, at(data, 'draft_id')]),
    [
      ['draft.created', id],
      ['draft.updated', id],
      ['draft.sent', id],
    ],
  )
})

test('of two edits of one version exactly one is made; edits that name none are both made', async () => {
  const ann = await newBox()
  const id = await create(ann, { text: 'start' })
  const etag = (await get(ann, id)).headers.get('etag')
  const met = await Promise.all(['a', 'b', 'c'].map((text) => patch(ann, id, { text }, etag)))
  assert.deepEqual(met.map(({ status }) => status).sort(), [200, 412, 412])
  const both = await Promise.all([
    patch(ann, id, { subject: 'both' }),
    patch(ann, id, { text: 'edits' }),
    api.call('POST', pathOf(ann, `/${id}/attachments`), { body: file('a.txt', 'x') }),
  ])
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 200, 201])
  const { json } = await get(ann, id)
  assert.deepEqual(
    [at(json, 'subject'), at(json, 'text'), listAt(json, 'attachments').length],
    ['both', 'edits', 1],
  )
  assert.equal((await api.folder(ann, 'Drafts')).length, 1)
  const stale = { headers: { 'if-match': etag ?? '' } }
  for (const [method, rest] of [
    ['DELETE', ''],
    ['POST', '/send'],
    ['DELETE', '/attachments/1'],
  ] as const) {
    const reply = await api.call(method, pathOf(ann, `/${id}${rest}`), stale)
    assert.equal(refusal(reply), '412 edit_conflict', `${method} ${rest}`)
  }
  const sent = await Promise.all([1, 2, 3].map(() => api.call('POST', pathOf(ann, `/${id}/send`))))
  assert.ok(
    sent.every(({ status }) => status !== 202),
    'it has no recipient',
  )
  await patch(ann, id, { to: [bob.address] })
  const raced = await Promise.all([1, 2, 3].map(() => api.call('POST', pathOf(ann, `/${id}/send`))))
  assert.equal(raced.filter(({ status }) => status === 202).length, 1, 'sent once')
  assert.equal((await api.folder(ann, 'Sent')).length, 1)
})

test('a draft is there for whoever reads it while it is edited', async () => {
  const ann = await newBox()
  const id = await create(ann, { text: 'start' })
  let isOver = false
  const read = async (): Promise<void> => {
    while (!isOver) assert.equal((await get(ann, id)).status, 200)
  }
  const edit = async (): Promise<void> => {
    for (let count = 0; count < 40; count++)
      assert.equal((await patch(ann, id, { text: `${count}` })).status, 200)
  }
  await Promise.all([read(), read(), read(), edit().finally(() => (isOver = true))])
})

test('attachments one by one, and a picture by its Content-ID through edits', async () => {
  const ann = await newBox()
  const picture = {
    filename: 'p.png',
    content_type: 'image/png',
    content_base64: 'iVBORw0KGgo=',
    content_id: 'p1@x',
  }
  const id = await create(ann, { to: [bob.address], html: '<img src="cid:p1@x">', attachments: [picture] })
  const add = (body: object) => api.call('POST', pathOf(ann, `/${id}/attachments`), { body })
  assert.equal((await add(file('a.txt', 'a'))).status, 201)
  const three = await add(file('b.txt', 'b'))
  assert.deepEqual(
    listAt(three.json, 'attachments').map((one) => [
      at(one, 'number'),
      at(one, 'filename'),
      at(one, 'content_id'),
    ]),
    [
      [1, 'p.png', 'p1@x'],
      [2, 'a.txt', null],
      [3, 'b.txt', null],
    ],
  )
  assert.equal(refusal(await add({ filename: 'c' })), '400 invalid_request')
  const once = { body: file('b.txt', 'b'), headers: { 'idempotency-key': 'add-b' } }
  const added = await api.call('POST', pathOf(ann, `/${id}/attachments`), once)
  assert.deepEqual([added.status, listAt(added.json, 'attachments').length], [201, 4], added.text)
  assert.equal((await api.call('DELETE', pathOf(ann, `/${id}/attachments/4`))).status, 200)
  const left = await api.call('DELETE', pathOf(ann, `/${id}/attachments/2`))
  assert.equal(left.status, 200, left.text)
  assert.equal(
    refusal(await api.call('DELETE', pathOf(ann, `/${id}/attachments/9`))),
    '404 attachment_not_found',
  )
  assert.equal((await api.call('POST', pathOf(ann, `/${id}/send`))).status, 202)
  const again = await api.call('POST', pathOf(ann, `/${id}/attachments`), once)
  assert.deepEqual([again.status, again.text], [201, added.text], 'the same key, after the draft is gone')
  const mail = parseMail((await api.folder(bob, 'INBOX')).at(-1)?.raw ?? Buffer.alloc(0))
  assert.equal(mail.html?.trim(), '<img src="cid:p1@x">')
  assert.deepEqual(
    mail.attachments.map(({ filename, contentId, content }) => [
      filename,
      contentId,
      content.toString('base64'),
    ]),
    [
      ['p.png', 'p1@x', 'iVBORw0KGgo='],
      ['b.txt', null, 'Yg=='],
    ],
  )
})

test('imapflow sees a draft, edits it and removes it; what the API does next is told', async () => {
  const ann = await newBox()
  const id = await create(ann, { to: [bob.address], subject: 'From the API', text: 'x' })
  const client = await openDrafts(ann)
  const found = await client.fetchOne('*', { envelope: true, flags: true })
  assert.ok(found)
  assert.deepEqual([found.envelope?.subject, found.flags?.has('\\Draft')], ['From the API', true])
  const etag = (await get(ann, id)).headers.get('etag')
  const text = `From: ${ann.address}\r\nTo: bob@sender.example, half\r\nX-Mozilla-Draft-Info: internal\r\nSubject: From a program\r\n\r\nLonger text\r\n`
  await client.append('Drafts', text, ['\\Draft', '\\Seen'])
  await client.messageDelete('1')
  assert.equal(refusal(await patch(ann, id, { text: 'lost?' }, etag)), '404 draft_not_found')
  const listed = await api.call('GET', pathOf(ann))
  const [other, ...more] = listAt(listed.json, 'data')
  assert.deepEqual([at(other, 'subject'), more], ['From a program', []])
  const otherId = textAt(other, 'id')
  const view = await get(ann, otherId)
  assert.deepEqual(at(view.json, 'to'), [
    { address: 'bob@sender.example', name: null },
    { address: 'half', name: null },
  ])
  const edited = await patch(ann, otherId, { subject: 'Both', send_at: null })
  assert.equal(edited.status, 200, edited.text)
  assert.equal(textAt(edited.json, 'id'), otherId, 'its id is that of its first message')
  await client.noop()
  const seen = await client.fetchOne('*', { envelope: true, source: true })
  assert.ok(seen)
  assert.equal(seen.envelope?.subject, 'Both')
  assert.match(seen.source?.toString() ?? '', /half[\s\S]*Longer text/)
  const unsent = await api.call('POST', pathOf(ann, `/${otherId}/send`))
  assert.equal(refusal(unsent), '422 recipient_refused', 'somebody half-written')
  await patch(ann, otherId, { to: [bob.address] })
  assert.equal((await api.call('POST', pathOf(ann, `/${otherId}/send`))).status, 202)
  assert.doesNotMatch((await api.folder(bob, 'INBOX')).at(-1)?.raw.toString() ?? '', /x-mozilla/i)
})

async function openDrafts(box: TestMailbox) {
  const client = await api.imap(box)
  await client.mailboxOpen('Drafts')
  return client
}

test('a draft that answers marks its original when it is sent, and one that is deleted does not', async () => {
  const ann = await newBox()
  const text = 'From: bob@sender.example\r\nSubject: Hi\r\nMessage-ID: <q1@far.example>\r\n\r\nhello\r\n'
  const message = await api.deliver(ann, text)
  const flags = async () => (await api.folder(ann, 'INBOX'))[0]?.flags
  const first = await create(ann, { reply: { message_id: message, quote: true }, text: 'a' })
  assert.equal((await api.call('DELETE', pathOf(ann, `/${first}`))).status, 204)
  assert.equal(refusal(await get(ann, first)), '404 draft_not_found')
  assert.equal(await flags(), 0)
  const id = await create(ann, { reply: { message_id: message, quote: true }, text: 'b' })
  await patch(ann, id, { subject: 'Re: Hi there' })
  const view = await get(ann, id)
  assert.deepEqual(at(view.json, 'answers'), { message_id: message, kind: 'reply' })
  assert.deepEqual(at(view.json, 'to'), [{ address: 'bob@sender.example', name: null }])
  assert.equal((await api.call('POST', pathOf(ann, `/${id}/send`))).status, 202)
  assert.equal(await flags(), flagBits.answered)
  const mail = parseMail((await api.folder(bob, 'INBOX')).at(-1)?.raw ?? Buffer.alloc(0))
  assert.equal(mail.field('in-reply-to'), '<q1@far.example>')
  assert.equal(mail.field('references'), '<q1@far.example>')
  const forward = await create(ann, {
    forward: { message_id: message, mode: 'attachment' },
    to: [bob.address],
  })
  assert.equal((await api.call('POST', pathOf(ann, `/${forward}/send`))).status, 202)
  assert.deepEqual((await api.folder(ann, 'INBOX'))[0]?.keywords, ['$Forwarded'])
})

test('what is signed is shown and left alone', async () => {
  const ann = await newBox()
  const raw =
    'Subject: signed\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\ns\r\n--b--\r\n'
  const folderId = await folderIdOf(api.platform, ann.mailboxId, 'Drafts')
  const [stored] = await append(api.platform, ann.owner, folderId, [Buffer.from(raw)], {
    flags: flagBits.draft,
  })
  const id = stored?.id ?? ''
  assert.equal(at((await get(ann, id)).json, 'editable'), false)
  assert.equal(refusal(await patch(ann, id, { subject: 'y' })), '409 draft_not_editable')
  assert.equal(refusal(await api.call('POST', pathOf(ann, `/${id}/send`))), '409 draft_not_editable')
  assert.equal((await api.folder(ann, 'Drafts'))[0]?.raw.toString(), raw)
  const sealed = 'Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nx\r\n' // RFC 8551 §3.2
  const [other] = await append(api.platform, ann.owner, folderId, [Buffer.from(sealed)], { flags: 0 })
  assert.equal(at((await get(ann, other?.id ?? '')).json, 'editable'), false)
})

test('the list turns its pages, and only drafts are drafts', async () => {
  const ann = await newBox()
  const ids: string[] = []
  for (const subject of ['one', 'two', 'three']) ids.unshift(await create(ann, { subject }))
  const first = await api.call('GET', pathOf(ann, '?limit=2'))
  const cursor = textAt(first.json, 'next_cursor')
  const second = await api.call('GET', pathOf(ann, `?limit=2&cursor=${cursor}`))
  const listed = [...listAt(first.json, 'data'), ...listAt(second.json, 'data')]
  assert.deepEqual(
    listed.map((one) => at(one, 'id')),
    ids,
  )
  assert.equal(at(second.json, 'next_cursor'), null)
  const received = await api.deliver(ann, 'From: bob@sender.example\r\nSubject: x\r\n\r\nx\r\n')
  assert.equal(refusal(await get(ann, received)), '404 draft_not_found')
  assert.equal(refusal(await patch(ann, received, { text: 'x' })), '404 draft_not_found')
  const key = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('POST', pathOf(ann), { body: {}, key })), '403 forbidden')
  assert.equal((await api.call('GET', pathOf(ann), { key })).status, 200)
})

test('where somebody deleted the folder for drafts it is made again', async () => {
  const ann = await newBox()
  const client = await api.imap(ann)
  await client.mailboxDelete('Drafts')
  assert.deepEqual(listAt((await api.call('GET', pathOf(ann))).json, 'data'), [])
  const id = await create(ann, { subject: 'x' })
  assert.deepEqual(
    (await api.folder(ann, 'Drafts')).map((one) => one.id),
    [id],
  )
})
