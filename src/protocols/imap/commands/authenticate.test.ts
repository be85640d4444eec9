/** AUTHENTICATE over real sockets: SCRAM with and without TLS, initial responses, what cancels and what is malformed. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { changePassword } from '../../../mailboxes/credentials.ts'
import { transaction } from '../../../platform/database.ts'
import { createScramClient, type ScramClientOptions } from '../../../testing/scram-client.ts'
import { type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
let imaps: TestImap
before(async () => {
  imap = await startTestImap()
  imaps = await startTestImap({}, 'imaps')
})
after(async () => {
  await imap[Symbol.asyncDispose]()
  await imaps[Symbol.asyncDispose]()
})

/** Runs SCRAM with an initial response. @returns the server's lines after the first challenge. */
async function scram(
  client: RawClient,
  on: TestImap,
  options: Partial<ScramClientOptions> & { plus?: boolean; ending?: string } = {},
): Promise<{ verified: boolean; word: string; tagged: string }> {
  const { plus = false, ending = '', ...rest } = options
  const scramClient = createScramClient({
    username: on.mailbox.address,
    password: on.mailbox.password,
    ...rest,
  })
  const mechanism = plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256'
  client.send(`s AUTHENTICATE ${mechanism} ${scramClient.first.toString('base64')}\r\n`)
  const challenge = fromBase64(await client.line())
  if (!challenge.toString().startsWith('r=')) return await finish(client, challenge, false)
  client.send(`${scramClient.final(challenge).toString('base64')}\r\n`)
  const word = fromBase64(await client.line())
  return await finish(client, word, scramClient.verifies(word), ending)
}

async function finish(client: RawClient, word: Buffer, verified: boolean, ending = '') {
  client.send(`${ending}\r\n`)
  return { verified, word: word.toString(), tagged: (await client.answer('s')).tagged }
}

function fromBase64(line: string): Buffer {
  assert.match(line, /^\+ /)
  return Buffer.from(line.slice(2), 'base64')
}

test('SCRAM-SHA-256: both sides prove that they know the password', async () => {
  const client = await imap.connect()
  const { verified, tagged } = await scram(client, imap)
  assert.ok(verified)
  assert.match(tagged, /^OK \[CAPABILITY /)
  await client.ok('SELECT INBOX')
})

test('SCRAM without an initial response', async () => {
  const client = await imap.connect()
  const { address: username, password } = imap.mailbox
  const scramClient = createScramClient({ username, password })
  client.send('a AUTHENTICATE SCRAM-SHA-256\r\n')
  assert.equal(await client.line(), '+ ')
  client.send(`${scramClient.first.toString('base64')}\r\n`)
  client.send(`${scramClient.final(fromBase64(await client.line())).toString('base64')}\r\n`)
  assert.ok(scramClient.verifies(fromBase64(await client.line())))
  client.send('\r\n')
  assert.match((await client.answer('a')).tagged, /^OK/)
})

test('a wrong password is told in SCRAM’s form, late, and the third time is the last', async () => {
  const client = await imap.connect()
  const startMs = Date.now()
  for (const ending of ['', '*', '']) {
    const { word, tagged } = await scram(client, imap, { password: 'wrong', ending })
    assert.equal(word, 'e=invalid-proof')
    assert.match(tagged, /^NO \[AUTHENTICATIONFAILED\]/)
  }
  assert.ok(Date.now() - startMs >= 2_900)
  assert.match(await client.line(), /^\* BYE/)
})

test('a client that does not believe the server does not get in', async () => {
  const client = await imap.connect()
  assert.match((await scram(client, imap, { ending: '*' })).tagged, /^BAD AUTHENTICATE cancelled/)
  assert.match((await client.run('SELECT INBOX')).tagged, /^BAD/)
  assert.match((await scram(client, imap, { ending: 'AAAA' })).tagged, /^BAD/)
  assert.match((await client.run('SELECT INBOX')).tagged, /^BAD/)
})

test('what a client may know of its channel: over TLS 1.3 and TLS 1.2, and after STARTTLS', async () => {
  const overTls = await imaps.connect()
  const startTls = await imap.connect()
  await startTls.ok('STARTTLS')
  await startTls.startTls()
  for (const [client, on] of [
    [overTls, imaps],
    [startTls, imap],
  ] as const) {
    const [capability = ''] = await client.ok('CAPABILITY')
    assert.match(capability, /AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN$/)
    const data = client.tls().exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    const { verified, tagged } = await scram(client, on, {
      plus: true,
      binding: { type: 'tls-exporter', data },
    })
    assert.ok(verified)
    assert.match(tagged, /^OK/)
  }
  const client = await imaps.connect()
  const data = createHash('sha256').update(client.tls().getPeerCertificate().raw).digest()
  const binding = { type: 'tls-server-end-point', data }
  assert.match((await scram(client, imaps, { plus: true, binding })).tagged, /^OK/)
})

test('another channel, and a list from which -PLUS was taken', async () => {
  const client = await imaps.connect()
  const binding = { type: 'tls-exporter', data: Buffer.alloc(32) }
  assert.equal((await scram(client, imaps, { plus: true, binding })).word, 'e=channel-bindings-dont-match')
  assert.equal((await scram(client, imaps, { binding: 'y' })).word, 'e=server-does-support-channel-binding')
})

test('-PLUS is unknown without TLS', async () => {
  const client = await imap.connect()
  assert.match((await client.run('AUTHENTICATE SCRAM-SHA-256-PLUS')).tagged, /^NO \[CANNOT\]/)
})

const malformed: [what: string, lines: string][] = [
  ['no base64', 'a AUTHENTICATE SCRAM-SHA-256\r\n!!!\r\n'],
  ['an empty first message', 'a AUTHENTICATE SCRAM-SHA-256 =\r\n'],
  ['an empty line for a first message', 'a AUTHENTICATE PLAIN\r\n\r\n'],
  ['a message of another mechanism', 'a AUTHENTICATE SCRAM-SHA-256 AGEAYg==\r\n'],
  ['cancelled', 'a AUTHENTICATE SCRAM-SHA-256\r\n*\r\n'],
  ['a line that is too long', `a AUTHENTICATE PLAIN\r\n${'A'.repeat(70_000)}\r\n`],
  ['a message that is too long', `a AUTHENTICATE SCRAM-SHA-256 ${'A'.repeat(8_000)}\r\n`],
]
for (const [what, lines] of malformed) {
  test(`BAD for ${what}, and what follows is a command`, async () => {
    const client = await imap.connect()
    client.send(`${lines}b NOOP\r\n`)
    assert.match((await client.answer('a')).tagged, /^BAD/)
    assert.match((await client.answer('b')).tagged, /^OK/)
  })
}

test('commands sent ahead of the answer follow in order', async () => {
  const client = await imap.connect()
  const response = Buffer.from(`\0${imap.mailbox.address}\0${imap.mailbox.password}`).toString('base64')
  client.send(`a AUTHENTICATE PLAIN ${response}\r\nb SELECT INBOX\r\nc NOOP\r\n`)
  for (const tag of ['a', 'b', 'c']) assert.match((await client.answer(tag)).tagged, /^OK/)
})

test('a changed password ends what was logged in', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  const { platform, scope } = imap.test
  await transaction(platform.db, (tx) =>
    changePassword(platform, tx, scope, mailbox.mailboxId, 'another fine password'),
  )
  assert.match(await client.line(), /^\* BYE The password was changed/)
  await client.ended
  await imap.logIn({ ...mailbox, password: 'another fine password' })
})
