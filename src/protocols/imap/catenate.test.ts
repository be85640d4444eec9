/** CATENATE (RFC 4469) on a real server: literals and URLs become messages, and everything that cannot be. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const messageBytesMax = 60 * 1024 ** 2
let imap: TestImap
before(async () => {
  imap = await startTestImap({ MAILWRIGHT_MESSAGE_BYTES_MAX: String(messageBytesMax) })
})
after(() => imap[Symbol.asyncDispose]())

const nested = [
  'Subject: source',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain',
  '',
  'first part',
  '--b',
  'Content-Type: application/octet-stream',
  'Content-Transfer-Encoding: base64',
  '',
  'QUJDREVG',
  '--b--',
  '',
].join('\r\n')

/** A client whose INBOX holds `nested` with UID 1, and its UIDVALIDITY. */
async function withSource(): Promise<{ client: RawClient; uidvalidity: string; address: string }> {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  const answer = await client.append('INBOX', nested)
  return { client, uidvalidity: /APPENDUID (\d+) 1/.exec(answer)?.[1] ?? '', address: mailbox.address }
}

const literal = (text: string): string => `{${text.length}+}\r\n${text}`

async function octetsOf(client: RawClient, folder: string, uid: number): Promise<string> {
  await client.ok(`EXAMINE ${folder}`)
  const lines = (await client.ok(`UID FETCH ${uid} (BODY.PEEK[])`)).join('\r\n')
  const [, size = '0'] = /BODY\[\] \{(\d+)\}\r\n/.exec(lines) ?? []
  const start = lines.indexOf('}\r\n') + 3
  return lines.slice(start, start + Number(size))
}

const header = 'Subject: new\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'

test('texts and URLs are put together in their order', async () => {
  const { client, uidvalidity } = await withSource()
  const parts = [
    `TEXT ${literal(`${header}--b\r\n`)}`,
    `URL "/INBOX;UIDVALIDITY=${uidvalidity}/;UID=1/;SECTION=2.MIME"`,
    'URL /INBOX/;UID=1/;SECTION=2',
    `TEXT ${literal('\r\n--b--\r\n')}`,
  ]
  const { tagged } = await client.run(`APPEND Drafts (\\Seen \\Draft) CATENATE (${parts.join(' ')})`)
  assert.match(tagged, /^OK \[APPENDUID \d+ 1\]/)
  const want =
    `${header}--b\r\nContent-Type: application/octet-stream\r\n` +
    'Content-Transfer-Encoding: base64\r\n\r\nQUJDREVG\r\n--b--\r\n'
  assert.equal(await octetsOf(client, 'Drafts', 1), want)
  assert.match((await client.ok('FETCH 1 FLAGS'))[0] ?? '', /\\Seen.*\\Draft/)
  assert.match((await client.ok('FETCH 1 RFC822.SIZE'))[0] ?? '', new RegExp(`RFC822.SIZE ${want.length}\\)`))
  await client.ok('SELECT INBOX')
  assert.match((await client.ok('FETCH 1 FLAGS'))[0] ?? '', /FLAGS \((?!.*\\Seen)/) // RFC 4469 §3
})

test('URLs alone need no literal; one of them may be a literal', async () => {
  const { client } = await withSource()
  const { tagged } = await client.run(
    'APPEND INBOX "01-Feb-2020 03:04:05 +0000" CATENATE (URL /INBOX/;UID=1)',
  )
  assert.match(tagged, /^OK \[APPENDUID \d+ 2\]/)
  client.send(`a APPEND INBOX CATENATE (URL {13}\r\n`)
  assert.match(await client.line(), /^\+ /)
  client.send(`/INBOX/;UID=1 TEXT {5}\r\n`)
  assert.match(await client.line(), /^\+ /)
  client.send('mored URL {13}\r\n')
  assert.match(await client.line(), /^\+ /)
  client.send('/INBOX/;UID=1)\r\n')
  assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID \d+ 3\]/)
  assert.equal(await octetsOf(client, 'INBOX', 2), nested)
  assert.equal(await octetsOf(client, 'INBOX', 3), `${nested}mored${nested}`)
})

test('every kind of section, partials, and relative URLs of the selected folder', async () => {
  const { client, address } = await withSource()
  await client.ok('SELECT INBOX')
  const { hostname } = imap.test.platform.config
  const urls: [url: string, want: string][] = [
    [';UID=1/;SECTION=1', 'first part'],
    [';UID=1/;SECTION=HEADER', nested.slice(0, nested.indexOf('\r\n\r\n') + 4)],
    [';UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)', 'Subject: source\r\n\r\n'],
    [';UID=1/;SECTION=1/;PARTIAL=6.100', 'part'],
    [';UID=1/;SECTION=1/;PARTIAL=0.5', 'first'],
    ['INBOX/;UID=1/;SECTION=1/;PARTIAL=1', 'irst part'],
    [`imap://${hostname}/INBOX/;UID=1/;SECTION=1`, 'first part'],
    [`imap://${address.replace('@', '%40')}@${hostname}/INBOX/;UID=1/;SECTION=1`, 'first part'],
  ]
  for (const [url, want] of urls) {
    const { tagged } = await client.run(`APPEND Sent CATENATE (TEXT ${literal('X: y\r\n\r\n')} URL "${url}")`)
    const [, uid = '0'] = /^OK \[APPENDUID \d+ (\d+)\]/.exec(tagged) ?? []
    assert.notEqual(uid, '0', `${url}: ${tagged}`)
    await client.ok('EXAMINE Sent')
    const lines = (await client.ok(`UID FETCH ${uid} (BODY.PEEK[TEXT])`)).join('\r\n')
    assert.ok(lines.includes(`BODY[TEXT] {${want.length}}\r\n${want})`), `${url}: ${lines}`)
    await client.ok('SELECT INBOX')
  }
})

test('with MULTIAPPEND, flags and dates each their own', async () => {
  const { client } = await withSource()
  const [one, two] = [mail('one'), mail('two')]
  client.send(
    `a APPEND Archive (\\Flagged) ${literal(one)} (\\Seen) "01-Feb-2020 03:04:05 +0000" ` +
      `CATENATE (TEXT ${literal('Subject: x\r\n\r\n')} URL /INBOX/;UID=1/;SECTION=1) ` +
      `CATENATE (URL /INBOX/;UID=1) ${literal(two)}\r\n`,
  )
  assert.match((await client.answer('a')).tagged, /^OK \[APPENDUID \d+ 1:4\]/)
  await client.ok('EXAMINE Archive')
  const flags = await client.ok('FETCH 1:* (FLAGS INTERNALDATE)')
  assert.match(flags[0] ?? '', /\\Flagged/)
  assert.match(flags[1] ?? '', /\\Seen.*01-Feb-2020 03:04:05|\\Seen.* 1-Feb-2020 03:04:05/)
  assert.doesNotMatch(flags[2] ?? '', /\\Seen|\\Flagged/)
  for (const [uid, want] of [one, 'Subject: x\r\n\r\nfirst part', nested, two].entries()) {
    assert.equal(await octetsOf(client, 'Archive', uid + 1), want)
  }
})

const refusals: [name: string, parts: string, want: RegExp][] = [
  ['a UID that is not there', 'URL /INBOX/;UID=99', /^NO \[BADURL \/INBOX\/;UID=99\]/],
  ['a folder that is not there', 'URL /nowhere/;UID=1', /^NO \[BADURL \/nowhere/],
  ['a section that is not there', 'URL /INBOX/;UID=1/;SECTION=3', /^NO \[BADURL/],
  ['another UIDVALIDITY', 'URL "/INBOX;UIDVALIDITY=1/;UID=1"', /^NO \[BADURL/],
  ['another server', 'URL "imap://elsewhere.example/INBOX/;UID=1"', /^NO \[BADURL/],
  ['another user', 'URL "imap://someone%40demo.test@localhost/INBOX/;UID=1"', /^NO \[BADURL/],
  ['what is no URL', 'URL "] OK done"', /^NO \[BADURL %5D%20OK%20done\] /],
  ['an empty URL', 'URL ""', /^NO \[BADURL %20\]/],
  ['a relative URL without a selected folder', 'URL ";UID=1"', /^NO \[BADURL ;UID=1\]/],
  ['an empty list', '', /^BAD/],
  ['an unknown part', 'FILE "x"', /^BAD/],
  ['a text that is no literal', 'TEXT "x"', /^BAD/],
  ['nothing but an empty text', 'TEXT {0+}\r\n', /^NO \[CANNOT\]/],
  ['NUL in a text', 'TEXT {3+}\r\na\0b', /^BAD .*NUL/],
]
for (const [name, parts, want] of refusals) {
  test(`${name} is refused, and nothing is stored`, async () => {
    const { client } = await withSource()
    const { tagged } = await client.run(`APPEND Drafts CATENATE (${parts})`)
    assert.match(tagged, want)
    assert.deepEqual(await client.ok('STATUS Drafts (MESSAGES)'), ['* STATUS "Drafts" (MESSAGES 0)'])
  })
}

test('a bad URL is told before the next literal is sent', async () => {
  const { client } = await withSource()
  client.send(`a APPEND Drafts CATENATE (TEXT ${literal('X: y\r\n\r\n')} URL /INBOX/;UID=9 TEXT {10}\r\n`)
  const { tagged, untagged } = await client.answer('a')
  assert.match(tagged, /^NO \[BADURL/)
  assert.deepEqual(untagged, [])
  await client.ok('NOOP')
})

test('of several messages none is stored when a later URL is bad', async () => {
  const { client } = await withSource()
  client.send(`a APPEND Drafts ${literal(mail('one'))} CATENATE (URL /INBOX/;UID=9)\r\n`)
  assert.match((await client.answer('a')).tagged, /^NO \[BADURL/)
  assert.deepEqual(await client.ok('STATUS Drafts (MESSAGES)'), ['* STATUS "Drafts" (MESSAGES 0)'])
  const { rows } = await imap.test.platform.pool.query('select count(*)::int as left from body_chunks')
  assert.deepEqual(rows, [{ left: 0 }])
})

test('a message of 50 MB is put together in little memory, and a larger one is refused', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  const block = `${'0123456789abcdef'.repeat(4)}\r\n`.repeat(15_888) // 1 MiB and a little
  const part = `Subject: half\r\n\r\n${block}`
  assert.match(await client.append('INBOX', part), /^OK/)
  const urls = (count: number): string => Array(count).fill('URL /INBOX/;UID=1').join(' ')
  const live = (): number => {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = live()
  let peakBytes = 0
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, live() - before)), 150)
  const count = Math.floor((50 * 1024 ** 2) / part.length)
  client.send(`a APPEND INBOX CATENATE (${urls(count)})\r\n`)
  const tagged = await patient(client, 'a')
  clearInterval(watch)
  assert.match(tagged, /^OK/)
  assert.ok(peakBytes < 20 * 1024 ** 2, `${peakBytes} bytes more at the peak`)
  await client.ok('EXAMINE INBOX')
  assert.match(
    (await client.ok('UID FETCH 2 RFC822.SIZE'))[0] ?? '',
    new RegExp(`SIZE ${count * part.length}\\)|SIZE ${count * part.length} `),
  )
  client.send(`b APPEND INBOX CATENATE (${urls(2)} URL /INBOX/;UID=2 URL /INBOX/;UID=2)\r\n`)
  assert.match(await patient(client, 'b'), /^NO \[TOOBIG\]/)
})

test('messages of URLs alone are bounded together too', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  const block = `${'x'.repeat(70)}\r\n`.repeat(14_000)
  assert.match(await client.append('INBOX', `Subject: x\r\n\r\n${block}`), /^OK/)
  client.send(`a APPEND Sent${' CATENATE (URL /INBOX/;UID=1)'.repeat(150)}\r\n`)
  assert.match(await patient(client, 'a'), /^NO \[LIMIT\]/)
  client.send(`b APPEND Sent${' CATENATE (URL /INBOX/;UID=1)'.repeat(1_001)}\r\n`)
  assert.match(await patient(client, 'b'), /^NO \[LIMIT\]/)
  const { rows } = await imap.test.platform.pool.query(
    'select count(*)::int as left from body_chunks c where not exists (select from bodies where id = c.body_id)',
  )
  assert.deepEqual(rows, [{ left: 0 }])
})

/** A line may take longer here than the client's patience. */
async function patient(client: RawClient, tag: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await client.answer(tag)).tagged
    } catch (error) {
      if (attempt === 12) throw error
    }
  }
}
