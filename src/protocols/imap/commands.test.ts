/** Every command's OK, NO and BAD, on a real server: rows of what is sent and what comes back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** Untagged lines in order; a text stands for itself, and null for lines that do not matter here. */
type Row = [command: string, tagged: string | RegExp, untagged?: (string | RegExp)[] | null]

/** Runs the rows one after the other on one connection. */
async function runRows(client: RawClient, rows: readonly Row[]): Promise<void> {
  for (const [command, tagged, untagged = null] of rows) {
    const answer = await client.run(command)
    const seen = `${command} -> ${answer.untagged.join(' | ')} | ${answer.tagged}`
    assertLine(answer.tagged, tagged, seen)
    if (untagged === null) continue
    assert.equal(answer.untagged.length, untagged.length, seen)
    for (const [at, line] of untagged.entries()) assertLine(answer.untagged[at] ?? '', line, seen)
  }
}

function assertLine(line: string, wanted: string | RegExp, message: string): void {
  if (typeof wanted === 'string') assert.ok(line.startsWith(wanted), `${message}\n  wanted ${wanted}`)
  else assert.match(line, wanted, message)
}

describe('before login', () => {
  const rows: Row[] = [
    ['CAPABILITY', 'OK', [/^\* CAPABILITY IMAP4rev1 .* STARTTLS AUTH=SCRAM-SHA-256 AUTH=PLAIN$/]],
    ['NOOP', 'OK', []],
    ['ID NIL', 'OK', ['* ID ("name" "Mailwright")']],
    ['ID ("name" "mutt" "version" NIL)', 'OK', null],
    ['SELECT INBOX', 'BAD'],
    ['LIST "" *', 'BAD'],
    ['FETCH 1 FLAGS', 'BAD'],
    ['CLOSE', 'BAD'],
    ['IDLE', 'BAD', []],
    ['ENABLE CONDSTORE', 'BAD'],
    ['FROBNICATE', 'BAD Unknown command'],
    ['LOGIN one', 'BAD'],
    ['AUTHENTICATE CRAM-MD5', 'NO [CANNOT]'],
    ['AUTHENTICATE PLAIN !!!', 'BAD'],
    ['AUTHENTICATE PLAIN AGE=', 'BAD Malformed'],
    ['AUTHENTICATE PLAIN YgBhAGM=', 'NO [AUTHORIZATIONFAILED]'],
  ]
  test('each command', async () => runRows(await imap.connect(), rows))

  test('AUTHENTICATE PLAIN with a continuation', async () => {
    const client = await imap.connect()
    client.send('a AUTHENTICATE PLAIN\r\n')
    assert.equal(await client.line(), '+ ')
    client.send('*\r\n')
    assert.match((await client.answer('a')).tagged, /^BAD AUTHENTICATE cancelled/)
    client.send('b AUTHENTICATE PLAIN\r\n')
    assert.equal(await client.line(), '+ ')
    client.send(`${plain()}\r\n`)
    assert.match((await client.answer('b')).tagged, /^OK \[CAPABILITY IMAP4rev1 /)
    await runRows(client, [
      ['LOGIN a b', 'BAD Already'],
      ['STARTTLS', 'BAD'],
      ['SELECT INBOX', 'OK'],
    ])
  })

  test('AUTHENTICATE PLAIN with an initial response', async () => {
    const client = await imap.connect()
    await runRows(client, [[`AUTHENTICATE PLAIN ${plain()}`, 'OK [CAPABILITY']])
  })

  test('LOGIN with literals', async () => {
    const client = await imap.connect()
    const { address, password } = imap.mailbox
    client.send(`a LOGIN {${address.length}}\r\n`)
    assert.match(await client.line(), /^\+ /)
    client.send(`${address} {${password.length}+}\r\n${password}\r\n`)
    assert.match((await client.answer('a')).tagged, /^OK \[CAPABILITY (?!.*AUTH=)/)
  })
})

function plain(): string {
  return Buffer.from(`\0${imap.mailbox.address}\0${imap.mailbox.password}`).toString('base64')
}

describe('folders', () => {
  const rows: Row[] = [
    ['NAMESPACE', 'OK', ['* NAMESPACE (("" "/")) NIL NIL']],
    ['ENABLE X-UNKNOWN IDLE', 'OK', ['* ENABLED']],
    ['LIST "" ""', 'OK', ['* LIST (\\Noselect) "/" ""']],
    ['LIST "" inbox', 'OK', ['* LIST (\\HasNoChildren) "/" "INBOX"']],
    ['LIST "" "nothing*"', 'OK', []],
    ['CREATE a/b/c', 'OK'],
    ['CREATE a/b/c', 'NO [ALREADYEXISTS]'],
    ['CREATE "a//b"', 'NO [CANNOT]'],
    ['CREATE "x%y"', 'NO [CANNOT]'],
    ['CREATE INBOX', 'NO [ALREADYEXISTS]'],
    ['CREATE Kept/ (USE (\\Archive))', 'NO [USEATTR]'],
    ['CREATE Kept/ (USE (\\Important))', 'NO [USEATTR]'],
    ['CREATE Entw&APw-rfe/', 'OK'],
    ['LIST "" Entw*', 'OK', ['* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"']],
    [
      'LIST "" a*',
      'OK',
      [/HasChildren\) "\/" "a"/, /HasChildren\) "\/" "a\/b"/, /HasNoChildren\) "\/" "a\/b\/c"/],
    ],
    ['LIST a/ %', 'OK', [/"a\/b"$/]],
    ['SUBSCRIBE a/b/c', 'OK'],
    ['SUBSCRIBE nowhere', 'OK'],
    ['LSUB "" nowhere', 'OK', ['* LSUB (\\NonExistent) "/" "nowhere"']],
    ['UNSUBSCRIBE nowhere', 'OK'],
    ['UNSUBSCRIBE nowhere', 'OK'],
    ['LSUB "" nowhere', 'OK', []],
    ['LSUB "" a/%', 'OK', ['* LSUB (\\Noselect) "/" "a/b"']],
    ['LIST (SUBSCRIBED RECURSIVEMATCH) "" a', 'OK', [/"a" \("CHILDINFO" \("SUBSCRIBED"\)\)$/]],
    ['LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES))', 'OK', null],
    ['LIST "" (Sent Trash) RETURN (SUBSCRIBED)', 'OK', [/\\Subscribed \\Sent\) /, /\\Subscribed \\Trash\) /]],
    ['UNSUBSCRIBE a/b/c', 'OK'],
    ['LSUB "" a/*', 'OK', []],
    ['DELETE a/b', 'OK'],
    ['DELETE a/b', 'NO [NONEXISTENT]'],
    ['LIST "" a/%', 'OK', ['* LIST (\\Noselect \\HasChildren) "/" "a/b"']],
    ['DELETE INBOX', 'NO [CANNOT]'],
    ['RENAME a z', 'OK'],
    ['RENAME a z', 'NO [NONEXISTENT]'],
    ['RENAME z Sent', 'NO [ALREADYEXISTS]'],
    ['LIST "" z/*', 'OK', ['* LIST (\\Noselect \\HasChildren) "/" "z/b"', /"z\/b\/c"$/]],
    [
      'STATUS z (MESSAGES RECENT UNSEEN UIDNEXT SIZE DELETED)',
      'OK',
      [/^\* STATUS "z" \(MESSAGES 0 RECENT 0 UNSEEN 0 UIDNEXT 1 SIZE 0 DELETED 0\)$/],
    ],
    ['STATUS z (APPENDLIMIT)', 'OK', ['* STATUS "z" (APPENDLIMIT 52428800)']],
    ['STATUS nowhere (MESSAGES)', 'NO [NONEXISTENT]'],
    ['STATUS z (NONSENSE)', 'BAD'],
    ['SELECT nowhere', 'NO [NONEXISTENT]'],
    ['SELECT z (QRESYNC (1 1))', 'BAD QRESYNC needs ENABLE QRESYNC'],
    ['CREATE &A', 'NO [CANNOT]'],
  ]
  test('each command', async () => runRows(await imap.logIn(await imap.test.createMailbox()), rows))

  test('UIDVALIDITY rises when a name comes back', async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    const uidValidity = async (): Promise<number> => {
      await client.ok('CREATE again')
      const [line = ''] = await client.ok('STATUS again (UIDVALIDITY)')
      await client.ok('DELETE again')
      return Number(/\d+/.exec(line)?.[0])
    }
    const first = await uidValidity()
    const second = await uidValidity()
    assert.ok(second > first, `${first} then ${second}`)
    assert.ok((await uidValidity()) > second)
  })
})

describe('messages', () => {
  const rows: Row[] = [
    ['CHECK', 'BAD Select'],
    [
      'EXAMINE INBOX',
      'OK [READ-ONLY]',
      [
        /^\* FLAGS/,
        '* OK [PERMANENTFLAGS ()]',
        '* 3 EXISTS',
        '* 3 RECENT',
        '* OK [UNSEEN 1]',
        /UIDVALIDITY/,
        '* OK [UIDNEXT 4]',
        '* OK [HIGHESTMODSEQ 4]',
        /MAILBOXID/,
      ],
    ],
    ['STORE 1 +FLAGS (\\Seen)', 'NO [READ-ONLY]'],
    ['EXPUNGE', 'NO [READ-ONLY]'],
    ['MOVE 1 Trash', 'NO [READ-ONLY]'],
    ['FETCH 1 BODY[TEXT]', 'OK', ['* 1 FETCH (BODY[TEXT] {7}', 'Hello', ')']],
    [
      'SELECT INBOX',
      'OK [READ-WRITE]',
      [
        '* OK [CLOSED]',
        /FLAGS/,
        /\\\*\)\]/,
        '* 3 EXISTS',
        '* 3 RECENT',
        /UNSEEN 1/,
        /UIDV/,
        /UIDN/,
        /HIGHEST/,
        /MAILBOXID/,
      ],
    ],
    [
      'EXAMINE INBOX',
      'OK',
      [
        '* OK [CLOSED]',
        /FLAGS/,
        /PERM/,
        '* 3 EXISTS',
        '* 0 RECENT',
        /UNSEEN/,
        /UIDV/,
        /UIDN/,
        /HIGHEST/,
        /MAILBOXID/,
      ],
    ],
    ['SELECT INBOX', 'OK', null],
    ['CHECK', 'OK', []],
    ['FETCH 4 FLAGS', 'BAD No such message'],
    ['FETCH 1 (FLAGS', 'BAD'],
    ['FETCH $ FLAGS', 'OK', []],
    ['FETCH 3,1 UID', 'OK', ['* 1 FETCH (UID 1)', '* 3 FETCH (UID 3)']],
    ['UID FETCH 3:* FLAGS', 'OK', ['* 3 FETCH (UID 3 FLAGS ()']],
    ['UID FETCH 9:20 FLAGS', 'OK', []],
    ['STORE 1 FLAGS (\\Seen one)', 'OK', [/^\* FLAGS .* one\)$/, '* 1 FETCH (FLAGS (\\Seen one))']],
    ['STORE 1 +FLAGS.SILENT (two)', 'OK', []],
    ['UID STORE 1 -FLAGS (one)', 'OK', [/^\* FLAGS .* two\)$/, '* 1 FETCH (UID 1 FLAGS (\\Seen two))']],
    ['STORE 1 +FLAGS (\\Nonsense)', 'BAD'],
    [`STORE 1 +FLAGS (${'k'.repeat(101)})`, 'NO [LIMIT]'],
    ['STORE 7 FLAGS (\\Seen)', 'BAD'],
    ['SEARCH SEEN', 'OK', ['* SEARCH 1']],
    ['SEARCH KEYWORD nothing', 'OK', ['* SEARCH']],
    ['UID SEARCH RETURN (MIN MAX COUNT) ALL', 'OK', [/^\* ESEARCH \(TAG "t\d+"\) UID MIN 1 MAX 3 COUNT 3$/]],
    ['SEARCH RETURN () 2:*', 'OK', [/^\* ESEARCH \(TAG "t\d+"\) ALL 2:3$/]],
    ['SEARCH RETURN (SAVE) 2:*', 'OK', []],
    ['SEARCH UID $', 'OK', ['* SEARCH 2 3']],
    ['SORT (ARRIVAL) UTF-8 $', 'OK', ['* SORT 2 3']],
    ['SORT (ARRIVAL) ALL', 'BAD'],
    ['THREAD REFERENCES UTF-8 2', 'OK', ['* THREAD (2)']],
    ['THREAD JWZ UTF-8 ALL', 'BAD'],
    ['CANCELUPDATE "none"', 'NO [CLIENTBUG]'],
    ['SEARCH CHARSET KLINGON ALL', 'NO [BADCHARSET'],
    ['SEARCH', 'BAD'],
    ['COPY 1 nowhere', 'NO [TRYCREATE]'],
    ['COPY 9 Sent', 'BAD'],
    ['COPY 1:2 Sent', /^OK \[COPYUID \d+ 1:2 1:2\]/, []],
    ['UID COPY 99 Sent', 'OK COPY completed', []],
    ['MOVE 1 nowhere', 'NO [TRYCREATE]'],
    ['UID MOVE 2 Trash', 'OK', [/^\* OK \[COPYUID \d+ 2 1\]/, '* 2 EXPUNGE']],
    ['STORE 1:2 +FLAGS.SILENT (\\Deleted)', 'OK', []],
    ['UID EXPUNGE 3', 'OK', ['* 2 EXPUNGE']],
    ['EXPUNGE', 'OK', ['* 1 EXPUNGE']],
    ['FETCH 1:* FLAGS', 'OK', []],
    ['COPY 1:* Sent', 'OK COPY completed', []],
    ['UNSELECT', 'OK', []],
    ['FETCH 1 FLAGS', 'BAD'],
    ['SELECT Sent', 'OK', null],
    ['STORE 1 +FLAGS.SILENT (\\Deleted)', 'OK', []],
    ['UNSELECT', 'OK', []],
    ['STATUS Sent (MESSAGES DELETED)', 'OK', ['* STATUS "Sent" (MESSAGES 2 DELETED 1)']],
    ['SELECT Sent', 'OK', null],
    ['CLOSE', 'OK', []],
    ['STATUS Sent (MESSAGES DELETED)', 'OK', ['* STATUS "Sent" (MESSAGES 1 DELETED 0)']],
    ['SELECT Sent', 'OK', null],
    ['DELETE Sent', 'OK', ['* OK [CLOSED]']],
    ['CHECK', 'BAD'],
    ['LOGOUT', 'OK', ['* BYE']],
  ]
  test('each command', async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    for (const subject of ['one', 'two', 'three'])
      assert.match(await client.append('INBOX', mail(subject)), /^OK/)
    await runRows(client, rows)
    await client.ended
  })

  test('a folder that cannot be selected leaves none selected', async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    await runRows(client, [
      ['SELECT INBOX', 'OK'],
      ['SELECT nowhere', 'NO [NONEXISTENT]', ['* OK [CLOSED]']],
      ['CHECK', 'BAD Select'],
    ])
  })

  test('RENAME of INBOX moves its messages away', async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    await client.append('INBOX', mail('one'))
    await runRows(client, [
      ['SELECT INBOX', 'OK', null],
      ['RENAME INBOX Old', 'OK', ['* 1 EXPUNGE']],
      ['STATUS Old (MESSAGES)', 'OK', ['* STATUS "Old" (MESSAGES 1)']],
      ['STATUS INBOX (MESSAGES)', 'OK', ['* STATUS "INBOX" (MESSAGES 0)']],
    ])
  })

  test('a body sets \\Seen and tells so once', async () => {
    const client = await imap.logIn(await imap.test.createMailbox())
    await client.append('INBOX', mail('one'))
    await runRows(client, [
      ['SELECT INBOX', 'OK', null],
      ['FETCH 1 BODY.PEEK[TEXT]<0.5>', 'OK', ['* 1 FETCH (BODY[TEXT]<0> {5}', 'Hello)']],
      ['FETCH 1 BODY[TEXT]<0.5>', 'OK', ['* 1 FETCH (BODY[TEXT]<0> {5}', 'Hello FLAGS (\\Seen \\Recent))']],
      ['NOOP', 'OK', []],
      ['FETCH 1 BODY[TEXT]<0.5>', 'OK', ['* 1 FETCH (BODY[TEXT]<0> {5}', 'Hello)']],
      ['STATUS INBOX (UNSEEN)', 'OK', ['* STATUS "INBOX" (UNSEEN 0)']],
    ])
  })
})
