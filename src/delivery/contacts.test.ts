/** Contacts and the signals of the trust block, over a socket. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import type { Trust } from '../messages/trust.ts'
import { transaction } from '../platform/database.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../testing/test-smtp.ts'
import { isFirstContact } from './contacts.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  await smtp.t.connectActiveDomain('mail.example')
})
after(() => smtp[Symbol.asyncDispose]())

async function receive(boxes: readonly TestMailbox[], header: string, body = 'x'): Promise<void> {
  using client = await smtp.greet('smtp')
  const to = boxes.map(({ address }) => address)
  assert.match(
    await sendMessage(client, '<a@b.example>', to, `${header}\r\nSubject: x\r\n\r\n${body}`),
    /^250 /,
  )
}

async function messagesOf(box: TestMailbox): Promise<{ id: string; trust: Trust | null }[]> {
  return await smtp.t.platform.db
    .selectFrom('messages')
    .innerJoin('bodies', 'bodies.id', 'messages.body_id')
    .select(['messages.id', 'bodies.trust'])
    .where('mailbox_id', '=', box.mailboxId)
    .orderBy('messages.id')
    .execute()
}

async function contactsOf(box: TestMailbox): Promise<[string, string | null, string][]> {
  const rows = await smtp.t.platform.db
    .selectFrom('contacts')
    .select(['address', 'name', 'origin'])
    .where('mailbox_id', '=', box.mailboxId)
    .orderBy('address')
    .execute()
  return rows.map(({ address, name, origin }) => [address, name, origin])
}

test('the first message of a stranger is a first contact, of each mailbox for itself', async () => {
  const [one, two] = [await smtp.t.createMailbox(), await smtp.t.createMailbox()]
  await receive([one], 'From: =?utf-8?q?S=C3=A9=00?= <Stranger@B.example>')
  await receive([one, two], 'From: stranger@b.example')
  const first = async (box: TestMailbox): Promise<boolean[]> =>
    await Promise.all(
      (await messagesOf(box)).map(({ id }) => isFirstContact(smtp.t.platform, box.mailboxId, id)),
    )
  assert.deepEqual(await first(one), [true, false])
  assert.deepEqual(await first(two), [true])
  assert.deepEqual(await contactsOf(one), [['stranger@b.example', 'Sé\ufffd', 'received']])
})

test('who was written to is no stranger', async () => {
  const box = await smtp.t.createMailbox('writer@mail.example')
  await receive([box], 'From: known@b.example')
  using client = await smtp.logIn(box.address, box.password)
  const to = ['known@b.example', 'new@b.example', box.address]
  assert.match(await sendMessage(client, `<${box.address}>`, to, 'Subject: x\r\n\r\nx'), /^250 /)
  await receive([box], 'From: new@b.example')
  const ids = (await messagesOf(box)).map(({ id }) => id)
  assert.equal(await isFirstContact(smtp.t.platform, box.mailboxId, ids.at(-1) ?? ''), false)
  assert.deepEqual(await contactsOf(box), [
    ['known@b.example', null, 'sent'],
    ['new@b.example', null, 'sent'],
    ['writer@mail.example', null, 'sent'],
  ])
})

test('a purge takes the contacts of the mailbox and no others', async () => {
  const [gone, kept] = [await smtp.t.createMailbox(), await smtp.t.createMailbox()]
  await receive([gone, kept], 'From: friend@b.example')
  const { platform, scope } = smtp.t
  await transaction(platform.db, (tx) => deleteMailbox(platform, tx, scope, gone.mailboxId, { purge: true }))
  await purgeMailbox(platform, gone.mailboxId)
  assert.deepEqual(await contactsOf(gone), [])
  assert.equal((await contactsOf(kept)).length, 1)
})

const html = (text: string): string =>
  `From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\nX: ${'x'.repeat(20)}\r\nBcc: y@b.example\r\nX-Mailwright-Spam: forged${text}`
const parts =
  '--b\r\n\r\nHello\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hi</p><div style=3D"display:none">secret words</div>\r\n--b--\r\n'

test('the trust block tells of answers that go elsewhere, hidden text, and names that pretend', async () => {
  const box = await smtp.t.createMailbox('boss@mail.example')
  await smtp.t.platform.db
    .updateTable('mailboxes')
    .set({ display_name: 'Maria Lopez' })
    .where('id', '=', box.mailboxId)
    .execute()
  const rows: [header: string, body: string, want: Partial<Trust>][] = [
    ['From: Someone <a@b.example>', 'x', { look_alike: null, reply_to_mismatch: null, hidden_text: false }],
    ['From: a@b.example\r\nReply-To: a@mail.b.example', 'x', { reply_to_mismatch: null }],
    ['From: a@b.example\r\nReply-To: x@Elsewhere.example', 'x', { reply_to_mismatch: 'elsewhere.example' }],
    [html(''), parts, { hidden_text: true }],
    [
      'From: "Mаria L0pez" <a@b.example>',
      'x',
      { look_alike: { display_name: 'Mаria L0pez', of: 'boss@mail.example' } },
    ],
    ['From: Maria Lopez <boss@mail.example>', 'x', { look_alike: null }],
    [
      'From: "ceo@bank.example" <a@b.example>',
      'x',
      { look_alike: { display_name: 'ceo@bank.example', of: 'ceo@bank.example' } },
    ],
    ['From: "a@b.example" <a@b.example>', 'x', { look_alike: null }],
  ]
  for (const [header, body, want] of rows) {
    await receive([box], header, body)
    const trust = (await messagesOf(box)).at(-1)?.trust
    assert.ok(trust)
    assert.deepEqual({ ...trust, ...want }, trust, header)
  }
})
