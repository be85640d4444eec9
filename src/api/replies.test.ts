/** Replies and forwards: what arrives elsewhere, read by somebody else's parser; who gets it; what of a hostile original gets through. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { digestMessage } from '../delivery/dkim/message-digest.ts'
import { signatureField } from '../delivery/dkim/signature.ts'
import { dkimRecord } from '../domains/dkim-keys.ts'
import { flagBits } from '../messages/flags.ts'
import { type ParsedMail, parseMail } from '../testing/parsed-mail.ts'
import { at, refusal, textAt } from '../testing/test-api.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { original, startTestReplies, type TestReplies, withPicture } from '../testing/test-replies.ts'

let api: TestReplies
let bob: TestMailbox
before(async () => {
  api = await startTestReplies()
  bob = api.bob
})
after(() => api[Symbol.asyncDispose]())

async function sentBy(box: TestMailbox): Promise<ParsedMail> {
  const raw = (await api.folder(box, 'Sent')).at(-1)?.raw
  assert.ok(raw)
  return parseMail(raw)
}

test('a reply is of its thread, in the other server’s eyes and in ours, and the original is answered', async () => {
  const ann = await api.newBox()
  const references = '<root@far.example> <m0@far.example>'
  const id = await api.deliver(ann, original({ References: references, 'In-Reply-To': '<m0@far.example>' }))
  const headers = { 'idempotency-key': 'reply-once' }
  const replies = [
    await api.answer(ann, id, { text: 'Fine.' }, 'reply', headers),
    await api.answer(ann, id, { text: 'Fine.' }, 'reply', headers),
  ]
  assert.deepEqual([replies[0]?.status, replies[1]?.text], [202, replies[0]?.text], replies[0]?.text)
  const { mail } = await api.arrived()
  assert.equal(mail.field('subject'), 'Re: Lunch')
  assert.equal(mail.field('in-reply-to'), '<m1@far.example>')
  assert.equal(mail.field('references'), `${references} <m1@far.example>`)
  assert.deepEqual([mail.to, mail.cc], [['bob@sender.example'], []])
  assert.equal(mail.text?.trim(), 'Fine.')
  const [got, ...more] = await api.folder(ann, 'INBOX')
  assert.deepEqual([got?.id, got?.flags, more], [id, flagBits.answered, []])
  const { rows } = await threadsOf(ann)
  assert.equal(new Set(rows).size, 1, 'the reply and the original are one thread')
  assert.equal((await api.folder(ann, 'Sent')).length, 1)
})

async function threadsOf({ mailboxId }: TestMailbox): Promise<{ rows: string[] }> {
  const rows = await api.platform.db
    .selectFrom('messages')
    .select('thread_id')
    .where('mailbox_id', '=', mailboxId)
    .execute()
  return { rows: rows.map(({ thread_id }) => thread_id) }
}

test('fields of the caller take the place of those of a reply, in any case of their names', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, original())
  const headers = { 'in-reply-to': '<other@far.example>' }
  assert.equal((await api.answer(ann, id, { text: 'x', headers })).status, 202)
  const { raw } = await api.arrived()
  assert.deepEqual(raw.toString('latin1').match(/^in-reply-to: .*$/gim)?.length, 1)
  assert.match(raw.toString('latin1'), /^in-reply-to: <other@far\.example>\r$/im)
})

test('References of a hostile length are bounded, and keep the root and the newest', async () => {
  const ann = await api.newBox()
  const ids = Array.from({ length: 500 }, (_, number) => `<${'x'.repeat(100)}${number}@far.example>`)
  const id = await api.deliver(ann, original({ References: ids.join('\r\n ') }))
  assert.equal((await api.answer(ann, id, { text: 'x' })).status, 202)
  const { raw, mail } = await api.arrived()
  const kept = mail.field('references')?.split(/\s+/) ?? []
  assert.deepEqual([kept[0], kept.at(-1), kept.at(-2)], [ids[0], '<m1@far.example>', ids.at(-1)])
  assert.ok(kept.length <= 41)
  assert.ok(
    raw
      .toString('latin1')
      .split('\r\n')
      .every((line) => line.length <= 998),
  )
})

type Who = { to: string[]; cc: string[] }
const me = 'ANN' // stands for the mailbox that answers
const audiences: [what: string, fields: Record<string, string>, body: object, want: Who | string][] = [
  ['the author', {}, {}, { to: ['bob@sender.example'], cc: [] }],
  [
    'Reply-To, several',
    { 'Reply-To': 'a@x.example, "B, b" <b@x.example>' },
    {},
    { to: ['a@x.example', 'b@x.example'], cc: [] },
  ],
  [
    'all, without us, an alias, a detail, and those in another case',
    {
      To: `${me}, Bob <BOB@sender.example>, c@x.example, alias-${me}`,
      Cc: `C@X.example, plus-${me}, friends: d@x.example, e@x.example;`,
    },
    { reply_all: true },
    { to: ['bob@sender.example'], cc: ['c@x.example', 'd@x.example', 'e@x.example'] },
  ],
  [
    'all, more in cc, and to in place of the author',
    { To: me, Cc: 'c@x.example' },
    { reply_all: true, to: ['z@x.example'], cc: ['C@x.example', 'y@x.example'] },
    { to: ['z@x.example'], cc: ['c@x.example', 'y@x.example'] },
  ],
  ['no From, but a Sender', { From: '', Sender: 's@x.example' }, {}, '400 invalid_request'],
  [
    'no From at all, and somebody to write to',
    { From: '' },
    { to: ['t@x.example'] },
    { to: ['t@x.example'], cc: [] },
  ],
  [
    'our own, which goes to whom it went',
    { From: me, To: 'c@x.example' },
    {},
    { to: ['c@x.example'], cc: [] },
  ],
  ['our own to ourselves', { From: me, To: me }, {}, '400 invalid_request'],
  [
    'a form of our own with Reply-To',
    { From: me, To: me, 'Reply-To': 'visitor@x.example' },
    {},
    { to: ['visitor@x.example'], cc: [] },
  ],
  [
    'a list, which was not asked for',
    { 'List-Post': '<mailto:list@x.example>' },
    {},
    { to: ['bob@sender.example'], cc: [] },
  ],
  [
    'a list, which was',
    { 'List-Post': '<https://x.example/post>, <mailto:list%2Ba@x.example?subject=x>' },
    { reply_list: true },
    { to: ['list+a@x.example'], cc: [] },
  ],
  ['a list that takes no mail', { 'List-Post': 'NO' }, { reply_list: true }, '400 invalid_request'],
]
for (const [what, fields, body, want] of audiences) {
  test(`who gets a reply: ${what}`, async () => {
    const ann = await api.newBox()
    const alias = ann.address.replace('ann', 'annie')
    await api.call('POST', `/v1/mailboxes/${ann.mailboxId}/aliases`, { body: { address: alias } })
    const names = {
      [`alias-${me}`]: alias,
      [`plus-${me}`]: ann.address.replace('@', '+tag@'),
      [me]: ann.address,
    }
    const filled = Object.entries(fields).map(([name, value]) => [
      name,
      Object.entries(names).reduce((text, [mark, address]) => text.replaceAll(mark, address), value),
    ])
    const id = await api.deliver(ann, original(Object.fromEntries(filled)))
    const reply = await api.answer(ann, id, { text: 'x', ...body })
    if (typeof want === 'string') return assert.equal(refusal(reply), want, reply.text)
    assert.equal(reply.status, 202, reply.text)
    const mail = await sentBy(ann)
    assert.deepEqual({ to: mail.to, cc: mail.cc }, want)
  })
}

test('a report with the null sender is answered like other mail, and nothing answers by itself', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, original({ From: 'Mail <postmaster@far.example>' }), '<>')
  assert.equal((await api.answer(ann, id, { text: 'x' })).status, 202)
  assert.deepEqual((await sentBy(ann)).to, ['postmaster@far.example'])
})

test('names of strangers put nothing into a header of ours', async () => {
  const ann = await api.newBox()
  const evil = Buffer.from('Bob\r\nBcc: spy@x.example\r\n\r\nbody').toString('base64')
  const fields = {
    From: `=?utf-8?B?${evil}?= <bob@sender.example>`,
    Subject: `=?utf-8?B?${evil}?=`,
    'Message-ID': '<a\tb@far.example>',
    References: '<ü@far.example> <ok@far.example>',
  }
  const id = await api.deliver(ann, original(fields))
  assert.equal((await api.answer(ann, id, { text: 'x', html: '<p>x</p>', quote: true })).status, 202)
  const { raw, mail } = await api.arrived()
  const head = raw.toString('latin1').split('\r\n\r\n')[0] ?? ''
  assert.doesNotMatch(head, /^(?:Bcc|body)/im)
  assert.deepEqual(mail.bcc, [])
  assert.deepEqual(mail.to, ['bob@sender.example'])
  assert.match(mail.field('subject') ?? '', /^Re: Bob Bcc: spy@x\.example body$/)
})

test('a forward inside the message: its header, its text, its attachments, and the keyword on the original', async () => {
  const ann = await api.newBox()
  const id = await api.deliver(ann, withPicture('<p>See <img src="cid:pic@far"></p>'))
  const to = [bob.address]
  assert.equal((await api.answer(ann, id, { to, text: 'Look & see' }, 'forward')).status, 202)
  const { mail } = await api.arrived()
  assert.equal(mail.field('subject'), 'Fwd: Lunch')
  assert.deepEqual([mail.field('in-reply-to'), mail.field('references')], [undefined, undefined])
  assert.match(
    mail.html ?? '',
    /Look &amp; see[\s\S]*<b>From:<\/b> Bob &lt;bob@sender\.example&gt;[\s\S]*<p>See <img/,
  )
  assert.match(mail.text ?? '', /^Look & see\n\n-+ Forwarded message -+\nFrom: Bob <bob@sender.example>\n/)
  const files = mail.attachments.map(({ filename, contentType, disposition }) => [
    filename,
    contentType,
    disposition,
  ])
  assert.deepEqual(files, [
    ['attachment-1', 'image/png', 'inline'],
    ['notes".txt', 'text/plain', 'attachment'],
  ])
  assert.deepEqual((await api.folder(ann, 'INBOX'))[0]?.keywords, ['$Forwarded'])
  assert.equal((await api.answer(ann, id, { to, include_attachments: false }, 'forward')).status, 202)
  const without = await api.arrived()
  assert.deepEqual(
    without.mail.attachments.map(({ contentType }) => contentType),
    ['image/png'],
  )
  assert.equal(refusal(await api.answer(ann, id, { text: 'x' }, 'forward')), '400 invalid_request')
})

test('a forward as an attachment is the message byte for byte, and its signature holds', async () => {
  const ann = await api.newBox()
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const public_key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const key = { algorithm: 'rsa-sha256', selector: 's1', state: 'active', public_key } as const
  const text = Buffer.from(
    original({ Subject: '=?utf-8?Q?Gr=C3=BC=C3=9Fe?=' }, 'Grüße  \r\n\r\n--b\r\n\t x\r\n\r\n\r\n'),
  )
  async function* whole() {
    yield text
  }
  const digest = await digestMessage(whole())
  assert.ok(digest)
  const signer = { domain: 'sender.example', selector: 's1', algorithm: 'rsa-sha256', privateKey } as const
  const signed = Buffer.concat([Buffer.from(await signatureField(signer, digest, new Date())), text])
  const id = await api.deliver(ann, signed)
  assert.equal((await api.answer(ann, id, { to: [bob.address], mode: 'attachment' }, 'forward')).status, 202)
  const { raw } = await api.arrived()
  const [stored] = await api.folder(ann, 'INBOX')
  assert.ok(stored)
  const place = raw.indexOf(stored.raw)
  assert.ok(place > 0, 'the bytes are in it as they are stored')
  const boundary = /boundary="([^"]+)"/.exec(raw.toString('latin1'))?.[1] ?? ''
  const rest = raw.subarray(place + stored.raw.length)
  assert.ok(rest.toString('latin1').startsWith(`\r\n--${boundary}`), 'and nothing is behind them')
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    if (type === 'TXT' && name === 's1._domainkey.sender.example') return [[dkimRecord(key)]]
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  }
  const { results } = await dkimVerify(raw.subarray(place, place + stored.raw.length), { resolver })
  assert.deepEqual(
    results.map(({ status }) => status.result),
    ['pass'],
  )
})

test('attachments of stored messages are sent by their numbers, and only of the own mailbox', async () => {
  const [ann, eve] = [await api.newBox(), await api.newBox()]
  const id = await api.deliver(ann, withPicture('<p>x</p>'))
  const send = (box: TestMailbox, attachments: object[]) =>
    api.call('POST', `/v1/mailboxes/${box.mailboxId}/messages`, { body: { to: [bob.address], attachments } })
  const done = await send(ann, [{ message_id: id, number: 2 }, { message_id: id }])
  assert.equal(done.status, 202, done.text)
  const { mail } = await api.arrived()
  assert.deepEqual(
    mail.attachments.map(({ filename, contentType }) => [filename, contentType]),
    [
      ['notes".txt', 'text/plain'],
      ['Lunch.eml', 'message/rfc822'],
    ],
  )
  assert.equal(refusal(await send(ann, [{ message_id: id, number: 3 }])), '404 attachment_not_found')
  assert.equal(refusal(await send(eve, [{ message_id: id, number: 2 }])), '404 message_not_found')
  assert.equal(refusal(await send(ann, [{ message_id: id, filename: 'x' }])), '400 invalid_request')
  assert.equal(refusal(await send(ann, [{ number: 1 }])), '400 invalid_request')
})

test('refused: what is not there, a key that reads, a message that would be too large', async () => {
  const ann = await api.newBox()
  const none = '01890a5d-ac96-774b-bcce-b302099a8057'
  assert.equal(refusal(await api.answer(ann, none, { text: 'x' })), '404 message_not_found')
  const id = await api.deliver(ann, original())
  const key = await api.key({ access: 'read' })
  const path = `/v1/mailboxes/${ann.mailboxId}/messages/${id}/reply`
  assert.equal(refusal(await api.call('POST', path, { body: { text: 'x' }, key })), '403 forbidden')
  const { flags } = (await api.folder(ann, 'INBOX'))[0] ?? {}
  assert.equal(flags, 0, 'reading it and refusing marks nothing')
  const whole = await api.call('POST', path, { body: { text: 'x', headers: { From: 'x@y.example' } } })
  assert.equal(refusal(whole), '400 invalid_request')
  assert.ok(JSON.stringify(at(whole.json, 'errors')).includes('/headers/From'))
  assert.equal(textAt(whole.json, 'code'), 'invalid_request')
})
