/** One-click unsubscription: the link in a message that was submitted, and what becomes of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { startAuthenticator } from '../accounts/principals.ts'
import { findSuppression } from '../delivery/bounces/suppressions.ts'
import {
  applyUnsubscribe,
  openUnsubscribeToken,
  unsubscribeFields,
  unsubscribeToken,
} from '../delivery/bounces/unsubscribe.ts'
import type { Arrival } from '../delivery/inbound/arrival.ts'
import { spooledBytes } from '../delivery/inbound/spool.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { eventsOf } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../testing/test-smtp.ts'
import { type ApiServer, startApi } from './server.ts'

let smtp: TestSmtp
let server: ApiServer
let base: string
let sender: TestMailbox
const stack = new AsyncDisposableStack()
before(async () => {
  smtp = stack.use(await startTestSmtp({ MAILWRIGHT_HOSTNAME: 'mail.demo.example' }))
  const authenticator = startAuthenticator(smtp.t.platform)
  stack.defer(() => authenticator.stop())
  server = await startApi(smtp.t.platform, { authenticator, host: '127.0.0.1', port: 0, isReady: () => true })
  stack.defer(() => server.stop())
  base = `http://127.0.0.1:${server.port}`
  sender = await smtp.t.createSender()
})
after(() => stack.disposeAsync())

const asking = 'X-Mailwright-Unsubscribe: one-click\r\n'

/** Submits a message and reads what is queued for sending, without the trace fields. */
async function submitted(header: string, to: readonly string[]): Promise<string> {
  using client = await smtp.logIn(sender.address, sender.password)
  const message = `From: <${sender.address}>\r\n${header}Subject: News\r\n\r\nbody`
  assert.match(await sendMessage(client, `<${sender.address}>`, to, message), /^250 /)
  const row = await smtp.t.platform.db
    .selectFrom('outbound_messages')
    .select(['body_id', 'skip_bytes', 'size_bytes'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  const raw = await readBodyBytes(smtp.t.platform.db, row.body_id)
  assert.equal(raw.length, row.skip_bytes + row.size_bytes)
  return raw.toString().slice(raw.indexOf('From: '))
}

const linkPattern = /List-Unsubscribe:\r\n <http:\/\/mail\.demo\.example:\d+(\/unsubscribe\/[\w-]+)>\r\n/

async function linkFor(address: string): Promise<string> {
  const path = linkPattern.exec(await submitted(asking, [address]))?.[1]
  assert.ok(path)
  return base + path
}

test('a submission that asks for it gets both fields in place of its own', async () => {
  const text = await submitted(asking, ['annabelle@example.org']) // longer than what random letters come to
  const rest = text.replace(linkPattern, '')
  assert.equal(
    rest,
    `From: <${sender.address}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nSubject: News\r\n\r\nbody\r\n`,
  )
  assert.match(text, linkPattern)
  assert.doesNotMatch(text, /annabelle|X-Mailwright/i)
  const token = linkPattern.exec(text)?.[1]?.split('/').at(-1) ?? ''
  assert.doesNotMatch(Buffer.from(token, 'base64url').toString('latin1'), /annabelle/i, 'it is sealed')
})

const without: [what: string, header: string, to: string[]][] = [
  ['nobody asks', '', ['ann@example.org']],
  ['two recipients', asking, ['ann@example.org', 'bob@example.org']],
  ['another word', 'X-Mailwright-Unsubscribe: please\r\n', ['ann@example.org']],
  ['the sender has its own', `List-Unsubscribe: <https://own.example/>\r\n${asking}`, ['ann@example.org']],
]
for (const [what, header, to] of without) {
  test(`no fields of ours: ${what}`, async () => {
    const kept = header.replace(/^X-Mailwright.*\r\n/m, '')
    assert.equal(
      await submitted(header, to),
      `From: <${sender.address}>\r\n${kept}Subject: News\r\n\r\nbody\r\n`,
    )
  })
}

test('a folded field, twice and in any case, goes whole', async () => {
  const text = await submitted(
    'x-mailwright-unsubscribe:\r\n one-click\r\nX-Other: 1\r\nX-MAILWRIGHT-UNSUBSCRIBE: 2\r\n',
    ['ann@example.org'],
  )
  assert.match(text, linkPattern)
  assert.doesNotMatch(text, /x-mailwright/i)
  assert.match(text, /One-Click\r\nX-Other: 1\r\nSubject: News/)
})

test('looking changes nothing; a click unsubscribes, once', async () => {
  const link = await linkFor('cid@example.org')
  const { platform } = smtp.t
  const suppressed = () => findSuppression(platform.db, sender.owner.workspaceId, 'cid@example.org')
  const shown = await fetch(link)
  assert.equal(shown.status, 200)
  assert.equal(shown.headers.get('referrer-policy'), 'no-referrer')
  assert.match(
    await shown.text(),
    /<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">/,
  )
  assert.equal((await fetch(link, { method: 'HEAD' })).status, 200)
  assert.equal(await suppressed(), null)
  for (let click = 0; click < 2; click++) {
    const clicked = await fetch(link, {
      method: 'POST',
      body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
    })
    assert.equal(clicked.status, 200)
    assert.match(await clicked.text(), /You are unsubscribed/)
  }
  assert.equal((await suppressed())?.reason, 'unsubscribe')
  const events = (await eventsOf(platform, sender.mailboxId)).filter(
    ({ type }) => type === 'message.unsubscribed',
  )
  assert.deepEqual(events, [{ type: 'message.unsubscribed', data: { address: 'cid@example.org' } }])
})

test('a click as multipart/form-data (RFC 8058 §3.2)', async () => {
  const link = await linkFor('dan@example.org')
  const form = new FormData()
  form.set('List-Unsubscribe', 'One-Click')
  assert.equal((await fetch(link, { method: 'POST', body: form })).status, 200)
  const found = await findSuppression(smtp.t.platform.db, sender.owner.workspaceId, 'dan@example.org')
  assert.equal(found?.reason, 'unsubscribe')
})

test('what is no click', async () => {
  const link = await linkFor('eve@example.org')
  const post = async (body: string, type = 'application/x-www-form-urlencoded') =>
    (await fetch(link, { method: 'POST', body, headers: { 'content-type': type } })).status
  assert.equal(await post('List-Unsubscribe=No'), 400)
  assert.equal(await post(''), 400)
  assert.equal(await post('{}', 'application/json'), 400)
  assert.equal(await post('x', 'text/plain'), 415)
  assert.equal(await post('x'.repeat(17_000)), 413)
  assert.equal((await fetch(link, { method: 'DELETE' })).status, 405)
  assert.equal(await findSuppression(smtp.t.platform.db, sender.owner.workspaceId, 'eve@example.org'), null)
})

test('links that are not good, and how many of them', async () => {
  const link = await linkFor('fay@example.org')
  const changed = link.slice(0, -3) + (link.endsWith('AAA') ? 'BBB' : 'AAA')
  const body = () => new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })
  assert.equal((await fetch(changed)).status, 404)
  assert.equal((await fetch(changed, { method: 'POST', body: body() })).status, 404)
  const statuses = await Promise.all(
    Array.from({ length: 40 }, () => fetch(`${base}/unsubscribe/nothing`).then(({ status }) => status)),
  )
  assert.ok(statuses.includes(429))
})

test('tokens: of any address, opened as they were made, and nothing of them can be read', () => {
  const { platform } = smtp.t
  fc.assert(
    fc.property(fc.emailAddress(), (address) => {
      const unsubscription = { ...sender.owner, address }
      const token = unsubscribeToken(platform, unsubscription)
      assert.deepEqual(openUnsubscribeToken(platform, token), unsubscription)
      assert.ok(!Buffer.from(token, 'base64url').includes(address))
      assert.ok(
        unsubscribeFields(platform, unsubscription)
          .split('\r\n')
          .every((line) => line.length < 998),
      )
    }),
    { numRuns: 50 },
  )
  fc.assert(fc.property(fc.string(), (text) => openUnsubscribeToken(platform, text) === null))
})

test('any part of a changed message can be read', async () => {
  const raw = Buffer.from(`A: 1\r\n${asking}B: 2\r\n${asking}C: 3\r\n\r\n${'body'.repeat(20)}`)
  const arrival: Arrival = {
    id: '1',
    at: new Date(),
    role: 'submission',
    helo: '',
    remoteAddress: '127.0.0.1',
    protocol: 'ESMTPSA',
    tls: true,
    mailFrom: sender.address,
    smtputf8: false,
    ret: null,
    envid: null,
    requireTls: false,
    notBefore: null,
    login: sender.owner,
    local: [],
    remote: [{ address: 'ann@example.org', domain: 'example.org', notify: null, orcpt: null }],
    message: spooledBytes(raw),
  }
  const { message } = applyUnsubscribe(smtp.t.platform, arrival)
  const read = async (from?: number, to?: number): Promise<Buffer> => {
    const pieces: Buffer[] = []
    for await (const piece of message.read(from, to)) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  const whole = await read()
  assert.equal(whole.length, message.sizeBytes)
  assert.match(
    whole.toString(),
    /^A: 1\r\nList-Unsubscribe:[\s\S]+One-Click\r\nB: 2\r\nC: 3\r\n\r\n(body){20}$/,
  )
  assert.ok(whole.subarray(0, message.header.length).equals(message.header))
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (from, to) => {
      assert.ok((await read(from, to)).equals(whole.subarray(from, Math.max(from, to))))
    }),
  )
})
