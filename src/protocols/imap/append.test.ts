/** APPEND on a real server: what is taken, what is refused and when, and that the connection stays in step. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap({ MAILWRIGHT_MESSAGE_BYTES_MAX: String(1024 * 1024) })
})
after(() => imap[Symbol.asyncDispose]())

async function freshClient(): Promise<RawClient> {
  return await imap.logIn(await imap.test.createMailbox())
}

/** The arguments with the announcement, and how the answer begins. */
const refusals: [name: string, args: string, want: string][] = [
  ['an unknown folder', 'nowhere {10}', 'NO [TRYCREATE]'],
  ['a message that is too large', 'INBOX {1048577}', 'NO [TOOBIG]'],
  ['an empty message', 'INBOX {0}', 'NO [CANNOT]'],
  ['a keyword that is too long', `INBOX (${'k'.repeat(101)}) {10}`, 'NO [LIMIT]'],
  ['a bad flag', 'INBOX (\\Nonsense) {10}', 'BAD'],
  ['a bad date', 'INBOX "31-Feb-2026 00:00:00 +0000" {10}', 'BAD'],
  ['UTF8 that is not enabled', 'INBOX UTF8 (~{10}', 'BAD'],
]
for (const [name, args, want] of refusals) {
  test(`${name} is refused before its bytes are sent`, async () => {
    const client = await freshClient()
    client.send(`a APPEND ${args}\r\n`)
    const { tagged, untagged } = await client.answer('a')
    assert.ok(tagged.startsWith(want), tagged)
    assert.deepEqual(untagged, []) // no continuation
    await client.ok('NOOP')
  })

  test(`${name} is refused and its bytes are thrown away`, async () => {
    const client = await freshClient()
    const size = Number(/\{(\d+)/.exec(args)?.[1])
    const end = args.includes('UTF8') ? ')\r\n' : '\r\n'
    client.send(
      `a APPEND ${args.replace(/\}$/, '+}')}\r\n${'b LOGOUT\r\n'.repeat(size / 10).padEnd(size, 'x')}${end}`,
    )
    const { tagged } = await client.answer('a')
    assert.ok(tagged.startsWith(want), tagged)
    assert.deepEqual(await client.ok('NOOP'), [])
  })
}

test('flags, date and octets are kept', async () => {
  const client = await freshClient()
  const message = `${mail('kept')}\xe9\xff\r\nbare\nline`
  client.send(`a APPEND INBOX (\\Seen $Forwarded) "01-Feb-2020 03:04:05 +0200" {${message.length}}\r\n`)
  assert.match(await client.line(), /^\+ /)
  client.send(`${message}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID \d+ 1\]/)
  await client.ok('SELECT INBOX')
  const lines = await client.ok('FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])')
  assert.match(lines[0] ?? '', /\\Seen .*\$Forwarded.*" 1-Feb-2020 01:04:05 \+0000"/)
  assert.ok(lines.join('\r\n').includes(message))
})

test('a folder name as a literal', async () => {
  const client = await freshClient()
  const message = mail('one')
  client.send(`a APPEND {5+}\r\nINBOX {${message.length}+}\r\n${message}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID/)
})

test('NUL is refused after the message', async () => {
  const client = await freshClient()
  assert.match(await client.append('INBOX', 'From: a\r\n\r\n\0'), /^BAD .*NUL/)
  assert.deepEqual(await client.ok('STATUS INBOX (MESSAGES)'), ['* STATUS "INBOX" (MESSAGES 0)'])
})

test('a large message is streamed', async () => {
  const client = await freshClient()
  const message = mail('large') + `${'0123456789'.repeat(7)}\r\n`.repeat(14_000)
  assert.match(await client.append('INBOX', message), /^OK \[APPENDUID/)
  await client.ok('SELECT INBOX')
  const lines = await client.ok('FETCH 1 (BODY.PEEK[])')
  assert.ok(lines.join('\r\n').includes(message))
})

test('several messages are stored together', async () => {
  const client = await freshClient()
  const [one, two] = [mail('one'), mail('two')]
  client.send(`a APPEND INBOX {${one.length}+}\r\n${one} (\\Seen) {${two.length}+}\r\n${two}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID \d+ 1:2\]/)
  assert.deepEqual(await client.ok('STATUS INBOX (MESSAGES UNSEEN)'), [
    '* STATUS "INBOX" (MESSAGES 2 UNSEEN 1)',
  ])
})

test('of several messages none is stored when one is refused', async () => {
  const client = await freshClient()
  const one = mail('one')
  client.send(`a APPEND INBOX {${one.length}+}\r\n${one} {2000000}\r\n`)
  assert.match((await client.answer('a')).tagged, /^NO \[TOOBIG\]/)
  client.send(`b APPEND INBOX {${one.length}+}\r\n${one} nonsense\r\n`)
  assert.match((await client.answer('b')).tagged, /^BAD/)
  client.send(`c APPEND INBOX {${one.length}+}\r\n${one} (\\Seen) {5+}\r\nx\0xxx\r\n`)
  assert.match((await client.answer('c')).tagged, /^BAD/)
  assert.deepEqual(await client.ok('STATUS INBOX (MESSAGES)'), ['* STATUS "INBOX" (MESSAGES 0)'])
})

test('the selected folder tells of the message', async () => {
  const client = await freshClient()
  await client.ok('SELECT INBOX')
  const message = mail('one')
  client.send(`a APPEND INBOX {${message.length}+}\r\n${message}\r\n`)
  assert.deepEqual((await client.answer('a')).untagged, ['* 1 EXISTS', '* 1 RECENT'])
})

test('a message without its literal', async () => {
  const client = await freshClient()
  assert.match((await client.run('APPEND INBOX "text"')).tagged, /^BAD/)
  assert.match((await client.run('APPEND INBOX')).tagged, /^BAD/)
})

test('an APPEND before login is refused', async () => {
  const client = await imap.connect()
  client.send('a APPEND INBOX {10}\r\n')
  assert.match((await client.answer('a')).tagged, /^BAD/)
  client.send('b APPEND INBOX {10+}\r\n0123456789\r\n')
  assert.match((await client.answer('b')).tagged, /^BAD/)
  await client.ok('NOOP')
})

test('a client that leaves in the middle leaves nothing', async () => {
  const mailbox = await imap.test.createMailbox()
  const leaving = await imap.logIn(mailbox)
  leaving.send('a APPEND INBOX {1000}\r\n')
  assert.match(await leaving.line(), /^\+ /)
  leaving.send('half of it')
  leaving.close()
  const client = await imap.logIn(mailbox)
  assert.deepEqual(await client.ok('STATUS INBOX (MESSAGES)'), ['* STATUS "INBOX" (MESSAGES 0)'])
})

test('a literal that is too large even to be thrown away ends the connection (RFC 7888 §4)', async () => {
  const client = await freshClient()
  client.send('a APPEND INBOX {99999999999+}\r\n')
  assert.match((await client.answer('a')).tagged, /^NO \[TOOBIG\]/)
  assert.match(await client.line(), /^\* BYE \[TOOBIG\] /)
  await client.ended
})

test('an argument that is too large is thrown away, and the connection stays in step', async () => {
  const client = await freshClient()
  client.send(
    `a SELECT {100000+}\r\n${'x'.repeat(100_000)}\r\nb APPEND {100000+}\r\n${'x'.repeat(100_000)} {1+}\r\nx\r\n`,
  )
  assert.match((await client.answer('a')).tagged, /^BAD \[TOOBIG\]/)
  assert.match((await client.answer('b')).tagged, /^BAD \[TOOBIG\]/)
  client.send(`c APPEND INBOX CATENATE (TEXT {1+}\r\nx URL {100000+}\r\n${'x'.repeat(100_000)})\r\n`)
  assert.match((await client.answer('c')).tagged, /^BAD \[TOOBIG\]/)
  await client.ok('NOOP')
})
