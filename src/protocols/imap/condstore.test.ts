/** CONDSTORE, RFC 7162 §3.1: over a socket, two sessions on one folder. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { fillFolder } from '../../testing/test-folder.ts'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** Sessions of one new mailbox that have selected its INBOX of `count` messages; MODSEQs 2 to `count` + 1. */
async function sessions(count: number, parameter = ''): Promise<[RawClient, RawClient]> {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  const two = await imap.logIn(mailbox)
  for (let at = 1; at <= count; at++) await one.append('INBOX', mail(`message ${at}`))
  await one.ok(`EXAMINE INBOX`) // takes no \Recent
  await one.ok(`SELECT INBOX${parameter}`)
  await two.ok(`SELECT INBOX${parameter}`)
  await one.ok('NOOP')
  return [one, two]
}

const highest = (lines: readonly string[]): number | null => {
  const found = lines.flatMap((line) => /^\* OK \[HIGHESTMODSEQ (\d+)\]/.exec(line)?.[1] ?? [])
  return found.length === 0 ? null : Number(found.at(-1))
}

test('SELECT and EXAMINE tell HIGHESTMODSEQ, and STATUS the same', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await imap.logIn(mailbox)
  assert.equal(highest(await client.ok('SELECT INBOX')), 1)
  await client.append('INBOX', mail('one'))
  assert.equal(highest(await client.ok('EXAMINE INBOX')), 2)
  assert.deepEqual(await client.ok('STATUS Sent (HIGHESTMODSEQ)'), [
    '* OK [HIGHESTMODSEQ 2] MODSEQs are told from now on',
    '* STATUS "Sent" (HIGHESTMODSEQ 1)',
  ])
})

/** In a folder of two messages at MODSEQ 3; whether they enable, and what they tell of where the folder stands. */
const enabling: [command: string, tells: number | null][] = [
  ['STATUS Sent (MESSAGES HIGHESTMODSEQ)', 3],
  ['LIST "" % RETURN (STATUS (HIGHESTMODSEQ))', 3],
  ['FETCH 1 MODSEQ', 3],
  ['UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)', 3],
  ['SEARCH MODSEQ 1', 3],
  ['UID SEARCH OR SEEN NOT MODSEQ 1', 3],
  ['STORE 1 (UNCHANGEDSINCE 3) +FLAGS (\\Seen)', 3],
  ['ENABLE CONDSTORE', 3],
  ['ENABLE QRESYNC', 3],
  ['SELECT INBOX (CONDSTORE)', 3],
  ['EXAMINE INBOX (CONDSTORE)', 3],
]
for (const [command, tells] of enabling) {
  test(`${command} shows that MODSEQs are known`, async () => {
    const [one, two] = await sessions(2)
    assert.equal(highest(await two.ok(command)), tells)
    await one.ok('STORE 2 +FLAGS (\\Flagged)')
    const modseq = command.startsWith('STORE') ? 5 : 4
    assert.deepEqual(
      (await two.ok('NOOP')).filter((line) => line.startsWith('* 2 ')),
      [`* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (${modseq}))`],
    )
    assert.equal(highest(await two.ok('STATUS Sent (HIGHESTMODSEQ)')), null, 'it is told once')
  })
}

const notEnabling = [
  'SELECT INBOX',
  'STATUS INBOX (MESSAGES)',
  'FETCH 1 FLAGS',
  'SEARCH UNSEEN',
  'ENABLE X-UNKNOWN',
]
for (const command of notEnabling) {
  test(`${command} shows nothing of the kind`, async () => {
    const [one, two] = await sessions(2)
    await two.ok(command)
    await one.ok('STORE 2 +FLAGS (\\Flagged)')
    assert.deepEqual(await two.ok('NOOP'), ['* 2 FETCH (FLAGS (\\Flagged))'])
  })
}

test('a FETCH of MODSEQs without a selected mailbox enables nothing', async () => {
  const client = await imap.logIn(await imap.test.createMailbox())
  assert.match((await client.run('FETCH 1 MODSEQ')).tagged, /^BAD/)
  assert.deepEqual(await client.ok('ENABLE CONDSTORE'), ['* ENABLED CONDSTORE'])
})

/** In a folder of three messages at MODSEQs 2, 3, 4, by a session that knows MODSEQs. */
const stores: [command: string, untagged: string[], tagged: string][] = [
  ['STORE 2 +FLAGS (\\Seen)', ['* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (5))'], 'OK STORE completed'],
  ['STORE 2 +FLAGS.SILENT (\\Seen)', ['* 2 FETCH (UID 2 MODSEQ (5))'], 'OK STORE completed'],
  ['STORE 2 -FLAGS.SILENT (\\Seen)', [], 'OK STORE completed'], // nothing changes
  [
    'UID STORE 3,1 (UNCHANGEDSINCE 4) +FLAGS.SILENT (\\Deleted)',
    ['* 1 FETCH (UID 1 MODSEQ (5))', '* 3 FETCH (UID 3 MODSEQ (5))'],
    'OK STORE completed',
  ],
  [
    'STORE * (UNCHANGEDSINCE 4) +FLAGS.SILENT (\\Deleted $Processed)',
    ['* 3 FETCH (UID 3 MODSEQ (5))'],
    'OK STORE completed',
  ],
  [
    'STORE 3,1,2 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Deleted)',
    ['* 1 FETCH (UID 1 MODSEQ (5))', '* 2 FETCH (UID 2 MODSEQ (5))', '* 3 FETCH (UID 3 FLAGS () MODSEQ (4))'],
    'OK [MODIFIED 3] STORE left out what was changed meanwhile',
  ],
  [
    'UID STORE 1:3 (UNCHANGEDSINCE 2) FLAGS (\\Seen)',
    [
      '* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (5))',
      '* 2 FETCH (UID 2 FLAGS () MODSEQ (3))',
      '* 3 FETCH (UID 3 FLAGS () MODSEQ (4))',
    ],
    'OK [MODIFIED 2:3] STORE left out what was changed meanwhile',
  ],
  [
    'STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)',
    ['* 1 FETCH (UID 1 FLAGS () MODSEQ (2))'],
    'OK [MODIFIED 1] STORE left out what was changed meanwhile',
  ],
  // A message that was named twice does not fail the second time.
  [
    'STORE 2,1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT (\\Deleted)',
    ['* 1 FETCH (UID 1 MODSEQ (5))', '* 2 FETCH (UID 2 MODSEQ (5))', '* 3 FETCH (UID 3 MODSEQ (5))'],
    'OK STORE completed',
  ],
  // That it has the flag already is no change, and is told.
  [
    'STORE 1 (UNCHANGEDSINCE 9223372036854775807) -FLAGS.SILENT (\\Seen)',
    ['* 1 FETCH (UID 1 MODSEQ (2))'],
    'OK STORE completed',
  ],
]
for (const [command, untagged, tagged] of stores) {
  test(command, async () => {
    const [, two] = await sessions(3, ' (CONDSTORE)')
    assert.deepEqual(await two.run(command), { untagged, tagged })
    assert.deepEqual(await two.ok('NOOP'), [], 'all of it was told')
  })
}

test('a STORE without UNCHANGEDSINCE by a client that knows no MODSEQs tells none', async () => {
  const [, two] = await sessions(1)
  assert.deepEqual(await two.ok('STORE 1 +FLAGS (\\Seen)'), ['* 1 FETCH (FLAGS (\\Seen))'])
  assert.deepEqual(await two.ok('STORE 1 -FLAGS.SILENT (\\Seen)'), [])
})

test('what another session changed meanwhile is told with the MODIFIED that it causes', async () => {
  const [one, two] = await sessions(3, ' (CONDSTORE)')
  await one.ok('STORE 2 +FLAGS.SILENT ($Processed)')
  assert.deepEqual(await two.run('STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT ($Processed)'), {
    untagged: [
      '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing $Processed)',
      '* 1 FETCH (UID 1 FLAGS ($Processed) MODSEQ (6))',
      '* 2 FETCH (UID 2 FLAGS ($Processed) MODSEQ (5))',
      '* 3 FETCH (UID 3 FLAGS ($Processed) MODSEQ (6))',
    ],
    tagged: 'OK [MODIFIED 2] STORE left out what was changed meanwhile',
  })
})

test('a STORE on messages of which some are gone tells what was modified', async () => {
  const [one, two] = await sessions(4, ' (CONDSTORE)')
  await one.ok('STORE 2 +FLAGS.SILENT (\\Answered)')
  await one.ok('STORE 4 +FLAGS.SILENT (\\Deleted)')
  await one.ok('EXPUNGE')
  const stored = await two.run('STORE 1:4 (UNCHANGEDSINCE 5) +FLAGS (\\Seen)')
  assert.equal(stored.tagged, 'OK [MODIFIED 2] STORE left out what was changed meanwhile')
  assert.deepEqual(stored.untagged.toSorted(), [
    '* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (9))',
    '* 2 FETCH (UID 2 FLAGS (\\Answered) MODSEQ (6))',
    '* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (9))',
  ])
  assert.deepEqual(await two.ok('NOOP'), ['* 4 EXPUNGE'])
})

/** In a folder of four messages at MODSEQs 2 to 5. */
const fetches: [command: string, untagged: string[]][] = [
  ['FETCH 1:3 (MODSEQ)', ['* 1 FETCH (MODSEQ (2))', '* 2 FETCH (MODSEQ (3))', '* 3 FETCH (MODSEQ (4))']],
  [
    'UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)',
    ['* 3 FETCH (UID 3 FLAGS () MODSEQ (4))', '* 4 FETCH (UID 4 FLAGS () MODSEQ (5))'],
  ],
  ['FETCH 1:3 (FLAGS MODSEQ) (CHANGEDSINCE 3)', ['* 3 FETCH (FLAGS () MODSEQ (4))']],
  ['FETCH 1:* FLAGS (CHANGEDSINCE 5)', []],
  ['FETCH 1:* FLAGS (CHANGEDSINCE 9223372036854775807)', []],
  ['FETCH 2,4 RFC822.SIZE (CHANGEDSINCE 4)', ['* 4 FETCH (RFC822.SIZE 48 MODSEQ (5))']],
]
for (const [command, untagged] of fetches) {
  test(command, async () => {
    const [, two] = await sessions(4, ' (CONDSTORE)')
    assert.deepEqual(await two.ok(command), untagged)
  })
}

test('a FETCH that marks as seen tells MODSEQ and UID, once MODSEQs are known', async () => {
  const [, two] = await sessions(2)
  assert.deepEqual(await two.ok('FETCH 1 BODY[]<999.1>'), ['* 1 FETCH (BODY[]<999> "" FLAGS (\\Seen))'])
  await two.ok('ENABLE CONDSTORE')
  assert.deepEqual(await two.ok('FETCH 1:2 BODY[]<999.1>'), [
    '* 1 FETCH (BODY[]<999> "")',
    '* 2 FETCH (BODY[]<999> "" FLAGS (\\Seen) UID 2 MODSEQ (5))',
  ])
  assert.deepEqual(await two.ok('NOOP'), [])
})

test('a MODSEQ is not told before what happened below it', async () => {
  const [one, two] = await sessions(3, ' (CONDSTORE)')
  await one.ok('STORE 1 +FLAGS (\\Seen)')
  await one.ok('STORE 3 +FLAGS (\\Seen)')
  assert.deepEqual(await two.ok('FETCH 3 MODSEQ'), [
    '* 3 FETCH (MODSEQ (6))',
    '* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (5))',
    '* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (6))',
  ])
})

test('EXPUNGE and MOVE tell where the folder stands, CLOSE does not', async () => {
  const [one] = await sessions(3, ' (CONDSTORE)')
  await one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
  assert.equal((await one.run('EXPUNGE')).tagged, 'OK [HIGHESTMODSEQ 6] EXPUNGE completed')
  assert.equal((await one.run('EXPUNGE')).tagged, 'OK EXPUNGE completed')
  assert.equal((await one.run('MOVE 1 Archive')).tagged, 'OK [HIGHESTMODSEQ 7] MOVE completed')
  await one.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  assert.equal((await one.run('CLOSE')).tagged, 'OK CLOSE completed')
  assert.equal(highest(await one.ok('SELECT INBOX')), 9)
})

test('a MOVE within the folder tells where it stands after both of its changes', async () => {
  const [one] = await sessions(2, ' (CONDSTORE)')
  const moved = await one.run('MOVE 1 INBOX')
  assert.deepEqual(moved.untagged.slice(1), ['* 1 EXPUNGE', '* 2 EXISTS', '* 2 RECENT'])
  assert.equal(moved.tagged, 'OK [HIGHESTMODSEQ 5] MOVE completed')
  assert.deepEqual(await one.ok('STATUS INBOX (HIGHESTMODSEQ)'), ['* STATUS "INBOX" (HIGHESTMODSEQ 5)'])
})

test('a client without MODSEQs is not told of them by EXPUNGE and MOVE', async () => {
  const [one] = await sessions(2)
  await one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
  assert.equal((await one.run('EXPUNGE')).tagged, 'OK EXPUNGE completed')
  assert.equal((await one.run('MOVE 1 Archive')).tagged, 'OK MOVE completed')
})

/** Three messages, of which another node flags the first and then the last; its events are still on their way. */
async function changedElsewhere(): Promise<RawClient> {
  const { db } = imap.test.platform
  const { mailbox, folderId } = await fillFolder(imap.test, 3, { flags: 1 })
  const client = await imap.logIn(mailbox)
  await client.ok('SELECT INBOX (CONDSTORE)')
  await client.ok('NOOP')
  for (const uid of [1, 3]) {
    await sql`
      with folder as (
        update folders set highest_modseq = highest_modseq + 1 where id = ${folderId}::uuid returning highest_modseq
      )
      update messages set flags = 5, modseq = highest_modseq from folder
      where folder_id = ${folderId}::uuid and uid = ${uid}`.execute(db)
  }
  return client
}

const flaggedElsewhere = [
  '* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (4))',
  '* 3 FETCH (UID 3 FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (5))',
]

for (const command of ['NOOP', 'CHECK']) {
  test(`${command} looks for what another node did`, async () => {
    const client = await changedElsewhere()
    assert.deepEqual(await client.ok(command), flaggedElsewhere)
    assert.deepEqual(await client.ok(command), [])
  })
}

test('a MODSEQ of another node is not told before what it did below', async () => {
  const client = await changedElsewhere()
  assert.deepEqual(await client.ok('FETCH 3 MODSEQ'), ['* 3 FETCH (MODSEQ (5))', ...flaggedElsewhere])
})

test('nor is that of an own STORE', async () => {
  const client = await changedElsewhere()
  assert.deepEqual(await client.ok('STORE 2 +FLAGS (\\Draft)'), [
    '* 2 FETCH (UID 2 FLAGS (\\Seen \\Draft \\Recent) MODSEQ (6))',
    ...flaggedElsewhere,
  ])
})
