/** ENABLE (RFC 9051 §6.3.1), and what IMAP4rev2 and UTF8=ACCEPT change of the selected folder. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function client(): Promise<RawClient> {
  return await imap.logIn(await imap.test.createMailbox())
}

/** One after the other in one session. */
const enables: [asked: string, listed: string][][] = [
  [
    ['CONDSTORE', '* ENABLED CONDSTORE'],
    ['condstore qresync', '* ENABLED QRESYNC'],
  ],
  [
    ['QRESYNC', '* ENABLED QRESYNC'],
    ['CONDSTORE', '* ENABLED'],
  ],
  [
    ['QRESYNC CONDSTORE', '* ENABLED CONDSTORE QRESYNC'],
    ['QRESYNC', '* ENABLED'],
  ],
  [['utf8=accept X-GOOD-IDEA IDLE', '* ENABLED UTF8=ACCEPT']],
  [
    ['IMAP4rev2', '* ENABLED IMAP4rev2'],
    ['imap4REV2', '* ENABLED'],
  ],
  [['X-GOOD-IDEA', '* ENABLED']],
]
for (const steps of enables) {
  test(`ENABLE ${steps.map(([asked]) => asked).join(', then ')}`, async () => {
    const session = await client()
    const before = await session.ok('CAPABILITY')
    for (const [asked, listed] of steps) assert.deepEqual(await session.ok(`ENABLE ${asked}`), [listed])
    assert.deepEqual(await session.ok('CAPABILITY'), before)
  })
}

test('ENABLE needs a login and an argument', async () => {
  const session = await imap.connect()
  assert.match((await session.run('ENABLE CONDSTORE')).tagged, /^BAD/)
  assert.match((await (await client()).run('ENABLE')).tagged, /^BAD/)
})

test('SELECT of IMAP4rev1 has RECENT and UNSEEN, that of IMAP4rev2 has LIST', async () => {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  await one.append('INBOX', mail('seen'), '(\\Seen) ')
  await one.append('INBOX', mail('unseen'))
  const two = await imap.logIn(mailbox)
  await two.ok('ENABLE IMAP4rev2')
  const names = (lines: readonly string[]) =>
    lines.map((line) =>
      line.replace(/\(F[0-9a-f-]{36}\)/, '(F...)').replace(/UIDVALIDITY \d+/, 'UIDVALIDITY n'),
    )
  const flags = '\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing'
  const common = [
    '* OK [UIDVALIDITY n] UIDs are valid',
    '* OK [UIDNEXT 3] The next UID',
    '* OK [HIGHESTMODSEQ 3] The highest MODSEQ',
    '* OK [MAILBOXID (F...)] Ok',
  ]
  assert.deepEqual(names(await two.ok('SELECT INBOX')), [
    `* FLAGS (${flags})`,
    `* OK [PERMANENTFLAGS (${flags} \\*)] Any keyword may be used`,
    '* 2 EXISTS',
    '* LIST () "/" "INBOX"',
    ...common,
  ])
  assert.deepEqual(await two.ok('FETCH 2 FLAGS'), ['* 2 FETCH (FLAGS ())'])
  assert.deepEqual(names(await one.ok('EXAMINE INBOX')), [
    `* FLAGS (${flags})`,
    '* OK [PERMANENTFLAGS ()] Read-only',
    '* 2 EXISTS',
    '* 2 RECENT',
    '* OK [UNSEEN 2] The first unseen message',
    ...common,
  ])
  await one.append('INBOX', mail('new'))
  assert.deepEqual(await two.ok('NOOP'), ['* 3 EXISTS'])
  assert.ok((await one.ok('SELECT INBOX')).includes('* 3 RECENT'), 'a session of IMAP4rev2 takes none')
})

test('IMAP4rev2 that is enabled with a mailbox selected ends \\Recent there', async () => {
  const session = await client()
  await session.append('INBOX', mail('one'))
  await session.ok('SELECT INBOX')
  assert.deepEqual(await session.ok('FETCH 1 FLAGS'), ['* 1 FETCH (FLAGS (\\Recent))'])
  await session.ok('ENABLE IMAP4rev2')
  assert.deepEqual(await session.ok('FETCH 1 FLAGS'), ['* 1 FETCH (FLAGS ())'])
})

test('LIST in SELECT: special use, UTF-8, and the name as it was given', async () => {
  const session = await client()
  const rev1 = await session.ok('SELECT Sent')
  assert.ok(!rev1.some((line) => line.startsWith('* LIST')))
  await session.ok('ENABLE IMAP4rev2')
  const listed = async (name: string) =>
    (await session.ok(`SELECT ${name}`))
      .filter((line) => line.startsWith('* LIST'))
      .map((line) => Buffer.from(line, 'latin1').toString())
  assert.deepEqual(await listed('Sent'), ['* LIST (\\Sent) "/" "Sent"'])
  assert.deepEqual(await listed('inbox'), ['* LIST () "/" "INBOX"'])
  const wire = (name: string) => `"${Buffer.from(name).toString('latin1')}"`
  await session.ok(`CREATE ${wire('Mäuse')}`)
  assert.deepEqual(await listed(wire('Mäuse')), ['* LIST () "/" "Mäuse"'])
  const decomposed = 'Mäuse'.normalize('NFD')
  assert.deepEqual(await listed(wire(decomposed)), [`* LIST () "/" "Mäuse" ("OLDNAME" ("${decomposed}"))`])
})

test('names are UTF-8 once UTF8=ACCEPT is enabled', async () => {
  const session = await client()
  await session.ok('CREATE "M&AOQ-use"')
  assert.ok((await session.ok('LIST "" *')).some((line) => line.endsWith('"M&AOQ-use"')))
  await session.ok('ENABLE UTF8=ACCEPT')
  const wire = Buffer.from('"Mäuse"').toString('latin1')
  assert.ok((await session.ok('LIST "" *')).some((line) => line.endsWith(wire)))
  await session.ok(`SELECT ${wire}`)
  assert.equal((await session.ok(`STATUS ${wire} (MESSAGES)`))[0], `* STATUS ${wire} (MESSAGES 0)`)
})

test('MAILBOXID is the same wherever it is told', async () => {
  const session = await client()
  const created = await session.run('CREATE box')
  const [, id = ''] = /\[MAILBOXID \((F[0-9a-f-]{36})\)\]/.exec(created.tagged) ?? []
  assert.notEqual(id, '')
  assert.ok((await session.ok('SELECT box')).includes(`* OK [MAILBOXID (${id})] Ok`))
  assert.deepEqual(await session.ok('STATUS box (MAILBOXID)'), [`* STATUS "box" (MAILBOXID (${id}))`])
  await session.ok('RENAME box other')
  assert.ok((await session.ok('EXAMINE other')).includes(`* OK [MAILBOXID (${id})] Ok`))
})

const keywordsTold: [what: string, command: string][] = [
  ['news', 'NOOP'],
  ['a FETCH of FLAGS', 'FETCH 1 FLAGS'],
  ['a FETCH of more', 'FETCH 1 (FLAGS ENVELOPE)'],
  ['a STORE', 'STORE 1 +FLAGS (\\Seen)'],
]
for (const [what, command] of keywordsTold) {
  test(`a keyword that is new to the client is told of before ${what}`, async () => {
    const mailbox = await imap.test.createMailbox()
    const [one, two] = [await imap.logIn(mailbox), await imap.logIn(mailbox)]
    await one.append('INBOX', mail('one'), '(first) ')
    assert.match((await one.ok('SELECT INBOX'))[0] ?? '', /^\* FLAGS .* first\)$/)
    assert.match((await two.ok('SELECT INBOX'))[1] ?? '', /PERMANENTFLAGS .* first \\\*\)/)
    await one.ok('STORE 1 +FLAGS.SILENT (Second FIRST)')
    const lines = await two.ok(command)
    assert.match(lines[0] ?? '', /^\* FLAGS .* first Second\)$/)
    assert.match(lines[1] ?? '', /^\* 1 FETCH .*FLAGS \(.*first Second.*\)/)
    assert.ok(!(await two.ok('FETCH 1 FLAGS')).some((line) => line.startsWith('* FLAGS')), 'it is told once')
  })
}

const partials: [command: string, sequences: number[]][] = [
  ['UID FETCH 1:* UID (PARTIAL -1:-3)', [8, 9, 10]],
  ['UID FETCH 1:* UID (PARTIAL -3:-1)', [8, 9, 10]],
  ['UID FETCH 1:* UID (PARTIAL 1:5)', [1, 2, 3, 4, 5]],
  ['UID FETCH 2,4,6,8 (UID FLAGS) (PARTIAL 2:3)', [4, 6]],
  ['UID FETCH 2,4,6,8 BODYSTRUCTURE (PARTIAL -1:-1)', [8]],
  ['UID FETCH 1:* UID (PARTIAL 9:20)', [9, 10]],
  ['UID FETCH 1:* UID (PARTIAL 11:20)', []],
  ['UID FETCH 1:* UID (PARTIAL -30:-8)', [1, 2, 3]],
  // First the last four, and of them those that changed.
  ['UID FETCH 1:* UID (PARTIAL -1:-4 CHANGEDSINCE 9)', [9, 10]],
  ['UID FETCH 1:* UID (CHANGEDSINCE 10 PARTIAL 1:5)', []],
]
test('UID FETCH with PARTIAL', async (t) => {
  const session = await client()
  for (let at = 0; at < 10; at++) await session.append('INBOX', mail('one'))
  await session.ok('SELECT INBOX')
  for (const [command, sequences] of partials) {
    await t.test(command, async () => {
      const lines = (await session.ok(command)).filter((line) => line.includes('FETCH'))
      assert.deepEqual(
        lines.map((line) => Number(line.split(' ')[1])),
        sequences,
      )
    })
  }
  assert.match((await session.run('FETCH 1:* UID (PARTIAL 1:2)')).tagged, /^BAD/)
})

test('STATUS counts what is marked', async () => {
  const session = await client()
  for (const flags of ['', '(\\Deleted) ', '(\\Deleted \\Seen) '])
    await session.append('INBOX', mail('one'), flags)
  const [line] = await session.ok('STATUS INBOX (MESSAGES UNSEEN RECENT DELETED DELETED-STORAGE SIZE)')
  const size = mail('one').length
  assert.equal(
    line,
    `* STATUS "INBOX" (MESSAGES 3 UNSEEN 2 RECENT 3 DELETED 2 DELETED-STORAGE ${2 * size} SIZE ${3 * size})`,
  )
})
