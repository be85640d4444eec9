/** IDLE, RFC 2177: how it begins and ends. What it tells is in updates.test.ts and notify.test.ts. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

const ends: [line: string, want: RegExp][] = [
  ['DONE', /^OK IDLE/],
  ['done', /^OK IDLE/],
  ['DONE ', /^BAD/],
  ['NOOP', /^BAD/],
  ['b NOOP', /^BAD/],
  ['', /^BAD/],
  ['x'.repeat(70_000), /^BAD/],
]
for (const [line, want] of ends) {
  test(`${JSON.stringify(line.slice(0, 10))} ends IDLE with ${want}, and what follows is a command`, async () => {
    const client = await imap.logIn()
    await client.ok('SELECT INBOX')
    client.send(`a IDLE\r\n${line}\r\nb CHECK\r\n`)
    assert.equal(await client.line(), '+ idling')
    assert.match((await client.answer('a')).tagged, want)
    assert.match((await client.answer('b')).tagged, /^OK/)
  })
}

test('it needs no mailbox, and tells nothing then', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  client.send('a IDLE\r\n')
  assert.equal(await client.line(), '+ idling')
  await (await imap.logIn(mailbox)).append('INBOX', mail('one'))
  client.send('DONE\r\n')
  const { untagged, tagged } = await client.answer('a')
  assert.match(tagged, /^OK/)
  assert.deepEqual(untagged, [])
})

test('it needs a login and takes no argument', async () => {
  const stranger = await imap.connect()
  assert.match((await stranger.run('IDLE')).tagged, /^BAD/)
  const client = await imap.logIn()
  assert.match((await client.run('IDLE now')).tagged, /^BAD/)
})

test('a client that goes away while it idles leaves nothing behind', async () => {
  const client = await imap.logIn()
  await client.ok('SELECT INBOX')
  client.send('a IDLE\r\n')
  assert.equal(await client.line(), '+ idling')
  client.end()
  await client.ended
})
