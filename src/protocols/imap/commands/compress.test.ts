/** COMPRESS (RFC 4978) and UNAUTHENTICATE (RFC 8437), alone and together. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { createDeflateRaw } from 'node:zlib'
import { mail, type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function compressed(): Promise<RawClient> {
  const client = await imap.logIn(await imap.test.createMailbox())
  await client.ok('COMPRESS DEFLATE')
  client.compress()
  return client
}

test('it is offered after the login, and once', async () => {
  const client = await imap.logIn()
  assert.match((await client.ok('CAPABILITY')).join(), / COMPRESS=DEFLATE /)
  assert.match((await client.run('COMPRESS LZ77')).tagged, /^BAD/)
  assert.match((await client.run('COMPRESS')).tagged, /^BAD/)
  await client.ok('COMPRESS deflate')
  client.compress()
  assert.doesNotMatch((await client.ok('CAPABILITY')).join(), /COMPRESS/)
  assert.match((await client.run('COMPRESS DEFLATE')).tagged, /^NO \[COMPRESSIONACTIVE\]/)
  assert.match((await client.run('LOGIN a b')).tagged, /^BAD/)
  await client.ok('LOGOUT')
  await client.ended
  const stranger = await imap.connect()
  assert.match((await stranger.run('COMPRESS DEFLATE')).tagged, /^BAD Log in first/)
})

test('literals, large messages, and commands sent ahead', async () => {
  const client = await compressed()
  const message = mail('large') + `${'0123456789'.repeat(7)}\r\n`.repeat(30_000)
  for (let at = 0; at < 3; at++) assert.match(await client.append('INBOX', message), /^OK/)
  client.send(`a APPEND INBOX {${message.length}}\r\n`)
  assert.match(await client.line(), /^\+ /)
  client.send(`${message}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK/)
  client.send('b SELECT INBOX\r\nc FETCH 1:* BODY.PEEK[]\r\nd NOOP\r\n')
  await client.answer('b')
  const { untagged, tagged } = await client.answer('c')
  assert.match(tagged, /^OK/)
  assert.ok(untagged.join('\r\n').length > 4 * message.length)
  assert.match((await client.answer('d')).tagged, /^OK/)
})

test('a client that does not read holds up the FETCH', async () => {
  const client = await compressed()
  // Does not compress well: the socket has to fill.
  const noise = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(48_000))).toString('base64')
  const body = Array.from({ length: 40 }, () => noise().replace(/.{76}/g, '$&\r\n')).join('\r\n')
  const message = `${mail('noise')}${body}\r\n`
  for (let at = 0; at < 4; at++) await client.append('INBOX', message)
  await client.ok('SELECT INBOX')
  client.pause()
  client.send('a FETCH 1:* BODY.PEEK[]\r\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  client.resume()
  const { untagged } = await client.answer('a')
  assert.ok(untagged.join('\r\n').length > 4 * message.length)
})

test('IDLE', async () => {
  const client = await compressed()
  await client.ok('SELECT INBOX')
  client.send('i IDLE\r\n')
  assert.equal(await client.line(), '+ idling')
  client.send('DONE\r\n')
  assert.match((await client.answer('i')).tagged, /^OK/)
})

test('after STARTTLS; and STARTTLS is refused after it', async () => {
  const client = await imap.connect()
  await client.ok('STARTTLS')
  await client.startTls()
  await client.ok(`LOGIN ${imap.mailbox.address} "${imap.mailbox.password}"`)
  await client.ok('COMPRESS DEFLATE')
  client.compress()
  await client.ok('SELECT INBOX')
  const plain = await compressed()
  assert.match((await plain.run('STARTTLS')).tagged, /^BAD/)
})

test('what is not deflate ends the connection', async () => {
  const client = await imap.logIn()
  await client.ok('COMPRESS DEFLATE')
  client.compress()
  client.sendPlainly('a NOOP\r\n'.repeat(20))
  assert.match(await client.line(), /^\* BYE/)
  await client.ended
})

test('what grows a thousandfold is taken in no faster than it is used', async (t) => {
  const client = await compressed()
  const bomb = await endlessLine(200)
  t.diagnostic(`${bomb.length} bytes`)
  const before = process.memoryUsage().rss
  client.sendPlainly(bomb)
  assert.match(await client.line(), /^\* BAD Line too long/)
  assert.match(await client.line(), /^\* BYE/)
  await client.ended
  const rise = process.memoryUsage().rss - before
  assert.ok(rise < 128 * 1024 ** 2, `the memory rose by ${rise}`)
})

/** One line of so many megabytes, in a thousandth of that; made in pieces, as this process' memory is what is looked at. */
async function endlessLine(megabytes: number): Promise<Buffer> {
  const piece = Buffer.alloc(1024 ** 2, 'x')
  const pieces = Readable.from(Array.from({ length: megabytes }, () => piece))
  return await buffer(pieces.pipe(createDeflateRaw()))
}

test('UNAUTHENTICATE: as before the login', async () => {
  const first = await imap.test.createMailbox()
  const second = await imap.test.createMailbox()
  const client = await imap.logIn(first)
  assert.match((await client.ok('CAPABILITY')).join(), / UNAUTHENTICATE/)
  await client.ok('ENABLE UTF8=ACCEPT')
  await client.ok('CREATE "gr\u00c3\u00bcn"')
  await client.append('INBOX', mail('one'))
  await client.ok('SELECT INBOX')
  await client.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge))')
  assert.deepEqual(await client.ok('UNAUTHENTICATE'), [])
  for (const command of ['SELECT INBOX', 'UNAUTHENTICATE', 'FETCH 1 FLAGS']) {
    assert.match((await client.run(command)).tagged, /^BAD/)
  }
  assert.match((await client.ok('CAPABILITY')).join(), /AUTH=PLAIN$/)
  await client.ok(`LOGIN ${second.address} "${second.password}"`)
  assert.deepEqual((await client.ok('LIST "" gr*')).length, 0)
  const other = await imap.logIn(first)
  await other.append('INBOX', mail('two')) // of which this session hears no more
  assert.deepEqual(await client.ok('NOOP'), [])
  await client.ok('SELECT INBOX')
})

test('UNAUTHENTICATE and the next login in one go', async () => {
  const client = await imap.logIn()
  const { address, password } = await imap.test.createMailbox()
  client.send(`a UNAUTHENTICATE\r\nb LOGIN ${address} "${password}"\r\nc SELECT INBOX\r\n`)
  for (const tag of ['a', 'b', 'c']) assert.match((await client.answer(tag)).tagged, /^OK/)
})

test('UNAUTHENTICATE ends the compression of both sides', async () => {
  const client = await compressed()
  await client.endCompression('a UNAUTHENTICATE\r\n')
  client.send('b CAPABILITY\r\n') // already plain
  assert.match((await client.answer('a')).tagged, /^OK/)
  assert.match((await client.answer('b')).tagged, /^OK/)
  await client.ok(`LOGIN ${imap.mailbox.address} "${imap.mailbox.password}"`)
  await client.ok('COMPRESS DEFLATE')
  client.compress()
  await client.ok('SELECT INBOX')
})

test('UNAUTHENTICATE of a client that waits for the answer and does not end its stream', async () => {
  const client = await compressed()
  await client.ok('UNAUTHENTICATE')
  client.sendPlainly('b NOOP\r\n')
  assert.match((await client.answer('b')).tagged, /^OK/)
})

test('UNAUTHENTICATE can be turned off', async () => {
  await using own = await startTestImap({ MAILWRIGHT_IMAP_UNAUTHENTICATE: 'off' })
  const client = await own.logIn()
  assert.doesNotMatch((await client.ok('CAPABILITY')).join(), /UNAUTHENTICATE/)
  assert.match((await client.run('UNAUTHENTICATE')).tagged, /^BAD/)
})
