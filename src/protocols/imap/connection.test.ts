/** The connection itself: cut and pipelined input, garbage, floods, TLS, logins, and its end. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { suspendMailbox } from '../../mailboxes/mailboxes.ts'
import { transaction } from '../../platform/database.ts'
import { mail, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import { imapLimits } from './limits.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

test('commands in single bytes', async () => {
  const client = await imap.connect()
  const { address, password } = imap.mailbox
  const commands = `a LOGIN {${address.length}+}\r\n${address} "${password}"\r\nb SELECT INBOX\r\nc NOOP\r\n`
  for (const char of commands) {
    client.send(char)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const tag of ['a', 'b', 'c']) assert.match((await client.answer(tag)).tagged, /^OK/)
})

test('pipelined commands are answered in order', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  const message = mail('one')
  client.send(
    `a CREATE work\r\nb APPEND work {${message.length}+}\r\n${message}\r\nc SELECT work\r\n` +
      'd FETCH 1 UID\r\ne STORE 1 +FLAGS (\\Deleted)\r\nf EXPUNGE\r\ng UNSELECT\r\nh DELETE work\r\n',
  )
  for (const tag of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    assert.match((await client.answer(tag)).tagged, /^OK/, tag)
  }
})

test('a client that closes its side gets its answers', async () => {
  const client = await imap.connect()
  client.send('a NOOP\r\nb CAPABILITY\r\n')
  client.end()
  assert.match((await client.answer('b')).tagged, /^OK/)
  await client.ended
})

test('more pipelined commands than are read ahead', async () => {
  const client = await imap.connect()
  const count = 40_000
  const commands = Array.from({ length: count }, (_, at) => `n${at} NOOP\r\n`).join('')
  assert.ok(commands.length > imapLimits.inputBytesMax)
  client.send(commands)
  assert.match((await client.answer(`n${count - 1}`)).tagged, /^OK/)
})

test('a client that does not read holds up only itself', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  const message = mail('large') + `${'0123456789'.repeat(7)}\r\n`.repeat(14_000)
  for (let at = 0; at < 10; at++) await client.append('INBOX', message)
  await client.ok('SELECT INBOX')
  client.pause()
  client.send('a FETCH 1:* BODY.PEEK[]\r\nb NOOP\r\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  await (await imap.logIn(mailbox)).ok('STATUS INBOX (MESSAGES)')
  client.resume()
  const { untagged, tagged } = await client.answer('a')
  assert.match(tagged, /^OK/)
  const octets = untagged.join('\r\n').length
  assert.ok(octets > 10 * message.length)
  await client.answer('b')
})

test('10,000 lines of garbage end the connection after some', async () => {
  const client = await imap.connect()
  client.send('not a command at all \x00\xff{}\r\n'.repeat(10_000))
  let bad = 0
  let line = await client.line()
  for (; !line.startsWith('* BYE'); line = await client.line()) bad += Number(/^\S+ BAD /.test(line))
  assert.equal(bad, imapLimits.badCommandsInARowMax)
  await client.ended
})

const badLines: [line: string, want: RegExp][] = [
  ['\r\n', /^\* BAD/],
  ['a\r\n', /^(\*|a) BAD/],
  ['+ NOOP\r\n', /^\* BAD/],
  ['a  NOOP\r\n', /^a BAD/],
  ['a NOOP x\r\n', /^a BAD/],
  ['a "NOOP"\r\n', /^a BAD/],
  [`a NOOP ${'x'.repeat(70_000)}\r\n`, /^a BAD Line too long/],
  ['a LOGIN {5000}\r\n', /^a BAD \[TOOBIG\] Literal too large/],
  [`a LOGIN {5000+}\r\n${'x'.repeat(5000)} y\r\n`, /^a BAD \[TOOBIG\] Literal too large/],
  ['a LOGIN {99999999999999999999}\r\n', /^a BAD \[TOOBIG\] Literal too large/],
]
for (const [text, want] of badLines) {
  test(`BAD for ${JSON.stringify(text.slice(0, 40))}, and the connection lives on`, async () => {
    const client = await imap.connect()
    client.send(text)
    assert.match(await client.line(), want)
    await client.ok('NOOP')
  })
}

test('more than may be thrown away ends the connection', async () => {
  const client = await imap.connect()
  client.send('a LOGIN {999999999+}\r\n')
  assert.match(await client.line(), /^a BAD/)
  assert.match(await client.line(), /^\* BYE/)
  await client.ended
})

test('refused logins are slow, and the third is the last', async () => {
  const client = await imap.connect()
  const startMs = Date.now()
  for (let at = 0; at < 3; at++) {
    assert.match(
      (await client.run(`LOGIN ${imap.mailbox.address} wrong`)).tagged,
      /^NO \[AUTHENTICATIONFAILED\]/,
    )
  }
  assert.ok(Date.now() - startMs >= 2_900)
  assert.match(await client.line(), /^\* BYE/)
  await client.ended
})

test('STARTTLS throws away what came before it', async () => {
  const client = await imap.connect()
  client.send(`a STARTTLS\r\nb LOGIN ${imap.mailbox.address} "${imap.mailbox.password}"\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK/)
  await client.startTls()
  assert.match((await client.run('SELECT INBOX')).tagged, /^BAD Log in first/)
  assert.equal(client.rest(), '')
  const [capability = ''] = await client.ok('CAPABILITY')
  assert.doesNotMatch(capability, /STARTTLS/)
  assert.match((await client.run('STARTTLS')).tagged, /^BAD/)
  await client.ok(`LOGIN ${imap.mailbox.address} "${imap.mailbox.password}"`)
  await client.ok('SELECT INBOX')
})

test('a handshake that is none ends the connection', async () => {
  const client = await imap.connect()
  client.send('a STARTTLS\r\n')
  await client.answer('a')
  client.send('b NOOP\r\n'.repeat(10))
  await client.ended
})

test('a suspended mailbox is left with BYE', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  const idling = await imap.logIn(mailbox)
  idling.send('i IDLE\r\n')
  await idling.line()
  await suspend(mailbox.mailboxId)
  for (const one of [client, idling]) {
    assert.match(await one.line(), /^\* BYE The mailbox is not available/)
    await one.ended
  }
})

test('stop says BYE to everyone, after the command in hand', async () => {
  await using own = await startTestImap()
  const idle = await own.connect()
  const busy = await own.logIn()
  busy.send('a NOOP\r\nb IDLE\r\n')
  await busy.answer('a')
  await busy.line()
  const failing = await own.connect()
  failing.send('f LOGIN nobody@demo.test x\r\n')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const stopped = own.listener.stop()
  for (const client of [idle, busy]) {
    assert.match(await client.line(), /^\* BYE The server is stopping/)
    await client.ended
  }
  assert.match((await failing.answer('f')).tagged, /^NO/)
  assert.match(await failing.line(), /^\* BYE/)
  await stopped
})

test('the gauge of connections returns to where it was', async () => {
  const gauge = async (): Promise<number> => {
    const { values } = await imap.test.platform.metrics.connections.get()
    return values.find((value) => value.labels['protocol'] === 'imap')?.value ?? 0
  }
  const before = await gauge()
  const client = await imap.connect()
  assert.equal(await gauge(), before + 1)
  await client.ok('LOGOUT')
  client.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(await gauge(), before)
})

test('imaps is TLS from the first byte', async () => {
  await using secure = await startTestImap({}, 'imaps')
  const client = await secure.connect()
  const [capability = ''] = await client.ok('CAPABILITY')
  assert.match(capability, /AUTH=PLAIN$/)
  assert.match((await client.run('STARTTLS')).tagged, /^BAD/)
  await client.ok(`LOGIN ${secure.mailbox.address} "${secure.mailbox.password}"`)
  await client.append('INBOX', mail('x'.repeat(900_000)))
  await client.ok('SELECT INBOX')
  assert.ok((await client.ok('FETCH 1 BODY[]')).join('').includes('x'.repeat(900_000)))
})

async function suspend(mailboxId: string): Promise<void> {
  const { platform, scope } = imap.test
  await transaction(platform.db, (tx) => suspendMailbox(platform, tx, scope, mailboxId))
}

test('random input is never our defect', async (t) => {
  const logged = t.mock.method(imap.test.platform.log, 'error')
  const piece = fc.oneof(
    fc.constantFrom(
      'a ',
      'NOOP',
      'FETCH 1:* ',
      '(FLAGS ',
      'BODY[',
      '{3+}\r\n',
      '{5}\r\n',
      '\r\n',
      '"',
      ' ',
      ')',
      '~',
      '\\',
    ),
    fc.constantFrom(
      'a IDLE\r\n',
      'DONE\r\n',
      'b AUTHENTICATE PLAIN\r\n',
      'c APPEND INBOX {4+}\r\nabcd',
      'UID STORE *',
      ' SEARCH OR',
    ),
    fc.string({ unit: 'binary', maxLength: 10 }),
  )
  const mailbox = await imap.test.createMailbox()
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.boolean(), async (pieces, selected) => {
      const client = await imap.logIn(mailbox)
      if (selected) await client.ok('SELECT INBOX')
      client.send(`${pieces.join('')}\r\n`)
      client.end()
      await client.ended
    }),
    { numRuns: 60 },
  )
  assert.deepEqual(
    logged.mock.calls.map((call) => call.arguments),
    [],
  )
})
