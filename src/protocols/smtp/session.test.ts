/** Submission: who may log in, and what a login may send. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { loginFailureDelayMs } from '../../mailboxes/login.ts'
import { suspendMailbox } from '../../mailboxes/mailboxes.ts'
import { transaction } from '../../platform/database.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import {
  plainToken,
  rawMessages,
  sendMessage,
  startTestSmtp,
  type TestSmtp,
} from '../../testing/test-smtp.ts'
import { mayLogIn } from './session.ts'

let smtp: TestSmtp
let ann: TestMailbox
let bob: TestMailbox
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  ann = await smtp.t.createMailbox('ann@demo.test')
  bob = await smtp.t.createMailbox('bob@demo.test')
})
after(() => smtp[Symbol.asyncDispose]())

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const places: [secure: boolean, remoteAddress: string, may: boolean][] = [
  [true, '192.0.2.1', true],
  [false, '192.0.2.1', false],
  [false, '127.0.0.1', true],
  [false, '127.8.9.10', true],
  [false, '::1', true],
  [false, '::ffff:127.0.0.1', true],
  [false, '::ffff:192.0.2.1', false],
  [false, '2001:db8::1', false],
  [false, '', false],
]
for (const [secure, remoteAddress, may] of places) {
  test(`a login ${secure ? 'over TLS' : 'in the clear'} from "${remoteAddress}" ${may ? 'may' : 'may not'} be`, () => {
    assert.equal(mayLogIn({ secure, remoteAddress }), may)
  })
}

const wrong: [what: string, token: string][] = [
  ['a wrong password', plainToken('ann@demo.test', 'wrong')],
  ['an unknown address', plainToken('nobody@demo.test', 'correct horse battery')],
  ['an empty password', plainToken('ann@demo.test', '')],
]

// Refusals are slow on purpose, so they run side by side.
test('logins', { concurrency: true }, async (logins) => {
  const good: [what: string, lines: () => string[]][] = [
    ['PLAIN at once', () => [`AUTH PLAIN ${plainToken(ann.address, ann.password)}`]],
    ['PLAIN in two steps', () => ['AUTH PLAIN', plainToken(ann.address, ann.password)]],
    ['LOGIN', () => ['AUTH LOGIN', base64(ann.address), base64(ann.password)]],
    ['LOGIN with the name at once', () => [`auth login ${base64('ANN@demo.test')}`, base64(ann.password)]],
  ]
  const cases: Promise<void>[] = good.map(([what, lines]) =>
    logins.test(`${what} is accepted`, async () => {
      using client = await smtp.greet('submission')
      const replies: string[] = []
      for (const line of lines()) replies.push(await client.command(line))
      assert.match(replies.at(-1) ?? '', /^235 2\.7\.0 /)
      for (const reply of replies.slice(0, -1)) assert.match(reply, /^334( |$)/)
      assert.match(await client.command('AUTH PLAIN AGEAYg=='), /^503 5\.5\.1 /, 'one login for a session')
      assert.doesNotMatch(await client.command('EHLO again.example'), /AUTH/)
    }),
  )
  for (const [what, token] of wrong) {
    cases.push(
      logins.test(`${what} is refused, late`, async () => {
        using client = await smtp.greet('submission')
        const start = performance.now()
        assert.match(await client.command(`AUTH PLAIN ${token}`), /^535 5\.7\.8 /)
        assert.ok(performance.now() - start >= loginFailureDelayMs - 20)
        assert.match(await client.command(`AUTH PLAIN ${plainToken(ann.address, ann.password)}`), /^235 /)
      }),
    )
  }
  cases.push(
    logins.test('LOGIN with a wrong password is refused', async () => {
      using client = await smtp.greet('submissions')
      await client.command('AUTH LOGIN')
      await client.command(base64(ann.address))
      assert.match(await client.command(base64('wrong')), /^535 5\.7\.8 /)
    }),
    logins.test('the third refusal ends the session, STARTTLS in between or not', async () => {
      using client = await smtp.greet('submission')
      assert.match(await client.command(`AUTH PLAIN ${plainToken(ann.address, 'x')}`), /^535 /)
      await client.startTls()
      await client.command('EHLO client.example')
      assert.match(await client.command(`AUTH PLAIN ${plainToken(ann.address, 'x')}`), /^535 /)
      assert.match(await client.command(`AUTH PLAIN ${plainToken(ann.address, 'x')}`), /^421 4\.7\.0 /)
      await client.closed
    }),
    logins.test('a suspended mailbox does not log in', async () => {
      const box = await smtp.t.createMailbox()
      const { platform, scope } = smtp.t
      await transaction(platform.db, (tx) => suspendMailbox(platform, tx, scope, box.address))
      using client = await smtp.greet('submission')
      assert.match(
        await client.command(`AUTH PLAIN ${plainToken(box.address, box.password)}`),
        /^535 5\.7\.8 /,
      )
    }),
  )
  await Promise.all(cases)
})

const syntax: [what: string, lines: string[], want: RegExp][] = [
  ['a mechanism that is not offered', ['AUTH CRAM-MD5'], /^504 5\.5\.4 /],
  ['a token that is not PLAIN', [`AUTH PLAIN ${base64('no NUL in it')}`], /^501 5\.5\.4 /],
  ['a name with a line end', [`AUTH PLAIN ${base64('\0ann\r\n@demo.test\0x')}`], /^501 5\.5\.4 /],
  ['a client that gives up', ['AUTH LOGIN', '*'], /^501 5\.5\.4 /],
  ['MAIL without a login', ['MAIL FROM:<ann@demo.test>'], /^530 5\.7\.0 /],
  ['the null sender without a login', ['MAIL FROM:<>'], /^530 5\.7\.0 /],
]
describe('submission without a login', { concurrency: true }, () => {
  for (const [what, lines, want] of syntax) {
    test(`submission: ${what}`, async () => {
      using client = await smtp.greet('submission')
      let reply = ''
      for (const line of lines) reply = await client.command(line)
      assert.match(reply, want)
    })
  }
})

test('a login over STARTTLS and one over TLS from the start may send', async () => {
  for (const name of ['submission', 'submissions'] as const) {
    using client = await smtp.greet(name)
    if (name === 'submission') {
      await client.startTls()
      await client.command('EHLO client.example')
    }
    assert.match(await client.command(`AUTH PLAIN ${plainToken(ann.address, ann.password)}`), /^235 /)
    assert.match(
      await sendMessage(client, `<${ann.address}>`, [bob.address], 'Subject: x\r\n\r\nx'),
      /^250 2\.6\.0 /,
    )
    const raw = (await rawMessages(smtp.t.platform, bob.mailboxId)).at(-1)?.toString() ?? ''
    assert.match(
      raw,
      /^Return-Path: <ann@demo\.test>\r\nAuthentication-Results: localhost; auth=pass\r\nReceived: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby localhost \(Mailwright\) with ESMTPSA id \S+ for <bob@demo\.test>;\r\n\t\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r\nFrom: <ann@demo\.test>\r\nDate: [^\r]+\r\nMessage-ID: <[\w-]+@demo\.test>\r\nSubject: x/,
    )
  }
})

test('STARTTLS forgets a login that was made before it (RFC 3207 §4.2)', async () => {
  using client = await smtp.logIn(ann.address, ann.password)
  await client.startTls()
  assert.match(await client.command('EHLO client.example'), /AUTH PLAIN LOGIN/)
  assert.match(await client.command(`MAIL FROM:<${ann.address}>`), /^530 5\.7\.0 /)
})

const senders: [mailFrom: string, want: RegExp][] = [
  ['<ann@demo.test>', /^250 2\.1\.0 /],
  ['<Ann+tag@demo.test>', /^250 2\.1\.0 /],
  ['<>', /^250 2\.1\.0 /],
  ['<bob@demo.test>', /^553 5\.7\.1 /],
  ['<nobody@demo.test>', /^553 5\.7\.1 /],
  ['<ann@example.com>', /^553 5\.7\.1 /],
]
describe('senders', { concurrency: true }, () => {
  for (const [mailFrom, want] of senders) {
    test(`ann sends from ${mailFrom}`, async () => {
      using client = await smtp.logIn(ann.address, ann.password)
      assert.match(await client.command(`MAIL FROM:${mailFrom}`), want)
      assert.match(await client.command('NOOP'), /^250 /)
    })
  }
})

test('a login that is older than the suspension sends no more', async () => {
  const box = await smtp.t.createMailbox()
  const { platform, scope } = smtp.t
  using client = await smtp.logIn(box.address, box.password)
  await transaction(platform.db, (tx) => suspendMailbox(platform, tx, scope, box.address))
  assert.match(await client.command(`MAIL FROM:<${box.address}>`), /^553 5\.7\.1 /)
})

let outside = 0

/** A mailbox that may send to others: what is under .test stays here. */
async function outsideMailbox(): Promise<TestMailbox> {
  if (outside === 0) await smtp.t.connectActiveDomain('mail.example')
  return await smtp.t.createMailbox(`sender${++outside}@mail.example`)
}

async function queuedOf(mailboxId: string) {
  return await smtp.t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_recipients.outbound_message_id', 'outbound_messages.id')
    .select(['outbound_messages.id', 'mail_from', 'smtputf8', 'rcpt_to', 'domain', 'skip_bytes'])
    .where('outbound_messages.mailbox_id', '=', mailboxId)
    .orderBy('rcpt_to')
    .execute()
}

test('recipients here get the message, recipients elsewhere are queued, of one body', async () => {
  const box = await outsideMailbox()
  using client = await smtp.logIn(box.address, box.password)
  const to = ['far@example.com', bob.address, 'away@xn--bcher-kva.example', 'FAR@example.com']
  const before = (await rawMessages(smtp.t.platform, bob.mailboxId)).length
  assert.match(await sendMessage(client, `<${box.address}>`, to, 'Subject: mix\r\n\r\nx'), /^250 2\.6\.0 /)
  const queued = await queuedOf(box.mailboxId)
  assert.deepEqual(
    queued.map((row) => [row.mail_from, row.smtputf8, row.rcpt_to, row.domain]),
    [
      [box.address, false, 'away@xn--bcher-kva.example', 'xn--bcher-kva.example'],
      [box.address, false, 'far@example.com', 'example.com'],
    ],
  )
  const messages = await rawMessages(smtp.t.platform, bob.mailboxId)
  assert.equal(messages.length - before, 1)
  const raw = messages.at(-1)?.toString() ?? ''
  const trace = /^(Return-Path: <[^>]+>\r\nAuthentication-Results: localhost; auth=pass\r\n)Received: /.exec(
    raw,
  )
  assert.ok(trace, 'here it arrives for good (RFC 5321 §4.4)')
  assert.deepEqual(
    queued.map((row) => row.skip_bytes),
    [trace[1]?.length, trace[1]?.length],
    'what goes on goes without what is for readers here',
  )
  assert.doesNotMatch(raw, /far@example|away@/, 'a trace names no recipient to another')
})

test('recipients elsewhere only, and a report with the null sender', async () => {
  const box = await outsideMailbox()
  using client = await smtp.logIn(box.address, box.password)
  assert.match(
    await sendMessage(client, '<>', ['far@example.com'], 'Subject: report\r\n\r\nx'),
    /^250 2\.6\.0 /,
  )
  assert.match(
    await sendMessage(client, `<${box.address}> SMTPUTF8`, ['jürgen@example.com'], 'Subject: ü\r\n\r\nx'),
    /^250 2\.6\.0 /,
  )
  const queued = await queuedOf(box.mailboxId)
  assert.deepEqual(
    queued.map((row) => [row.mail_from, row.smtputf8, row.rcpt_to]),
    [
      ['', false, 'far@example.com'],
      [box.address, true, 'jürgen@example.com'],
    ],
  )
})
