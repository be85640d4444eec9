/** METADATA over IMAP: its limits and its walls. The rest is in test/imap-scripts/rfc5464. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { annotationLimits } from '../../messages/annotations.ts'
import { startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

test('two mailboxes do not see each other’s entries, of a folder or of the server', async () => {
  const [ann, bob] = [
    await imap.logIn(await imap.test.createMailbox()),
    await imap.logIn(await imap.test.createMailbox()),
  ]
  await ann.ok('SETMETADATA INBOX (/private/comment "ann" /shared/comment "ann")')
  await ann.ok('SETMETADATA "" (/private/comment "ann")')
  assert.deepEqual(await bob.ok('GETMETADATA INBOX (/private/comment /shared/comment)'), [
    '* METADATA "INBOX" (/private/comment NIL /shared/comment NIL)',
  ])
  assert.deepEqual(await bob.ok('GETMETADATA "" /private/comment'), ['* METADATA "" (/private/comment NIL)'])
  assert.deepEqual(await bob.ok('GETMETADATA (DEPTH infinity) INBOX (/private /shared)'), [])
})

test('a value that is too large is told the limit, and one of that size is taken', async () => {
  const client = await imap.logIn()
  const set = async (bytes: number): Promise<string> =>
    (await client.run(`SETMETADATA INBOX (/private/big {${bytes}+}\r\n${'x'.repeat(bytes)})`)).tagged
  const { valueBytesMax } = annotationLimits
  assert.match(await set(valueBytesMax + 1), new RegExp(`^NO \\[METADATA MAXSIZE ${valueBytesMax}\\] `))
  assert.match(await set(valueBytesMax), /^OK /)
  assert.match((await client.run('GETMETADATA (MAXSIZE 0) INBOX /private/big')).tagged, /LONGENTRIES 32768\]/)
})

test('entries beyond the limit of a folder are TOOMANY, and none of them is set', async () => {
  const client = await imap.logIn()
  await client.ok('CREATE many')
  const { entriesPerFolderMax } = annotationLimits
  const pairs = Array.from({ length: entriesPerFolderMax }, (_, n) => `/private/e${n} "${n}"`)
  await client.ok(`SETMETADATA many (${pairs.slice(1).join(' ')})`)
  const more = await client.run('SETMETADATA many (/private/x "x" /private/y "y")')
  assert.match(more.tagged, /^NO \[METADATA TOOMANY\] /)
  assert.deepEqual(await client.ok('GETMETADATA many /private/x'), ['* METADATA "many" (/private/x NIL)'])
  await client.ok('SETMETADATA many (/private/x "x")')
})

test('names of mailboxes and UTF-8 values follow what is enabled', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  await client.ok('CREATE Entw&APw-rfe')
  await client.ok('SETMETADATA Entw&APw-rfe (/private/comment {2+}\r\n\xc3\xbc)')
  const get = async (name: string): Promise<string> =>
    (await client.ok(`GETMETADATA ${name} /private/comment`)).join('|')
  assert.equal(await get('Entw&APw-rfe'), '* METADATA "Entw&APw-rfe" (/private/comment {2}|\xc3\xbc)')
  await client.ok('ENABLE UTF8=ACCEPT')
  assert.equal(await get('"Entw\xc3\xbcrfe"'), '* METADATA "Entw\xc3\xbcrfe" (/private/comment "\xc3\xbc")')
})
