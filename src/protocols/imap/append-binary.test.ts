/** APPEND of literal8 (RFC 3516 §4.4) and of UTF8 data (RFC 6855 §4) on a real server: nothing is lost. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function freshClient(): Promise<RawClient> {
  return await imap.logIn(await imap.test.createMailbox())
}

/** Appends as literal8. @returns the tagged answer. */
async function append8(client: RawClient, raw: string): Promise<string> {
  client.send(`a APPEND INBOX ~{${raw.length}+}\r\n`)
  client.send(Buffer.from(`${raw}\r\n`, 'latin1'))
  return (await client.answer('a')).tagged
}

const mixed = 'Subject: b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
const binaryPart =
  'Content-Type: application/octet-stream\r\nContent-transfer-ENCODING: binary\r\nX-After: y\r\n\r\n'
/** Every octet, with delimiter-like and line-end-like runs. */
const everyOctet = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet))
const octets = `${everyOctet}\r\n--bb\r\n\0\0${everyOctet.repeat(40)}`
const withBinary = `${mixed}--b\r\n\r\ntext\r\n--b\r\n${binaryPart}${octets}\r\n--b\r\n\r\nmore\r\n--b--\r\n`

test('a binary part with NULs is kept in base64, and BINARY gives its octets back', async () => {
  const client = await freshClient()
  assert.match(await append8(client, withBinary), /^OK/)
  await client.ok('SELECT INBOX')
  const whole = (await client.ok('FETCH 1 BODY.PEEK[]')).join('\r\n')
  assert.ok(!whole.includes('\0'))
  assert.ok(whole.includes('Content-Transfer-Encoding: base64\r\nX-After: y\r\n\r\n'))
  assert.ok(whole.includes('\r\n--b\r\n\r\nmore\r\n--b--\r\n'))
  const binary = (await client.ok('FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])')).join('\r\n')
  assert.ok(binary.includes(`BINARY.SIZE[2] ${octets.length} BINARY[2] ~{${octets.length}}\r\n${octets}`))
  const parts = (await client.ok('FETCH 1 (BODY.PEEK[1] BODY.PEEK[3])')).join('\r\n')
  assert.ok(parts.includes('BODY[1] {4}\r\ntext BODY[3] {4}\r\nmore'), parts)
})

test('a large one too, inside an embedded message, a piece at a time', async () => {
  const client = await freshClient()
  const large = octets.repeat(60) // several chunks
  const raw = `Content-Type: message/rfc822\r\n\r\n${mixed}--b\r\n${binaryPart}${large}\r\n--b--\r\n`
  assert.match(await append8(client, raw), /^OK/)
  await client.ok('SELECT INBOX')
  const binary = (await client.ok('FETCH 1 BINARY.PEEK[1.1]')).join('\r\n')
  assert.ok(binary.includes(`~{${large.length}}\r\n${large}`))
})

test('a message that is one binary part', async () => {
  const client = await freshClient()
  assert.match(await append8(client, `${binaryPart}${octets}`), /^OK/)
  await client.ok('SELECT INBOX')
  const binary = (await client.ok('FETCH 1 BINARY.PEEK[1]')).join('\r\n')
  assert.ok(binary.includes(`~{${octets.length}}\r\n${octets}`))
})

test('a literal8 without NUL is kept as it is, whatever its encoding', async () => {
  const client = await freshClient()
  const raw = `${mixed}--b\r\n${binaryPart}\xff\xfe\r\n--b--\r\n`
  assert.match(await append8(client, raw), /^OK/)
  await client.ok('SELECT INBOX')
  assert.ok((await client.ok('FETCH 1 BODY.PEEK[]')).join('\r\n').includes(raw))
})

const refusals: [name: string, raw: string][] = [
  ['in a header', 'Subject: a\0b\r\n\r\nx'],
  ['in a part of another encoding', `${mixed}--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\0\r\n--b--`],
  ['in a part without an encoding', 'Subject: x\r\n\r\n\0'],
  ['in a preamble', `${mixed}\0\r\n--b\r\n\r\nx\r\n--b--`],
  ['in an epilogue', `${mixed}--b\r\n${binaryPart}\0\r\n--b--\r\n\0`],
]
for (const [name, raw] of refusals) {
  test(`NUL ${name} is refused`, async () => {
    const client = await freshClient()
    assert.match(await append8(client, raw), /^NO \[UNKNOWN-CTE\]/)
    assert.deepEqual(await client.ok('STATUS INBOX (MESSAGES)'), ['* STATUS "INBOX" (MESSAGES 0)'])
  })
}

test('a literal8 may be a TEXT of CATENATE', async () => {
  const client = await freshClient()
  client.send(`a APPEND INBOX CATENATE (TEXT ~{${binaryPart.length}+}\r\n${binaryPart} TEXT ~{3+}\r\n`)
  client.send(Buffer.from('x\0y)\r\n', 'latin1'))
  assert.match((await client.answer('a')).tagged, /^OK/)
  await client.ok('SELECT INBOX')
  assert.ok((await client.ok('FETCH 1 BINARY.PEEK[1]')).join('\r\n').includes('~{3}\r\nx\0y'))
})

const utf8 = Buffer.from(
  'Subject: Grüße\r\nFrom: Jörg <jörg@exämple.test>\r\n\r\nHällo\r\n',
  'utf8',
).toString('latin1')

for (const extension of ['UTF8=ACCEPT', 'IMAP4rev2']) {
  test(`UTF8 data is taken once ${extension} is enabled`, async () => {
    const client = await freshClient()
    await client.ok(`ENABLE ${extension}`)
    client.send(`a APPEND INBOX (\\Seen) UTF8 (~{${utf8.length}+}\r\n${utf8})\r\n`)
    assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID \d+ 1\]/)
    client.send(`b APPEND INBOX CATENATE (UTF8 (~{${utf8.length}+}\r\n${utf8}) URL /INBOX/;UID=1)\r\n`)
    assert.match((await client.answer('b')).tagged, /^OK \[APPENDUID \d+ 2\]/)
    await client.ok('SELECT INBOX')
    assert.ok((await client.ok('FETCH 1 BODY.PEEK[]')).join('\r\n').includes(utf8))
  })
}

test('headers in UTF-8 are taken as a plain literal too (RFC 9755 §B.1, RFC 9051 §6.3.12)', async () => {
  const client = await freshClient()
  client.send(`a APPEND INBOX {${utf8.length}+}\r\n${utf8}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK/)
})
