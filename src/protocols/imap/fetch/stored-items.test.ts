/** PREVIEW (RFC 8970), SAVEDATE (RFC 8514) and the object ids (RFC 8474) on a real server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function withMessages(...messages: string[]): Promise<{ client: RawClient; mailboxId: string }> {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  for (const message of messages) assert.match(await client.append('INBOX', message), /^OK/)
  await client.ok('SELECT INBOX')
  return { client, mailboxId: mailbox.mailboxId }
}

test('the capabilities are announced', async () => {
  const { client } = await withMessages()
  const names = (await client.ok('CAPABILITY'))[0]?.split(' ') ?? []
  for (const name of [
    'PREVIEW',
    'SAVEDATE',
    'OBJECTID',
    'BINARY',
    'CATENATE',
    'REPLACE',
    'MULTIAPPEND',
    'LITERAL+',
  ]) {
    assert.ok(names.includes(name), name)
  }
})

test('a preview is made when it is asked for, and kept; LAZY does not make one', async () => {
  const { client } = await withMessages(mail('one'), 'Subject: x\r\n\r\n')
  assert.deepEqual(await client.ok('FETCH 1:2 (PREVIEW (LAZY))'), [
    '* 1 FETCH (PREVIEW NIL)',
    '* 2 FETCH (PREVIEW NIL)',
  ])
  assert.deepEqual(await client.ok('FETCH 1 PREVIEW'), ['* 1 FETCH (PREVIEW "Hello")'])
  assert.deepEqual(await client.ok('FETCH 1:2 (PREVIEW (LAZY))'), [
    '* 1 FETCH (PREVIEW "Hello")',
    '* 2 FETCH (PREVIEW NIL)',
  ])
  assert.deepEqual(await client.ok('FETCH 2 (FLAGS PREVIEW UID)'), [
    '* 2 FETCH (FLAGS (\\Recent) PREVIEW "" UID 2)', // RFC 8970 §3.2: there is no text. And it is not \Seen.
  ])
})

test('a preview beyond ASCII is a literal in UTF-8', async () => {
  const { client } = await withMessages('Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n')
  const lines = (await client.ok('FETCH 1 PREVIEW')).join('\r\n')
  const utf8 = Buffer.from('Grüße', 'utf8').toString('latin1')
  assert.equal(lines, `* 1 FETCH (PREVIEW {${utf8.length}}\r\n${utf8})`)
})

const item = (lines: readonly string[], name: string): string =>
  new RegExp(`${name} (\\([^)]*\\)|"[^"]*")`).exec(lines.join(' '))?.[1] ?? ''

test('a copy keeps EMAILID and THREADID and is saved when it is copied', async () => {
  const { client, mailboxId } = await withMessages(mail('one'), mail('two'))
  const saved = '2001-02-03T04:05:06Z'
  await imap.test.platform.pool.query(
    'update messages set saved_at = $1, internal_date = $1 where mailbox_id = $2',
    [saved, mailboxId],
  )
  const items = '(EMAILID THREADID SAVEDATE INTERNALDATE)'
  const original = await client.ok(`FETCH 1 ${items}`)
  assert.equal(item(original, 'SAVEDATE'), '" 3-Feb-2001 04:05:06 +0000"')
  assert.match(item(original, 'EMAILID'), /^\(M[\w-]+\)$/)
  await client.ok('COPY 1 Archive')
  await client.ok('UID MOVE 2 Archive')
  await client.ok('EXAMINE Archive')
  const copy = await client.ok(`FETCH 1 ${items}`)
  for (const name of ['EMAILID', 'THREADID', 'INTERNALDATE'])
    assert.equal(item(copy, name), item(original, name))
  assert.notEqual(item(copy, 'SAVEDATE'), item(original, 'SAVEDATE'))
  assert.notEqual(item(await client.ok(`FETCH 2 ${items}`), 'SAVEDATE'), item(original, 'SAVEDATE'))
  assert.notEqual(item(await client.ok(`FETCH 2 ${items}`), 'EMAILID'), item(original, 'EMAILID'))
})

test('a reply is in the thread of what it answers', async () => {
  const { client } = await withMessages(
    'Message-ID: <a@x>\r\n\r\none',
    'In-Reply-To: <a@x>\r\n\r\ntwo',
    'Subject: x\r\n\r\nthree',
  )
  const threads = await client.ok('FETCH 1:3 THREADID')
  const [one, two, three] = threads.map((line) => /\(T[^)]*\)/.exec(line)?.[0])
  assert.ok(one)
  assert.equal(one, two)
  assert.notEqual(one, three)
})
