/** What each listener offers and takes: capabilities, recipients at the MX, and the bounds of a session. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, mock, test } from 'node:test'
import { suspendMailbox } from '../../mailboxes/mailboxes.ts'
import { transaction } from '../../platform/database.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import {
  connectSmtp,
  rawMessages,
  sendMessage,
  startTestSmtp,
  type TestSmtp,
} from '../../testing/test-smtp.ts'
import { smtpLimits } from './limits.ts'
import type { SmtpListenerName } from './listener.ts'

let smtp: TestSmtp
let ann: TestMailbox
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_MESSAGE_BYTES_MAX: '1000000', MAILWRIGHT_LOG_LEVEL: 'silent' })
  ann = await smtp.t.createMailbox('ann@demo.test')
  const sam = await smtp.t.createMailbox('suspended@demo.test')
  await transaction(smtp.t.platform.db, (tx) =>
    suspendMailbox(smtp.t.platform, tx, smtp.t.scope, sam.address),
  )
})
after(() => smtp[Symbol.asyncDispose]())

const common = ['8BITMIME', 'ENHANCEDSTATUSCODES', 'PIPELINING', 'SIZE 1000000', 'SMTPUTF8']
const capabilities: [name: SmtpListenerName, more: string[]][] = [
  ['smtp', ['STARTTLS']],
  ['submission', ['AUTH PLAIN LOGIN', 'DSN', 'STARTTLS', 'FUTURERELEASE 2592000']],
  ['submissions', ['AUTH PLAIN LOGIN', 'DSN', 'FUTURERELEASE 2592000', 'REQUIRETLS']],
]
describe('capabilities', { concurrency: true }, () => {
  for (const [name, more] of capabilities) {
    test(`${name}: EHLO offers what is served and nothing else`, async () => {
      using client = await smtp.connect(name)
      const lines = (await client.command('EHLO client.example')).split('\r\n')
      assert.deepEqual(
        lines
          .slice(1)
          .map((line) => line.slice(4).replace(/^(FUTURERELEASE \d+) \d{4}-\d\d-\d\dT[\d:]{8}Z$/, '$1'))
          .toSorted(),
        [...common, ...more].toSorted(),
      )
      assert.match(await client.command('QUIT'), /^221 2\.0\.0 /)
      await client.closed
    })
  }
})

test('after STARTTLS the MX offers the same, without STARTTLS and without AUTH', async () => {
  using client = await smtp.greet('smtp')
  await client.startTls()
  assert.match(
    await client.command('MAIL FROM:<a@b.example>'),
    /^503 /,
    'EHLO is needed anew (RFC 3207 §4.2)',
  )
  const lines = (await client.command('EHLO client.example')).split('\r\n')
  assert.deepEqual(
    lines
      .slice(1)
      .map((line) => line.slice(4))
      .toSorted(),
    common,
  )
  assert.match(await client.command('STARTTLS'), /^503 /)
})

test('commands that came in plain text behind STARTTLS are never answered (RFC 3207 §6)', async () => {
  using client = await smtp.greet('smtp')
  await client.startTls('EHLO injected.example\r\nMAIL FROM:<injected@example.net>\r\n')
  assert.match(await client.command('NOOP'), /^250 2\.0\.0 OK/)
  assert.match(await client.command('MAIL FROM:<a@b.example>'), /^503 5\.5\.1 Error: send HELO/)
})

const mx: [recipient: string, want: RegExp][] = [
  ['ann@demo.test', /^250 2\.1\.5 /],
  ['ANN@Demo.Test', /^250 2\.1\.5 /],
  ['ann+tag@demo.test', /^250 2\.1\.5 /],
  ['nobody@demo.test', /^550 5\.1\.1 /],
  ['someone@example.com', /^550 5\.7\.1 /],
  ['someone@elsewhere.test', /^553 5\.1\.3 /],
  ['suspended@demo.test', /^450 4\.2\.1 /],
  ['a@localhost', /^553 5\.1\.3 /],
  ['ann', /^501 5\.1\.3 /],
  ['', /^501 5\.1\.3 /],
  ['a..b@demo.test', /^501 5\.1\.3 /],
  [`${'a'.repeat(65)}@demo.test`, /^553 5\.1\.3 /],
]
describe('recipients', { concurrency: true }, () => {
  for (const [recipient, want] of mx) {
    test(`MX: RCPT TO:<${recipient.slice(0, 40)}>`, async () => {
      using client = await smtp.greet('smtp')
      assert.match(await client.command('MAIL FROM:<a@example.net>'), /^250 2\.1\.0 /)
      assert.match(await client.command(`RCPT TO:<${recipient}>`), want)
      assert.match(await client.command('RSET'), /^250 /, 'the session goes on')
    })
  }
})

test('a refused recipient does not keep the others from their message', async () => {
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<a@example.net>')
  assert.match(await client.command('RCPT TO:<nobody@demo.test>'), /^550 5\.1\.1 /)
  assert.match(await client.command('DATA'), /^503 /, 'nobody was accepted yet')
  assert.match(await client.command('RCPT TO:<ann@demo.test>'), /^250 /)
  assert.match(await client.command('RCPT TO:<someone@example.com>'), /^550 5\.7\.1 /)
  assert.match(await client.command('DATA'), /^354 /)
  assert.match(await client.command('Subject: one\r\n\r\nx\r\n.'), /^250 2\.6\.0 /)
  assert.equal((await rawMessages(smtp.t.platform, ann.mailboxId)).length, 1)
  assert.match(await client.command('DATA'), /^503 /, 'the transaction is over')
})

type Exchange = [what: string, lines: string[], want: RegExp]
const exchanges: Exchange[] = [
  ['AUTH at the MX', ['AUTH PLAIN AGEAYg=='], /^500 5\.5\.2 /],
  ['an unknown command', ['XYZZY'], /^500 5\.5\.2 /],
  ['a command for fun', ['WIZ me'], /^500 5\.5\.2 /],
  ['a command of proxies', ['XCLIENT ADDR=192.0.2.1'], /^500 5\.5\.2 /],
  ['bytes that are no command', ['\x00\xff\xfe\x7f'], /^500 5\.5\.2 /],
  ['an empty line', [''], /^500 5\.5\.2 /],
  ['RCPT without MAIL', ['RCPT TO:<ann@demo.test>'], /^503 5\.5\.1 /],
  ['DATA without RCPT', ['MAIL FROM:<a@b.example>', 'DATA'], /^503 5\.5\.1 /],
  ['MAIL twice', ['MAIL FROM:<a@b.example>', 'MAIL FROM:<a@b.example>'], /^503 5\.5\.1 /],
  ['MAIL without brackets', ['MAIL FROM:a@b.example'], /^501 5\.1\.7 /],
  ['MAIL of the null sender', ['MAIL FROM:<>'], /^250 2\.1\.0 /],
  ['MAIL with a source route', ['MAIL FROM:<@relay.example:a@b.example>'], /^250 2\.1\.0 /],
  ['SIZE within the limit', ['MAIL FROM:<a@b.example> SIZE=1000000'], /^250 2\.1\.0 /],
  ['SIZE above the limit', ['MAIL FROM:<a@b.example> SIZE=1000001'], /^552 5\.3\.4 /],
  ['SIZE that is no number', ['MAIL FROM:<a@b.example> SIZE=x'], /^501 5\.5\.4 /],
  ['BODY=8BITMIME', ['MAIL FROM:<a@b.example> BODY=8BITMIME'], /^250 2\.1\.0 /],
  ['BODY=BINARYMIME, which is not offered', ['MAIL FROM:<a@b.example> BODY=BINARYMIME'], /^501 5\.5\.4 /],
  ['VRFY', ['VRFY ann'], /^252 2\.1\.5 /],
  ['NOOP with words', ['NOOP hello there'], /^250 2\.0\.0 /],
  ['a UTF-8 sender without SMTPUTF8', ['MAIL FROM:<jürgen@b.example>'], /^553 5\.6\.7 /],
  ['a UTF-8 sender with SMTPUTF8', ['MAIL FROM:<jürgen@b.example> SMTPUTF8'], /^250 2\.1\.0 /],
  [
    'a UTF-8 recipient without SMTPUTF8',
    ['MAIL FROM:<a@b.example>', 'RCPT TO:<jürgen@demo.test>'],
    /^553 5\.6\.7 /,
  ],
  ['a web browser', ['GET / HTTP/1.1'], /^421 /],
]
describe('commands', { concurrency: true }, () => {
  for (const [what, lines, want] of exchanges) {
    test(`MX: ${what}`, async () => {
      using client = await smtp.greet('smtp')
      let reply = ''
      for (const line of lines) reply = await client.command(line)
      assert.match(reply, want)
    })
  }
})

test('MAIL before EHLO is out of order, and HELO serves old clients', async () => {
  using client = await smtp.connect('smtp')
  assert.match(await client.command('MAIL FROM:<a@b.example>'), /^503 5\.5\.1 /)
  assert.match(await client.command('HELO old.example'), /^250 /)
  assert.match(
    await sendMessage(client, '<a@b.example>', [ann.address], 'Subject: old\r\n\r\nx'),
    /^250 2\.6\.0 /,
  )
  const raw = (await rawMessages(smtp.t.platform, ann.mailboxId)).at(-1)?.toString() ?? ''
  assert.match(raw, /^Received: from old\.example .*\r\n\tby \S+ \(Mailwright\) with SMTP id /m)
})

test('a client that sends nothing but garbage is sent away', async () => {
  using client = await smtp.connect('smtp')
  let reply = ''
  for (let n = 0; n < 10; n++) reply = await client.command('garbage')
  assert.match(reply, /^421 /)
  await client.closed
})

test('a client that talks before the greeting is sent away', async () => {
  const socket = net.connect({ host: '127.0.0.1', port: smtp.listeners.smtp.port })
  socket.write('EHLO early.example\r\n')
  const bytes: Buffer[] = []
  for await (const piece of socket) bytes.push(piece)
  assert.match(Buffer.concat(bytes).toString(), /^421 /)
})

test('a command line beyond the bound ends the session', async () => {
  using client = await smtp.greet('smtp')
  assert.match(await client.command(`NOOP ${'x'.repeat(smtpLimits.commandLineBytesMax - 10)}`), /^250 /)
  assert.match(await client.command(`NOOP ${'x'.repeat(smtpLimits.commandLineBytesMax)}`), /^421 /)
  await client.closed
})

test('pipelined commands are answered in their order (RFC 2920)', async () => {
  using client = await smtp.greet('smtp')
  const commands = [
    'MAIL FROM:<a@example.net>',
    'RCPT TO:<ann@demo.test>',
    'RCPT TO:<nobody@demo.test>',
    'RCPT TO:<x@example.com>',
    'RCPT TO:<suspended@demo.test>',
    'NOOP',
    'DATA',
  ]
  client.write(commands.map((command) => `${command}\r\n`).join(''))
  const replies: string[] = []
  for (const _ of commands) replies.push((await client.reply()).slice(0, 3))
  assert.deepEqual(replies, ['250', '250', '550', '550', '450', '250', '354'])
  client.write('Subject: piped\r\n\r\nx\r\n.\r\nMAIL FROM:<b@example.net>\r\nRSET\r\nQUIT\r\n')
  const rest = [await client.reply(), await client.reply(), await client.reply(), await client.reply()]
  assert.deepEqual(
    rest.map((reply) => reply.slice(0, 9)),
    ['250 2.6.0', '250 2.1.0', '250 2.0.0', '221 2.0.0'],
  )
})

test('one recipient more than the bound is asked to come later', async () => {
  using client = await smtp.greet('smtp')
  const before = (await rawMessages(smtp.t.platform, ann.mailboxId)).length
  await client.command('MAIL FROM:<a@example.net>')
  const count = smtpLimits.recipientsMax + 1
  client.write(Array.from({ length: count }, (_, n) => `RCPT TO:<ann+${n}@demo.test>\r\n`).join(''))
  for (let n = 1; n < count; n++) assert.match(await client.reply(), /^250 2\.1\.5 /)
  assert.match(await client.reply(), /^452 4\.5\.3 /)
  await client.command('DATA')
  assert.match(await client.command('Subject: many\r\n\r\nx\r\n.'), /^250 2\.6\.0 /)
  const after = await rawMessages(smtp.t.platform, ann.mailboxId)
  assert.equal(after.length - before, 1, 'a mailbox that is named often gets one message')
})

test('two hundred clients at once are all served', async () => {
  const before = (await rawMessages(smtp.t.platform, ann.mailboxId)).length
  const replies = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      using client = await smtp.greet('smtp')
      return await sendMessage(client, '<a@example.net>', [ann.address], `Subject: ${n}\r\n\r\nx`)
    }),
  )
  assert.ok(replies.every((reply) => reply.startsWith('250 2.6.0 ')))
  assert.equal((await rawMessages(smtp.t.platform, ann.mailboxId)).length - before, 200)
})

test('an idle session has the time that RFC 5321 asks for, and no more', async () => {
  assert.ok(smtpLimits.idleMsMax >= 5 * 60_000) // RFC 5321 §4.5.3.2.7
  const setTimeouts = mock.method(net.Socket.prototype, 'setTimeout')
  try {
    using _client = await connectSmtp(smtp.listeners.smtp.port)
    assert.ok(setTimeouts.mock.calls.some((call) => call.arguments[0] === smtpLimits.idleMsMax))
  } finally {
    setTimeouts.mock.restore()
  }
})

test('who guesses addresses is sent away after a bound', async () => {
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<a@b.example>')
  for (let guess = 1; guess < smtpLimits.refusedRecipientsMax; guess++) {
    assert.match(await client.command(`RCPT TO:<guess${guess}@demo.test>`), /^550 5\.1\.1 /)
  }
  assert.match(await client.command('RCPT TO:<guess@demo.test>'), /^421 4\.7\.0 /)
  await client.closed
})

const parameters: [command: string, reply: RegExp][] = [
  ['MAIL FROM:<a@b.example> HOLDFOR=60', /^555 5\.5\.4 /],
  ['MAIL FROM:<a@b.example> NONSENSE', /^555 5\.5\.4 /],
  ['MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME', /^250 /],
  ['RCPT TO:<ann@demo.test> NONSENSE=1', /^555 5\.5\.4 /],
  ['RCPT TO:<ann@demo.test>', /^250 /],
]
test('parameters that EHLO does not offer are refused', async () => {
  using client = await smtp.greet('smtp')
  for (const [command, reply] of parameters) assert.match(await client.command(command), reply, command)
})
