/** Two sessions on one folder: what each is told of the other's changes, and when. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** Two sessions that have selected an INBOX of `count` messages. */
async function twoSessions(count: number): Promise<[RawClient, RawClient]> {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  const two = await imap.logIn(mailbox)
  for (let at = 1; at <= count; at++) await one.append('INBOX', mail(`message ${at}`))
  await one.ok('SELECT INBOX')
  await two.ok('SELECT INBOX')
  return [one, two]
}

test('flags of another session', async () => {
  const [one, two] = await twoSessions(2)
  await one.ok('STORE 2 +FLAGS (\\Flagged)')
  assert.deepEqual(await two.ok('NOOP'), ['* 2 FETCH (FLAGS (\\Flagged))'])
  assert.deepEqual(await two.ok('NOOP'), [])
  assert.deepEqual(await one.ok('NOOP'), [])
})

test('after .SILENT the changes that came between are told', async () => {
  const [one, two] = await twoSessions(1)
  await one.ok('STORE 1 +FLAGS.SILENT (\\Flagged)')
  assert.deepEqual(await two.ok('STORE 1 +FLAGS.SILENT (\\Seen)'), ['* 1 FETCH (FLAGS (\\Flagged \\Seen))'])
})

test('new mail is told with the next answer', async () => {
  const [one, two] = await twoSessions(1)
  await one.append('INBOX', mail('new'))
  const lines = await two.ok('FETCH 1 UID')
  assert.deepEqual(lines.slice(0, 2), ['* 1 FETCH (UID 1)', '* 2 EXISTS'])
})

test('an EXPUNGE waits while numbers are in use', async () => {
  const [one, two] = await twoSessions(4)
  await one.ok('STORE 1,3 +FLAGS.SILENT (\\Deleted)')
  await two.ok('NOOP')
  assert.deepEqual(await one.ok('EXPUNGE'), ['* 3 EXPUNGE', '* 1 EXPUNGE'])
  const fetched = await two.run('FETCH 1:4 UID')
  assert.deepEqual(fetched.untagged, ['* 2 FETCH (UID 2)', '* 4 FETCH (UID 4)'])
  assert.match(fetched.tagged, /^OK \[EXPUNGEISSUED\]/)
  assert.deepEqual(await two.ok('STORE 4 +FLAGS (\\Seen)'), ['* 4 FETCH (FLAGS (\\Seen))'])
  assert.deepEqual(await two.ok('SEARCH ALL'), ['* SEARCH 2 4'])
  assert.deepEqual(await one.ok('UID SEARCH ALL'), ['* SEARCH 2 4', '* 2 FETCH (FLAGS (\\Seen \\Recent))'])
  assert.deepEqual(await two.ok('UID FETCH 4 UID'), ['* 4 FETCH (UID 4)', '* 3 EXPUNGE', '* 1 EXPUNGE'])
  assert.deepEqual(await two.ok('FETCH 1:* UID'), ['* 1 FETCH (UID 2)', '* 2 FETCH (UID 4)'])
})

test('new mail while an EXPUNGE waits counts the expunged', async () => {
  const [one, two] = await twoSessions(2)
  await one.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await two.ok('NOOP')
  await one.ok('EXPUNGE')
  await one.append('INBOX', mail('new'))
  const { untagged } = await two.run('FETCH 2 UID')
  assert.deepEqual(untagged.slice(0, 2), ['* 2 FETCH (UID 2)', '* 3 EXISTS'])
  assert.deepEqual(await two.ok('NOOP'), ['* 1 EXPUNGE'])
  assert.deepEqual(await two.ok('FETCH 1:* UID'), ['* 1 FETCH (UID 2)', '* 2 FETCH (UID 3)'])
})

test('a message that came and went is not told of', async () => {
  const [one, two] = await twoSessions(1)
  await one.append('INBOX', mail('short'), '(\\Deleted) ')
  await one.ok('EXPUNGE')
  assert.deepEqual(await two.ok('NOOP'), [])
  await one.append('INBOX', mail('long'))
  assert.equal((await two.ok('NOOP'))[0], '* 2 EXISTS')
  assert.deepEqual(await two.ok('UID FETCH 1:* UID'), ['* 1 FETCH (UID 1)', '* 2 FETCH (UID 3)'])
})

test('a message is recent for one session', async () => {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  const two = await imap.logIn(mailbox)
  await one.append('INBOX', mail('one'))
  assert.ok((await one.ok('SELECT INBOX')).includes('* 1 RECENT'))
  assert.ok((await two.ok('SELECT INBOX')).includes('* 0 RECENT'))
  assert.deepEqual(await two.ok('FETCH 1 FLAGS'), ['* 1 FETCH (FLAGS ())'])
  assert.deepEqual(await one.ok('SEARCH RECENT'), ['* SEARCH 1'])
})

test('IDLE tells at once, and its EXPUNGEs come right away', async () => {
  const [one, two] = await twoSessions(2)
  two.send('i IDLE\r\n')
  assert.match(await two.line(), /^\+ /)
  await one.append('INBOX', mail('new'))
  assert.equal(await two.line(), '* 3 EXISTS')
  assert.match(await two.line(), /RECENT$/)
  await one.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  assert.equal(await two.line(), '* 1 FETCH (FLAGS (\\Deleted))')
  await one.ok('EXPUNGE')
  assert.equal(await two.line(), '* 1 EXPUNGE')
  two.send('done\r\n')
  assert.match((await two.answer('i')).tagged, /^OK/)
})

test('IDLE begins with what happened before it', async () => {
  const [one, two] = await twoSessions(1)
  await one.append('INBOX', mail('new'))
  two.send('i IDLE\r\n')
  assert.match(await two.line(), /^\+ /)
  assert.equal(await two.line(), '* 2 EXISTS')
})

test('many deliveries wake IDLE a few times', async () => {
  const [one, two] = await twoSessions(0)
  two.send('i IDLE\r\n')
  await two.line()
  const message = mail('new')
  for (let at = 0; at < 50; at++) one.send(`n${at} APPEND INBOX {${message.length}+}\r\n${message}\r\n`)
  for (let line = ''; !line.startsWith('* 50 EXISTS'); ) line = await two.line()
  two.send('DONE\r\n')
  assert.match((await two.answer('i')).tagged, /^OK/)
})

test('other input ends IDLE with BAD', async () => {
  const [one] = await twoSessions(0)
  one.send('i IDLE\r\n')
  await one.line()
  one.send('a NOOP\r\n')
  assert.match((await one.answer('i')).tagged, /^BAD Expected DONE/)
  await one.ok('NOOP')
})

test('IDLE outside a folder, with DONE sent ahead', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  client.send('i IDLE\r\nDONE\r\nn NOOP\r\n')
  assert.deepEqual((await client.answer('i')).untagged, ['+ idling'])
  assert.match((await client.answer('n')).tagged, /^OK/)
})

test('a folder that another session deletes ends the session', async () => {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  const two = await imap.logIn(mailbox)
  await one.ok('CREATE gone')
  await two.ok('SELECT gone')
  await one.ok('DELETE gone')
  two.send('a NOOP\r\n')
  await two.answer('a')
  assert.match(await two.line(), /^\* BYE The selected mailbox was deleted/)
  await two.ended
})

test('a renamed folder stays selected', async () => {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  const two = await imap.logIn(mailbox)
  await one.ok('CREATE before')
  await two.ok('SELECT before')
  await one.ok('RENAME before after')
  await one.append('after', mail('one'))
  assert.equal((await two.ok('NOOP'))[0], '* 1 EXISTS')
})

test('MOVE within a folder gives a new UID', async () => {
  const [one] = await twoSessions(2)
  const { untagged } = await one.run('MOVE 1 INBOX')
  assert.match(untagged[0] ?? '', /^\* OK \[COPYUID \d+ 1 3\]/)
  assert.deepEqual(untagged.slice(1, 3), ['* 1 EXPUNGE', '* 2 EXISTS'])
  assert.deepEqual(await one.ok('FETCH 1:* UID'), ['* 1 FETCH (UID 2)', '* 2 FETCH (UID 3)'])
})

test('sessions that store at once agree in the end', async () => {
  const [one, two] = await twoSessions(3)
  for (const [at, client] of [one, two].entries()) {
    for (const sequence of [1, 2, 3]) client.send(`s${sequence} STORE ${sequence} +FLAGS (word${at})\r\n`)
  }
  await Promise.all([one.answer('s3'), two.answer('s3')])
  for (const client of [one, two]) {
    await client.ok('NOOP')
    for (const line of await client.ok('FETCH 1:* FLAGS')) {
      assert.match(line, /word0/)
      assert.match(line, /word1/)
    }
  }
})
