/** RETR and TOP: the bytes of every kind of message, UTF-8 (RFC 6856), \Seen, and other sessions at work meanwhile. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { changeFlags, expungeMessages } from '../../messages/changes.ts'
import { flagBits } from '../../messages/flags.ts'
import { transaction } from '../../platform/database.ts'
import { assertCounters, eventsOf, folderIdOf, messagesIn } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { mail, startTestPop3, type TestPop3 } from '../../testing/test-pop3.ts'

let t: TestPop3
before(async () => {
  t = await startTestPop3()
})
after(() => t[Symbol.asyncDispose]())

async function inbox(box: TestMailbox) {
  const folderId = await folderIdOf(t.test.platform, box.mailboxId, 'INBOX')
  return { folderId, messages: await messagesIn(t.test.platform, box.mailboxId, folderId) }
}

const long = `${'0123456789'.repeat(7)}\r\n`.repeat(20_000)
const messages: [what: string, raw: string | Buffer, got?: string][] = [
  ['a small one', mail('one')],
  ['dots at the start of lines', 'S: 1\r\n\r\n.\r\n..\r\n.hidden\r\na.b\r\n.\r\n'],
  ['a dot as the first byte', '.S: 1\r\n\r\nx\r\n'],
  ['a header alone', 'S: 1\r\n'],
  ['no line end at the end', 'S: 1\r\n\r\nlast', 'S: 1\r\n\r\nlast\r\n'],
  ['line ends of LF', 'S: 1\n\nbody\n', 'S: 1\n\nbody\n\r\n'],
  ['LF and a dot', 'S: 1\n\n.\nbody\r\n'],
  ['NUL and all bytes', `${Buffer.from(Array.from({ length: 256 }, (_, at) => at)).toString('latin1')}\r\n`],
  ['empty lines at the end', 'S: 1\r\n\r\nx\r\n\r\n\r\n'],
  ['several chunks', `S: 1\r\n\r\n${long}.${long}`],
  ['dots at the borders of chunks', `S: 1\r\n\r\n${'.\r\n'.repeat(200_000)}`],
]

describe('RETR gives the bytes that were stored', () => {
  for (const [what, raw, got = raw.toString('latin1')] of messages) {
    test(what, async () => {
      const bytes = Buffer.from(raw.toString('latin1'), 'latin1')
      const box = await t.mailboxWith([bytes])
      const client = await t.logIn(box)
      assert.equal(await client.run('LIST 1'), `+OK 1 ${bytes.length}`)
      assert.equal(await client.run('RETR 1'), `+OK ${bytes.length} octets`)
      assert.equal(asLfClientReads((await client.rest()).join('\r\n')), `${got.slice(0, -2)}`)
      assert.equal(await client.run('NOOP'), '+OK Still here')
    })
  }
})

/** The client of these tests splits at CRLF; one that splits at LF drops the second dot there, too. */
function asLfClientReads(text: string): string {
  return text.replaceAll(/(?<!\r)\n\./g, '\n')
}

const top = 'A: 1\r\nB: 2\r\n\r\none\r\n.two\r\n\r\nfour\r\n'
const tops: [lines: number, want: string[]][] = [
  [0, ['A: 1', 'B: 2', '']],
  [1, ['A: 1', 'B: 2', '', 'one']],
  [2, ['A: 1', 'B: 2', '', 'one', '.two']],
  [99, ['A: 1', 'B: 2', '', 'one', '.two', '', 'four']],
]
test('TOP', async () => {
  const box = await t.mailboxWith([top, 'A: 1\r\nno blank line'])
  const client = await t.logIn(box)
  for (const [lines, want] of tops) assert.deepEqual(await client.lines(`TOP 1 ${lines}`), want)
  assert.deepEqual(await client.lines('TOP 2 0'), ['A: 1', 'no blank line'])
  await client.ok('QUIT')
  assert.deepEqual(
    (await inbox(box)).messages.map(({ flags }) => flags),
    [0, 0],
    'TOP leaves a message unseen',
  )
})

describe('\\Seen', () => {
  test('comes with RETR at the end of the session, in one change', async () => {
    const box = await t.mailboxWith([mail('one'), mail('two'), mail('three')])
    const client = await t.logIn(box)
    for (const number of [1, 3, 3]) await client.lines(`RETR ${number}`)
    await client.ok('QUIT')
    const { messages } = await inbox(box)
    assert.deepEqual(
      messages.map(({ flags }) => flags),
      [flagBits.seen, 0, flagBits.seen],
    )
    const changes = (await eventsOf(t.test.platform, box.mailboxId)).filter(
      ({ type }) => type === 'message.flags_changed',
    )
    assert.equal(changes.length, 1)
    await assertCounters(t.test.platform, box.mailboxId)
  })

  test('also when the connection breaks off', async () => {
    const box = await t.mailboxWith([mail('one')])
    const client = await t.logIn(box)
    await client.lines('RETR 1')
    await client.ok('DELE 1')
    client.close()
    for (let attempt = 0; ; attempt++) {
      const { messages } = await inbox(box)
      assert.equal(messages.length, 1)
      if (messages[0]?.flags === flagBits.seen) break
      assert.ok(attempt < 100, 'it never became seen')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
})

describe('while IMAP is at work in the same folder', () => {
  test('what was expunged cannot be retrieved, and QUIT deletes what is left', async () => {
    const { platform } = t.test
    const box = await t.mailboxWith([mail('one'), mail('two'), mail('three')])
    const client = await t.logIn(box)
    const { folderId, messages } = await inbox(box)
    await client.ok('DELE 1')
    await client.ok('DELE 3')
    await transaction(platform.db, (tx) =>
      expungeMessages(platform, tx, box.owner, folderId, [messages[1]?.uid ?? 0, messages[2]?.uid ?? 0]),
    )
    assert.equal(await client.run('RETR 2'), '-ERR The message is not there any more')
    assert.equal(await client.run('TOP 2 1'), '-ERR The message is not there any more')
    assert.match(await client.run('STAT'), /^\+OK 1 /)
    assert.equal(await client.run('QUIT'), '+OK Goodbye')
    assert.deepEqual((await inbox(box)).messages, [])
    await assertCounters(platform, box.mailboxId)
    const expunged = (await eventsOf(platform, box.mailboxId)).filter(
      ({ type }) => type === 'message.expunged',
    )
    assert.deepEqual(
      expunged.map(({ data }) => (data as { count: number }).count),
      [2, 1],
    )
  })

  test('flags may change, and nothing is lost', async () => {
    const { platform } = t.test
    const box = await t.mailboxWith([mail('one')])
    const client = await t.logIn(box)
    const { folderId } = await inbox(box)
    const change = { mode: 'add', flags: flagBits.flagged, keywords: ['$Work'] } as const
    await transaction(platform.db, (tx) =>
      changeFlags(platform, tx, box.owner, folderId, [{ first: 1, last: 9 }], change),
    )
    await client.lines('RETR 1')
    await client.ok('QUIT')
    const [message] = (await inbox(box)).messages
    assert.equal(message?.flags, flagBits.flagged | flagBits.seen)
    assert.deepEqual(message?.keywords, ['$Work'])
  })
})

describe('UTF-8', () => {
  const international = Buffer.from(
    'From: Grüße <grüße@demo.test>\r\nTo: ann@demo.test\r\nSubject: Übung\r\n\r\nKörper\r\n',
  )
  const utf8 = (lines: string[]): string => Buffer.from(lines.join('\r\n'), 'latin1').toString()

  test('a client that said UTF8 gets the message as it is', async () => {
    const box = await t.mailboxWith([international])
    const client = await t.connect()
    assert.equal(await client.run('UTF8'), '+OK UTF-8 it is')
    await client.ok(`USER ${box.address}`)
    await client.ok(`PASS ${box.password}`)
    assert.equal(await client.run('RETR 1'), `+OK ${international.length} octets`)
    assert.equal(`${utf8(await client.rest())}\r\n`, international.toString())
  })

  test('a client that did not gets a header in ASCII', async () => {
    const client = await t.logIn(await t.mailboxWith([international]))
    const lines = await client.lines('RETR 1')
    const header = lines.slice(0, lines.indexOf(''))
    assert.deepEqual(header, [
      'From: =?UTF-8?B?R3LDvMOfZSBncsO8w59lQGRlbW8udGVzdA==?= <invalid@internationalized-address.invalid>',
      'To: ann@demo.test',
      'Subject: =?UTF-8?B?w5xidW5n?=',
    ])
    assert.equal(utf8(lines.slice(-1)), 'Körper')
    assert.deepEqual(await client.lines('TOP 1 0'), [...header, ''])
  })

  test('the size that RETR says is the size that it sends', async () => {
    const client = await t.logIn(await t.mailboxWith([international]))
    const octets = Number(/\d+/.exec(await client.ok('RETR 1'))?.[0])
    assert.equal(
      (await client.rest()).map((line) => line.length + 2).reduce((a, b) => a + b),
      octets,
    )
  })

  test('8-bit text that is no UTF-8 stays as it came', async () => {
    const raw = Buffer.from('Subject: \xdcbung\r\n\r\nK\xf6rper\r\n', 'latin1')
    const client = await t.logIn(await t.mailboxWith([raw]))
    assert.equal(`${(await client.lines('RETR 1')).join('\r\n')}\r\n`, raw.toString('latin1'))
  })

  test('a header that is too long to be rewritten is refused', async () => {
    const raw = `Subject: Übung\r\n${'X: y\r\n'.repeat(50_000)}\r\nbody\r\n`
    const box = await t.mailboxWith([raw])
    const client = await t.logIn(box)
    for (const command of ['RETR 1', 'TOP 1 0']) {
      assert.equal(await client.run(command), '-ERR [UTF8] The message needs UTF8')
    }
    await client.ok('QUIT')
    assert.equal((await inbox(box)).messages[0]?.flags, 0)
  })
})
