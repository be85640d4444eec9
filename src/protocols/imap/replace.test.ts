/** REPLACE and UID REPLACE (RFC 8508) on a real server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap({ MAILWRIGHT_MESSAGE_BYTES_MAX: String(1024 * 1024) })
})
after(() => imap[Symbol.asyncDispose]())

const literal = (text: string): string => `{${text.length}+}\r\n${text}`

/** A client that has Drafts selected, with three messages. */
async function withDrafts(): Promise<{ client: RawClient; another: () => Promise<RawClient> }> {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  for (const subject of ['one', 'two', 'three']) await client.append('Drafts', mail(subject), '(\\Flagged) ')
  await client.ok('SELECT Drafts')
  return { client, another: () => imap.logIn(mailbox) }
}

async function subjects(client: RawClient): Promise<string[]> {
  const lines = await client.ok('UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
  return lines.filter((line) => line.startsWith('Subject: ')).map((line) => line.slice(9))
}

test('a message takes the place of another, and nothing of that one is inherited', async () => {
  const { client } = await withDrafts()
  const before = /EMAILID \((\S+)\)/.exec((await client.ok('FETCH 2 EMAILID'))[0] ?? '')?.[1]
  client.send(`a REPLACE 2 Drafts (\\Seen) "01-Feb-2020 03:04:05 +0000" {${mail('new').length}}\r\n`)
  assert.match(await client.line(), /^\+ /)
  client.send(`${mail('new')}\r\n`)
  const { tagged, untagged } = await client.answer('a')
  assert.match(tagged, /^OK REPLACE completed/)
  const [first = '', ...rest] = untagged
  assert.match(first, /^\* OK \[APPENDUID \d+ 4\] /) // RFC 8508 §4.3: before the EXPUNGE
  assert.ok(rest.includes('* 2 EXPUNGE'), rest.join('\n'))
  assert.ok(
    rest.some((line) => /^\* [34] EXISTS$/.test(line)),
    rest.join('\n'),
  )
  assert.deepEqual(await subjects(client), ['one', 'three', 'new'])
  const [last = ''] = await client.ok('UID FETCH 4 (FLAGS INTERNALDATE EMAILID)')
  assert.match(last, /\\Seen/)
  assert.doesNotMatch(last, /\\Flagged/)
  assert.match(last, / 1-Feb-2020 03:04:05|01-Feb-2020 03:04:05/)
  assert.notEqual(/EMAILID \((\S+)\)/.exec(last)?.[1], before) // RFC 8508 §4.6
})

test('UID REPLACE, into another folder', async () => {
  const { client, another } = await withDrafts()
  client.send(`a UID REPLACE 3 Sent ${literal(mail('sent'))}\r\n`)
  const { tagged, untagged } = await client.answer('a')
  assert.match(tagged, /^OK/)
  assert.match(untagged[0] ?? '', /^\* OK \[APPENDUID \d+ 1\]/)
  assert.deepEqual(untagged.slice(1), ['* 3 EXPUNGE'])
  const other = await another()
  assert.deepEqual(await other.ok('STATUS Sent (MESSAGES)'), ['* STATUS "Sent" (MESSAGES 1)'])
  assert.deepEqual(await other.ok('STATUS Drafts (MESSAGES)'), ['* STATUS "Drafts" (MESSAGES 2)'])
})

test('* is the last message, also by UID; the mailbox may be a literal', async () => {
  const { client } = await withDrafts()
  client.send(`a REPLACE * {6+}\r\nDrafts ${literal(mail('four'))}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK/)
  client.send(`b UID REPLACE * Drafts ${literal(mail('five'))}\r\n`)
  assert.match((await client.answer('b')).tagged, /^OK/)
  assert.deepEqual(await subjects(client), ['one', 'two', 'five'])
})

test('with CATENATE: a draft is made of the one that it replaces', async () => {
  const { client } = await withDrafts()
  const header = 'Subject: catenated\r\n\r\n'
  client.send(
    `a UID REPLACE 1 Drafts (\\Draft) CATENATE (TEXT ${literal(header)} URL ";UID=1/;SECTION=TEXT")\r\n`,
  )
  assert.match((await client.answer('a')).tagged, /^OK/)
  assert.deepEqual(
    (await client.run('UID REPLACE 2 Drafts CATENATE (URL ";UID=3")')).tagged.slice(0, 2),
    'OK',
  )
  assert.deepEqual(await subjects(client), ['three', 'catenated', 'three'])
  const lines = await client.ok('UID FETCH 4 BODY.PEEK[]')
  assert.ok(lines.join('\r\n').includes(`${header}Hello\r\n`))
})

const refusals: [name: string, args: string, want: RegExp][] = [
  ['a number that is not there', 'REPLACE 9 Drafts {10}', /^BAD/],
  ['a UID that is not there', 'UID REPLACE 9 Drafts {10}', /^NO \[NONEXISTENT\]/],
  ['a folder that is not there', 'REPLACE 1 nowhere {10}', /^NO \[TRYCREATE\]/],
  ['a message that is too large', 'REPLACE 1 Drafts {1048577}', /^NO \[TOOBIG\]/],
  ['a set', 'REPLACE 1,2 Drafts {10}', /^BAD/],
  ['a range', 'UID REPLACE 1:2 Drafts {10}', /^BAD/],
  ['a saved result', 'UID REPLACE $ Drafts {10}', /^BAD/],
  ['number 0', 'REPLACE 0 Drafts {10}', /^BAD/],
  ['a URL that names nothing', 'REPLACE 1 Drafts CATENATE (URL /Sent/;UID=1 TEXT {10}', /^NO \[BADURL/],
]
for (const [name, args, want] of refusals) {
  test(`${name} is refused before its bytes are sent`, async () => {
    const { client } = await withDrafts()
    client.send(`a ${args}\r\n`)
    const { tagged, untagged } = await client.answer('a')
    assert.match(tagged, want)
    assert.deepEqual(untagged, [])
    assert.deepEqual(await subjects(client), ['one', 'two', 'three'])
  })
}

test('two messages are one too many, and nothing is changed', async () => {
  const { client } = await withDrafts()
  client.send(`a REPLACE 1 Drafts ${literal(mail('x'))} ${literal(mail('y'))}\r\n`)
  assert.match((await client.answer('a')).tagged, /^BAD/)
  assert.deepEqual(await subjects(client), ['one', 'two', 'three'])
})

test('only in a folder that was selected to be changed', async () => {
  const { client } = await withDrafts()
  await client.ok('EXAMINE Drafts')
  client.send(`a REPLACE 1 Drafts ${literal(mail('x'))}\r\n`)
  assert.match((await client.answer('a')).tagged, /^NO \[READ-ONLY\]/)
  await client.ok('UNSELECT')
  client.send(`b REPLACE 1 Drafts ${literal(mail('x'))}\r\n`)
  assert.match((await client.answer('b')).tagged, /^BAD/)
  client.send('c UID REPLACE 1 Drafts {10}\r\n')
  assert.match((await client.answer('c')).tagged, /^BAD/)
  const stranger = await imap.connect()
  stranger.send('d REPLACE 1 Drafts {10}\r\n')
  assert.match((await stranger.answer('d')).tagged, /^BAD/)
  await client.ok('NOOP')
})

test('of two who replace one message at the same time the second fails as a whole', async () => {
  const { client, another } = await withDrafts()
  const other = await another()
  await other.ok('SELECT Drafts')
  const message = mail('late')
  client.send(`a UID REPLACE 2 Drafts {${message.length}}\r\n`)
  assert.match(await client.line(), /^\+ /)
  other.send(`b UID REPLACE 2 Drafts ${literal(mail('early'))}\r\n`)
  assert.match((await other.answer('b')).tagged, /^OK/)
  client.send(`${message}\r\n`)
  assert.match((await client.answer('a')).tagged, /^NO \[EXPUNGEISSUED\]/)
  await client.ok('NOOP')
  assert.deepEqual(await subjects(client), ['one', 'three', 'early'])
})

test('the events tell of both', async () => {
  const { client } = await withDrafts()
  client.send(`a REPLACE 1 Drafts ${literal(mail('x'))}\r\n`)
  assert.match((await client.answer('a')).tagged, /^OK/)
  const { rows } = await imap.test.platform.pool.query(
    'select type from events order by xid desc, id desc limit 2',
  )
  assert.deepEqual(
    rows.map(({ type }) => type),
    ['message.expunged', 'message.appended'],
  )
})
