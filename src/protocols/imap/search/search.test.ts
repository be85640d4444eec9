import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { flagBits } from '../../../messages/flags.ts'
import { openTestFolder, searchKey, store, type TestFolder } from '../../../testing/test-fetch.ts'
import { emailId, threadId } from '../fetch/object-ids.ts'
import { type SearchContext, searchFolder } from './search.ts'

const lines = (...text: string[]): string => text.join('\r\n')
const { seen, answered, flagged, deleted, draft } = flagBits

/** UIDs 1 to 7, and 8, which the session was not told of. */
const messages = [
  {
    raw: lines(
      'From: "Smith, Ann" <ann@example.test>',
      'To: bob@example.test, =?utf-8?Q?J=C3=B6rg?= <joerg@example.test>',
      'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from',
      '\tMunich',
      'Date: Mon, 1 Jan 2024 23:30:00 -0800',
      'Message-ID: <one@example.test>',
      'X-Label: Urgent  matter',
      '',
      'Hello world',
    ),
    flags: seen,
    keywords: ['$Work', 'todo'],
    internalDate: new Date('2024-01-02T00:00:00Z'),
  },
  {
    raw: lines(
      'From: carl@example.test',
      'Cc: ann@example.test',
      'Date: 2 Jan 2024 01:00 +0000',
      '',
      'x'.repeat(3000),
    ),
    flags: seen | answered,
    internalDate: new Date('2024-01-02T23:59:59Z'),
  },
  {
    raw: lines(
      'Subject: multipart',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=koi8-r',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from([0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4]).toString('base64'), // Привет
      '--b',
      'Content-Type: image/png; name=holiday.png',
      '',
      'not a text',
      '--b--',
    ),
    flags: flagged,
    internalDate: new Date('2024-01-03T12:00:00Z'),
  },
  {
    raw: lines('Subject: draft', 'X-Label:', '', ''),
    flags: draft | deleted,
    internalDate: new Date('2024-02-01T00:00:00Z'),
  },
  {
    raw: lines('Date: nonsense', 'Bcc: hidden@example.test', '', 'Hello again'),
    internalDate: new Date('1969-12-31T23:59:59Z'),
  },
  {
    raw: lines('Content-Type: message/rfc822', '', 'Subject: the original', '', 'forwarded words'),
    keywords: ['TODO'],
    internalDate: new Date('2024-01-03T00:00:00Z'),
  },
  { raw: '', internalDate: new Date('9999-12-31T00:00:00Z') },
  {
    raw: lines('Subject: not told of yet', '', 'Hello world'),
    internalDate: new Date('2024-01-02T00:00:00Z'),
  },
]

// The keys, and the UIDs that they find.
const rows: [keys: string, uids: number[]][] = [
  ['ALL', [1, 2, 3, 4, 5, 6, 7]],
  ['SEEN', [1, 2]],
  ['UNSEEN', [3, 4, 5, 6, 7]],
  ['ANSWERED', [2]],
  ['FLAGGED', [3]],
  ['DELETED', [4]],
  ['UNDELETED UNDRAFT UNSEEN UNFLAGGED', [5, 6, 7]],
  ['DRAFT', [4]],
  ['KEYWORD todo', [1, 6]],
  ['KEYWORD $work', [1]],
  ['UNKEYWORD ToDo', [2, 3, 4, 5, 7]],
  ['RECENT', [6, 7]],
  ['NEW', [6, 7]],
  ['OLD', [1, 2, 3, 4, 5]],
  ['2:3', [2, 3]],
  ['*', [7]],
  ['6:*,1', [1, 6, 7]],
  ['5:900', [5, 6, 7]],
  ['800:900', []],
  ['UID 2,4:5', [2, 4, 5]],
  ['UID 900:*', [7]], // RFC 9051 §9: * is the largest, and the order does not matter
  ['NOT UID 2:*', [1]],
  ['$', [2, 5]],
  ['NOT $', [1, 3, 4, 6, 7]],
  ['ON 2-Jan-2024', [1, 2]],
  ['BEFORE 2-Jan-2024', [5]],
  ['SINCE 3-Jan-2024', [3, 4, 6, 7]],
  ['SINCE 3-Jan-2024 BEFORE 1-Feb-2024', [3, 6]],
  ['ON 31-Dec-9999', [7]],
  ['SENTON 1-Jan-2024', [1]], // the sender's day, though in UTC it was the next
  ['SENTON 2-Jan-2024', [2]],
  ['SENTBEFORE 2-Jan-2024', [1]],
  ['SENTSINCE 1-Jan-2024', [1, 2]],
  ['NOT SENTSINCE 1-Jan-2024', [3, 4, 5, 6, 7]],
  ['SAVEDSINCE 1-Jan-2024', [1, 2, 3, 4, 5, 6, 7]],
  ['SAVEDBEFORE 1-Jan-2024', []],
  ['SAVEDATESUPPORTED', [1, 2, 3, 4, 5, 6, 7]],
  ['LARGER 2999', [2]],
  ['SMALLER 1', [7]],
  ['LARGER 0', [1, 2, 3, 4, 5, 6]],
  ['LARGER 9223372036854775807', []],
  ['YOUNGER 3600', [7]], // its date lies ahead
  ['OLDER 3600', [1, 2, 3, 4, 5, 6]],
  ['MODSEQ 0', [1, 2, 3, 4, 5, 6, 7]],
  ['MODSEQ 9223372036854775807', []],
  ['FROM ann', [1]],
  ['FROM "smith, ann <ANN@EXAMPLE"', [1]],
  ['FROM ""', [1, 2]],
  ['TO "JÖRG"', [1]],
  ['TO "BOB@example.test, j"', [1]],
  ['CC ann', [2]],
  ['BCC hidden', [5]],
  ['SUBJECT "GRÜSSE FROM MUNICH"', [1]],
  ['SUBJECT "grüße"', [1]],
  ['SUBJECT ""', [1, 3, 4]],
  ['HEADER Subject munich', [1]],
  ['HEADER Message-Id <ONE@', [1]],
  ['HEADER x-label "urgent matter"', [1]],
  ['HEADER X-Label ""', [1, 4]],
  ['HEADER X-Absent ""', []],
  ['HEADER To "=?utf-8"', []],
  ['BODY "hello"', [1, 5]],
  ['BODY "ПРИВЕТ"', [3]],
  ['BODY "not a text"', []],
  ['BODY munich', []],
  ['BODY "forwarded words"', [6]],
  ['BODY ""', [1, 2, 3, 4, 5, 6, 7]],
  ['BODY original', []],
  ['TEXT original', [6]],
  ['TEXT holiday.png', [3]],
  ['TEXT munich', [1]],
  ['TEXT hello', [1, 5]],
  ['TEXT "привет"', [3]],
  ['OR BODY hello FLAGGED', [1, 3, 5]],
  ['NOT BODY hello', [2, 3, 4, 6, 7]],
  ['NOT (SEEN BODY hello)', [2, 3, 4, 5, 6, 7]],
  ['NOT (OR SEEN BODY hello)', [3, 4, 6, 7]],
  ['NOT (NOT BODY hello)', [1, 5]],
  ['OR (SEEN SUBJECT munich) (NOT SEEN TEXT again)', [1, 5]],
  ['OR NOT ALL BODY hello UNSEEN', [5]],
  ['EMAILID Mnothing', []],
  ['NOT THREADID T1', [1, 2, 3, 4, 5, 6, 7]],
]

describe('SEARCH', () => {
  let folder: TestFolder
  let context: SearchContext
  before(async () => {
    folder = await openTestFolder()
    assert.deepEqual(await store(folder, messages), [1, 2, 3, 4, 5, 6, 7, 8])
    context = {
      ...folder.target,
      uids: Uint32Array.of(1, 2, 3, 4, 5, 6, 7),
      isRecent: (uid) => uid >= 6,
      savedUids: [2, 5],
    }
  })
  after(() => folder[Symbol.asyncDispose]())

  const search = (keys: string): Promise<number[]> => searchFolder(folder.platform, context, searchKey(keys))

  for (const [keys, uids] of rows) {
    test(keys, async () => assert.deepEqual(await search(keys), uids))
  }

  test('ids that FETCH gives are found', async () => {
    const { rows: found } = await sql<{ body_id: string; thread_id: string }>`
      select body_id, thread_id from messages where uid = 3`.execute(folder.platform.db)
    const [row] = found
    assert.ok(row !== undefined)
    assert.deepEqual(await search(`EMAILID ${emailId(row.body_id)}`), [3])
    assert.deepEqual(await search(`THREADID ${threadId(row.thread_id)}`), [3])
    assert.deepEqual(await search(`NOT EMAILID ${emailId(row.body_id)} FLAGGED`), [])
  })

  test('a session that sees nothing finds nothing', async () => {
    assert.deepEqual(
      await searchFolder(folder.platform, { ...context, uids: new Uint32Array() }, searchKey('ALL')),
      [],
    )
    assert.deepEqual(
      await searchFolder(folder.platform, { ...context, uids: new Uint32Array() }, searchKey('1:*')),
      [],
    )
  })
})

test('a search through many messages with large ones among them', async () => {
  await using folder = await openTestFolder()
  const large = `Subject: large\r\n\r\n${'a line of text\r\n'.repeat(40_000)}the last words`
  const uids = await store(
    folder,
    Array.from({ length: 450 }, (_, n) => ({
      raw: n % 200 === 0 ? large : `Subject: ${n}\r\n\r\n${n % 7 === 0 ? 'seventh' : 'other'} message`,
    })),
  )
  const context = { ...folder.target, uids: Uint32Array.from(uids), isRecent: () => false }
  const found = async (keys: string) => await searchFolder(folder.platform, context, searchKey(keys))
  assert.deepEqual(await found('BODY "the last words"'), [1, 201, 401])
  const sevenths = uids.filter((_, n) => n % 7 === 0 && n % 200 !== 0)
  assert.deepEqual(await found('BODY seventh'), sevenths)
  assert.deepEqual(await found('NOT BODY other NOT SUBJECT large'), sevenths)
})
