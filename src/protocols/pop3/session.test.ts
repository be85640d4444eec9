/** Commands and their replies over a socket: RFC 1939, with the sessions of its §10. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { assertCounters, folderIdOf, messagesIn } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { connectPop3, mail, type Pop3Client, startTestPop3 } from '../../testing/test-pop3.ts'

const t = await startTestPop3()
after(() => t[Symbol.asyncDispose]())
const { platform } = t.test

async function messagesLeft(mailboxId: string): Promise<number> {
  await assertCounters(platform, mailboxId)
  return (await messagesIn(platform, mailboxId, await folderIdOf(platform, mailboxId, 'INBOX'))).length
}

test('the greeting has no timestamp, so that nobody tries APOP', async () => {
  const raw = await connectPop3(t.node.listener.port)
  assert.match(await raw.line(), /^\+OK [^<>]*$/)
  raw.close()
})

describe('the session of RFC 1939 §10', () => {
  test('from the login to the deletion', async () => {
    const one = mail('one', 'x'.repeat(20))
    const two = mail('two', 'y'.repeat(100))
    const box = await t.mailboxWith([one, two])
    const client = await t.connect()
    assert.equal(await client.run(`USER ${box.address}`), '+OK Now the password')
    const total = one.length + two.length
    assert.equal(
      await client.run(`PASS ${box.password}`),
      `+OK The maildrop has 2 messages (${total} octets)`,
    )
    assert.equal(await client.run('STAT'), `+OK 2 ${total}`)
    assert.deepEqual(await client.lines('LIST'), [`1 ${one.length}`, `2 ${two.length}`])
    assert.equal(await client.run('LIST 2'), `+OK 2 ${two.length}`)
    assert.equal(await client.run('LIST 3'), '-ERR No such message')
    assert.equal(await client.run('RETR 1'), `+OK ${one.length} octets`)
    assert.equal(`${(await client.rest()).join('\r\n')}\r\n`, one)
    assert.equal(await client.run('DELE 1'), '+OK Marked as deleted')
    assert.equal(await client.run('DELE 1'), '-ERR No such message')
    assert.equal(await client.run('RETR 1'), '-ERR No such message')
    assert.equal(await client.run('LIST 1'), '-ERR No such message')
    assert.equal(await client.run('UIDL 1'), '-ERR No such message')
    assert.equal(await client.run('TOP 1 0'), '-ERR No such message')
    assert.equal(await client.run('STAT'), `+OK 1 ${two.length}`)
    assert.deepEqual(await client.lines('LIST'), [`2 ${two.length}`])
    assert.equal(await client.run('NOOP'), '+OK Still here')
    assert.equal(await client.run('RSET'), `+OK The maildrop has 2 messages (${total} octets)`)
    assert.equal(await client.run('STAT'), `+OK 2 ${total}`)
    assert.deepEqual(await client.lines('TOP 2 0'), ['From: a@demo.test', 'Subject: two', ''])
    await client.ok('DELE 1')
    assert.equal(await client.run('QUIT'), '+OK Goodbye')
    await client.ended
    assert.equal(await messagesLeft(box.mailboxId), 1)
    const next = await t.logIn(box)
    assert.deepEqual(await next.lines('LIST'), [`1 ${two.length}`])
  })
})

test('an empty maildrop', async () => {
  const client = await t.logIn(await t.mailboxWith([]))
  assert.equal(await client.run('STAT'), '+OK 0 0')
  assert.deepEqual(await client.lines('LIST'), [])
  assert.deepEqual(await client.lines('UIDL'), [])
  assert.equal(await client.run('RETR 1'), '-ERR No such message')
  assert.equal(await client.run('QUIT'), '+OK Goodbye')
})

describe('what may be said when', () => {
  const beforeLogin: [command: string, want: RegExp][] = [
    ['STAT', /^-ERR Log in first$/],
    ['LIST', /^-ERR Log in first$/],
    ['RETR 1', /^-ERR Log in first$/],
    ['DELE 1', /^-ERR Log in first$/],
    ['NOOP', /^-ERR Log in first$/],
    ['RSET', /^-ERR Log in first$/],
    ['TOP 1 1', /^-ERR Log in first$/],
    ['UIDL', /^-ERR Log in first$/],
    ['PASS secret', /^-ERR USER comes first$/],
    ['APOP ann c4c9334bac560ecc979e58001b3e22fb', /^-ERR APOP is not offered; use AUTH$/],
    ['LANG', /^-ERR English/],
    ['LANG en', /^-ERR English/],
    ['AUTH CRAM-MD5', /^-ERR There is no such mechanism$/],
    ['XTND XMIT', /^-ERR Unknown command$/],
    ['', /^-ERR Unknown command$/],
  ]
  const afterLogin: [command: string, want: RegExp][] = [
    ['USER ann', /^-ERR You are logged in already$/],
    ['PASS secret', /^-ERR You are logged in already$/],
    ['AUTH PLAIN', /^-ERR You are logged in already$/],
    ['APOP ann c4c9', /^-ERR You are logged in already$/],
    ['STLS', /^-ERR You are logged in already$/],
    ['UTF8', /^-ERR You are logged in already$/],
    ['RETR', /^-ERR RETR needs a message number$/],
    ['RETR 0', /^-ERR No such message$/],
    ['RETR 4294967297', /^-ERR No such message$/],
    ['RETR -1', /^-ERR RETR needs a message number$/],
    ['TOP 1', /^-ERR TOP needs a number of lines$/],
    ['STAT now', /^-ERR STAT has no argument$/],
  ]
  test('before the login', async () => {
    const client = await t.connect()
    for (const [command, want] of beforeLogin) assert.match(await client.run(command), want, command)
  })
  test('after the login', async () => {
    const client = await t.logIn(await t.mailboxWith([mail('one')]))
    for (const [command, want] of afterLogin) assert.match(await client.run(command), want, command)
  })
})

test('QUIT before the login ends the connection', async () => {
  const client = await t.connect()
  assert.equal(await client.run('quit'), '+OK Goodbye')
  await client.ended
})

test('unique ids stay, and are never used again', async () => {
  const box = await t.mailboxWith([mail('one'), mail('two')])
  const first = await t.logIn(box)
  const before = await first.lines('UIDL')
  assert.equal(before.length, 2)
  for (const line of before) assert.match(line, /^\d [\x21-\x7e]{1,70}$/)
  assert.equal(await first.run('UIDL 2'), `+OK ${before[1]}`)
  await first.ok('DELE 2')
  await first.ok('QUIT')
  await first.ended
  await t.deliver(box, [mail('three')])
  const second = await t.logIn(box)
  const now = await second.lines('UIDL')
  assert.equal(now[0], before[0])
  assert.notEqual(now[1], before[1])
})

test('messages that come during the session are not in it', async () => {
  const box = await t.mailboxWith([mail('one')])
  const client = await t.logIn(box)
  await t.deliver(box, [mail('two')])
  assert.match(await client.run('STAT'), /^\+OK 1 /)
  assert.equal(await client.run('RETR 2'), '-ERR No such message')
})

test('a batch that was sent at once is answered in order', async () => {
  const box = await t.mailboxWith([mail('one'), mail('two'), mail('three')])
  const client = await t.connect()
  client.send(
    `USER ${box.address}\r\nPASS ${box.password}\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nNONSENSE\r\nUIDL 3\r\nQUIT\r\n`,
  )
  const want = [/^\+OK/, /^\+OK The/, /^\+OK 3 /]
  for (const one of want) assert.match(await client.line(), one)
  for (const subject of ['one', 'two']) {
    assert.match(await client.line(), /^\+OK \d+ octets$/)
    assert.equal((await client.rest())[1], `Subject: ${subject}`)
    assert.equal(await client.line(), '+OK Marked as deleted')
  }
  assert.equal(await client.line(), '-ERR Unknown command')
  assert.match(await client.line(), /^\+OK 3 /)
  assert.equal(await client.line(), '+OK Goodbye')
  await client.ended
  assert.equal(await messagesLeft(box.mailboxId), 1)
})

test('a client that closes its side after a batch gets its answers', async () => {
  const box = await t.mailboxWith([mail('one')])
  const client = await t.logIn(box)
  client.send('RETR 1\r\nDELE 1\r\nQUIT\r\n')
  client.end()
  assert.match(await client.line(), /^\+OK/)
  await client.rest()
  assert.equal(await client.line(), '+OK Marked as deleted')
  assert.equal(await client.line(), '+OK Goodbye')
  await client.ended
  assert.equal(await messagesLeft(box.mailboxId), 0)
})

test('without QUIT nothing is deleted', async () => {
  const box = await t.mailboxWith([mail('one')])
  const dropped = await t.logIn(box)
  await dropped.ok('DELE 1')
  dropped.close()
  const ended = await reopened(box)
  assert.match(await ended.run('STAT'), /^\+OK 1 /)
  await ended.ok('DELE 1')
  ended.end() // politely, but without a word
  await ended.ended
  assert.match(await (await reopened(box)).run('STAT'), /^\+OK 1 /)
})

/** The server learns of a closed connection a moment later. */
async function reopened(box: TestMailbox): Promise<Pop3Client> {
  for (let attempt = 0; ; attempt++) {
    const client = await t.connect()
    await client.ok(`USER ${box.address}`)
    const answer = await client.run(`PASS ${box.password}`)
    if (answer.startsWith('+OK')) return client
    assert.match(answer, /^-ERR \[IN-USE\] /)
    assert.ok(attempt < 50)
    client.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
