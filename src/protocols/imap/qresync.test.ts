/** QRESYNC, RFC 7162 §3.2: over a socket. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { fillFolder } from '../../testing/test-folder.ts'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import { folderIdOf } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { matchedUid } from './qresync.ts'
import { missingUids } from './vanished.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

type Box = { mailbox: TestMailbox; folderId: string; uidValidity: number; one: RawClient }

/** An INBOX of `count` messages, MODSEQs 2 to `count` + 1, and a session that has selected it. */
async function boxOf(count: number): Promise<Box> {
  const mailbox = await imap.test.createMailbox()
  const one = await imap.logIn(mailbox)
  for (let at = 1; at <= count; at++) await one.append('INBOX', mail(`message ${at}`))
  const selected = (await one.ok('SELECT INBOX')).join('\n')
  const uidValidity = Number(/UIDVALIDITY (\d+)/.exec(selected)?.[1])
  const folderId = await folderIdOf(imap.test.platform, mailbox.mailboxId, 'INBOX')
  return { mailbox, folderId, uidValidity, one }
}

async function enabled(mailbox: TestMailbox): Promise<RawClient> {
  const client = await imap.logIn(mailbox)
  assert.deepEqual(await client.ok('ENABLE QRESYNC'), ['* ENABLED QRESYNC'])
  return client
}

async function expunge({ one }: Box, uids: string): Promise<void> {
  await one.ok(`UID STORE ${uids} +FLAGS.SILENT (\\Deleted)`)
  await one.ok('EXPUNGE')
}

/** The tombstones of all expunges until now. */
async function forget({ folderId }: Box): Promise<void> {
  const { db } = imap.test.platform
  await sql`delete from expunged_messages where folder_id = ${folderId}::uuid`.execute(db)
  await sql`update folders set tombstones_from_modseq = highest_modseq where id = ${folderId}::uuid`.execute(
    db,
  )
}

const news = (lines: readonly string[]): string[] => lines.filter((line) => /VANISHED|FETCH/.test(line))

test('without ENABLE QRESYNC its parameters are refused, and the mailbox stays selected', async () => {
  const { one, uidValidity } = await boxOf(1)
  assert.match((await one.run(`SELECT INBOX (QRESYNC (${uidValidity} 1))`)).tagged, /^BAD/)
  assert.match((await one.run('UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)')).tagged, /^BAD/)
  await one.ok('FETCH 1 UID')
})

const refused = [
  'QRESYNC (1 1 1:*)',
  'QRESYNC (1 1 *)',
  'QRESYNC (1 1 1:9 (1:* 1:9))',
  'QRESYNC (1 1 1:9 (1,2 5))',
  'QRESYNC (1 1 1:9 (2,1 5,6))',
  'QRESYNC (1 1 1:9 (1,2 6,5))',
  'QRESYNC (1 1 1:9 (1,2 5,5))',
  'QRESYNC (1 0)',
  'QRESYNC (0 1)',
]
for (const parameter of refused) {
  test(`${parameter} is refused`, async () => {
    const client = await enabled(imap.mailbox)
    await client.ok('SELECT INBOX')
    assert.match((await client.run(`SELECT INBOX (${parameter})`)).tagged, /^BAD/)
    await client.ok('CHECK')
  })
}

/**
 * Ten messages at MODSEQs 2 to 11; 2, 3 and 8 were expunged at 13, 5 was flagged at 14, 10 got a keyword at 15, and
 * 11 arrived at 16. What is told of it, with all tombstones and without.
 */
const flagged = '* 3 FETCH (UID 5 FLAGS (\\Flagged) MODSEQ (14))'
const keyworded = '* 7 FETCH (UID 10 FLAGS (work) MODSEQ (15))'
const arrived = '* 8 FETCH (UID 11 FLAGS () MODSEQ (16))'
const resyncs: [parameters: string, want: string[], wantForgotten: string[]][] = [
  [
    '11',
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded, arrived],
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded, arrived],
  ],
  ['13', [flagged, keyworded, arrived], ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded, arrived]],
  ['16', [], []],
  ['99999', [], []],
  [
    '11 1:10',
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded],
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded],
  ],
  ['11 3:5,9', ['* VANISHED (EARLIER) 3', flagged], ['* VANISHED (EARLIER) 3', flagged]],
  ['14 1:4294967295', [keyworded, arrived], ['* VANISHED (EARLIER) 2:3,8', keyworded, arrived]],
  ['14 9', [], []],
  // The client's first message is ours, its fourth is not: what it knows ends at UID 1.
  [
    '11 1:10 (1,4 1,4)',
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded],
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded],
  ],
  // Its third message is ours: it knows of 2 and 3.
  [
    '11 1:10 (1:3 1,4:5)',
    ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded],
    ['* VANISHED (EARLIER) 8', flagged, keyworded],
  ],
  ['11 (7 10)', ['* VANISHED (EARLIER) 2:3,8', flagged, keyworded, arrived], [flagged, keyworded, arrived]],
]
for (const isForgotten of [false, true]) {
  test(`SELECT with QRESYNC, ${isForgotten ? 'without' : 'with'} tombstones`, async (t) => {
    const box = await boxOf(10)
    const { one } = box
    await one.ok('NOOP')
    await expunge(box, '2:3,8')
    await one.ok('UID STORE 5 +FLAGS.SILENT (\\Flagged)')
    await one.ok('UID STORE 10 +FLAGS.SILENT (work)')
    await one.append('INBOX', mail('new'))
    await one.ok('NOOP')
    if (isForgotten) {
      const { db } = imap.test.platform
      await sql`delete from expunged_messages where folder_id = ${box.folderId}::uuid`.execute(db)
      await sql`update folders set tombstones_from_modseq = 15 where id = ${box.folderId}::uuid`.execute(db)
    }
    for (const [parameters, want, wantForgotten] of resyncs) {
      for (const command of ['SELECT', 'EXAMINE']) {
        await t.test(`${command} ${parameters}`, async () => {
          const client = await enabled(box.mailbox)
          const lines = await client.ok(`${command} INBOX (QRESYNC (${box.uidValidity} ${parameters}))`)
          assert.deepEqual(news(lines), isForgotten ? wantForgotten : want)
          assert.ok(lines.includes('* 8 EXISTS'))
          assert.ok(lines.includes('* OK [HIGHESTMODSEQ 16] The highest MODSEQ'))
          assert.deepEqual(await client.ok('NOOP'), [])
          client.close()
        })
      }
    }
    await t.test('another UIDVALIDITY: nothing is told', async () => {
      const client = await enabled(box.mailbox)
      assert.deepEqual(news(await client.ok(`SELECT INBOX (QRESYNC (${box.uidValidity - 1} 2 1:10))`)), [])
    })
    await t.test('UID FETCH with VANISHED tells the same', async () => {
      const client = await enabled(box.mailbox)
      await client.ok('SELECT INBOX')
      const gone = '* VANISHED (EARLIER) 2:3,8'
      const fetched = await client.ok('UID FETCH 1:10 (FLAGS) (CHANGEDSINCE 11 VANISHED)')
      assert.deepEqual(fetched, [gone, flagged, keyworded])
      const later = await client.ok('UID FETCH 1:10 (FLAGS) (CHANGEDSINCE 14 VANISHED)')
      assert.deepEqual(later, isForgotten ? [gone, keyworded] : [keyworded])
      assert.deepEqual(await client.ok('UID FETCH 8 (FLAGS) (VANISHED CHANGEDSINCE 11)'), [
        '* VANISHED (EARLIER) 8',
      ])
    })
  })
}

test('an empty folder that never had a message has nothing to tell', async () => {
  const { mailbox, uidValidity } = await boxOf(0)
  const client = await enabled(mailbox)
  assert.deepEqual(news(await client.ok(`SELECT INBOX (QRESYNC (${uidValidity} 1))`)), [])
})

test('a message at the end that is gone is told by UID FETCH too', async () => {
  const box = await boxOf(3)
  const client = await enabled(box.mailbox)
  await client.ok('SELECT INBOX')
  await expunge(box, '3')
  assert.deepEqual(await client.ok('UID FETCH 1:3 (FLAGS) (CHANGEDSINCE 4 VANISHED)'), ['* VANISHED 3'])
  assert.deepEqual(await client.ok('UID FETCH 1:3 (FLAGS) (CHANGEDSINCE 4 VANISHED)'), [
    '* VANISHED (EARLIER) 3',
  ])
})

test('expunges of its own and of others are VANISHED, of messages that it was told of', async () => {
  const box = await boxOf(6)
  const client = await enabled(box.mailbox)
  await client.ok('SELECT INBOX')
  await expunge(box, '2,4')
  assert.deepEqual(await client.ok('NOOP'), ['* VANISHED 2,4'])
  await client.ok('STORE 2,4 +FLAGS.SILENT (\\Deleted)')
  const expunged = await client.run('EXPUNGE')
  assert.deepEqual(expunged.untagged, ['* VANISHED 3,6'])
  assert.match(expunged.tagged, /^OK \[HIGHESTMODSEQ \d+\]/)
  await box.one.append('INBOX', mail('short'), '(\\Deleted) ')
  await box.one.ok('EXPUNGE')
  assert.deepEqual(await client.ok('NOOP'), [], 'it came and went')
  const moved = await client.run('MOVE 1 Archive')
  assert.match(moved.untagged[0] ?? '', /^\* OK \[COPYUID /)
  assert.deepEqual(moved.untagged.slice(1), ['* VANISHED 1'])
  assert.match(moved.tagged, /^OK \[HIGHESTMODSEQ \d+\]/)
  assert.deepEqual(await client.ok('FETCH 1:* UID'), ['* 1 FETCH (UID 5)'])
})

test('a client stays below an expunge that it could not be told of', async () => {
  const box = await boxOf(4)
  const client = await enabled(box.mailbox)
  await client.ok('SELECT INBOX')
  await expunge(box, '2') // at MODSEQs 6 and 7
  const stored = await client.run('STORE 1 +FLAGS.SILENT (\\Seen)')
  assert.deepEqual(stored, {
    untagged: ['* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (8))', '* OK [HIGHESTMODSEQ 6] Expunges are withheld'],
    tagged: 'OK [EXPUNGEISSUED] STORE completed',
  })
  const fetched = await client.ok('FETCH 1 MODSEQ')
  assert.deepEqual(fetched, ['* 1 FETCH (MODSEQ (8))', '* OK [HIGHESTMODSEQ 6] Expunges are withheld'])
  assert.deepEqual(await client.ok('NOOP'), ['* VANISHED 2', '* OK [HIGHESTMODSEQ 8] All is told'])
  assert.deepEqual(await client.ok('NOOP'), [])
})

test('a session whose tombstones are gone sees what is not there any more', async () => {
  const box = await boxOf(5)
  const client = await enabled(box.mailbox)
  const plain = await imap.logIn(box.mailbox)
  await client.ok('SELECT INBOX')
  await plain.ok('SELECT INBOX')
  await expunge(box, '1,4')
  await forget(box)
  await box.one.append('INBOX', mail('new'))
  assert.deepEqual(await client.ok('NOOP'), ['* VANISHED 1,4', '* 4 EXISTS', '* 0 RECENT'])
  assert.deepEqual((await plain.ok('NOOP')).slice(0, 3), ['* 4 EXPUNGE', '* 1 EXPUNGE', '* 4 EXISTS'])
  assert.deepEqual(await plain.ok('FETCH 1:* UID'), [
    '* 1 FETCH (UID 2)',
    '* 2 FETCH (UID 3)',
    '* 3 FETCH (UID 5)',
    '* 4 FETCH (UID 6)',
  ])
})

test('IDLE tells VANISHED', async () => {
  const box = await boxOf(3)
  const client = await enabled(box.mailbox)
  await client.ok('SELECT INBOX')
  client.send('i IDLE\r\n')
  assert.match(await client.line(), /^\+ /)
  await box.one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
  assert.equal(await client.line(), '* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ (5))')
  await box.one.ok('EXPUNGE')
  assert.equal(await client.line(), '* VANISHED 2')
  client.send('DONE\r\n')
  await client.answer('i')
})

test('many changes are told as few are', async () => {
  const count = 2_500
  const { mailbox, folderId } = await fillFolder(imap.test, count)
  const one = await imap.logIn(mailbox)
  const two = await enabled(mailbox)
  await one.ok('SELECT INBOX')
  await two.ok('SELECT INBOX')
  await one.ok('STORE 1:* +FLAGS.SILENT (\\Seen new)')
  const lines = await two.ok('NOOP')
  assert.match(lines[0] ?? '', /^\* FLAGS .* new\)$/)
  assert.equal(lines.length, count + 1)
  assert.equal(lines.at(-1), `* ${count} FETCH (UID ${count} FLAGS (\\Seen new) MODSEQ (${count + 1}))`)
  assert.deepEqual(await two.ok('NOOP'), [])
  assert.deepEqual(await one.ok('NOOP'), [])
  await sql`update messages set flags = 8 where folder_id = ${folderId}::uuid and uid % 2 = 0`.execute(
    imap.test.platform.db,
  )
  await one.ok('EXPUNGE')
  const vanished = (await two.ok('NOOP')).filter((line) => line.startsWith('* VANISHED'))
  assert.equal(vanished.length, 3, 'a line has a bound')
  const uids = vanished.flatMap((line) => line.slice('* VANISHED '.length).split(',').map(Number))
  assert.deepEqual(
    uids,
    Array.from({ length: count / 2 }, (_, at) => 2 * at + 2),
  )
})

const matches: [folder: number[], sequences: [number, number][], uids: [number, number][], want: number][] = [
  [[3, 8, 9, 12], [[2, 2]], [[8, 8]], 8],
  [
    [3, 8, 9, 13],
    [
      [2, 2],
      [4, 4],
    ],
    [
      [8, 8],
      [12, 12],
    ],
    8,
  ],
  [
    [3, 8, 9, 12],
    [[1, 4]],
    [
      [3, 3],
      [7, 9],
    ],
    3,
  ],
  [[3, 8, 9, 12], [[1, 1]], [[1, 1]], 0],
  [[], [[1, 4_000_000_000]], [[1, 4_000_000_000]], 0],
  [[1, 2, 3], [[1, 4_000_000_000]], [[1, 4_000_000_000]], 3],
]
for (const [folder, sequences, uids, want] of matches) {
  test(`${JSON.stringify(sequences)} as ${JSON.stringify(uids)} in ${folder} match up to ${want}`, () => {
    const ranges = (pairs: [number, number][]) => pairs.map(([from, to]) => ({ from, to }))
    assert.equal(
      matchedUid(Uint32Array.from(folder), { sequences: ranges(sequences), uids: ranges(uids) }),
      want,
    )
  })
}

test('the numbers that are no UID, in ranges as wide as they may be', () => {
  const missing = missingUids(Uint32Array.of(2, 3, 4_294_967_295), [{ from: 1, to: 4_294_967_295 }])
  assert.deepEqual(missing, [
    { from: 1, to: 1 },
    { from: 4, to: 4_294_967_294 },
  ])
  assert.deepEqual(missingUids(new Uint32Array(), [{ from: 5, to: 7 }]), [{ from: 5, to: 7 }])
  assert.deepEqual(missingUids(Uint32Array.of(5, 6, 7), [{ from: 5, to: 7 }]), [])
})
