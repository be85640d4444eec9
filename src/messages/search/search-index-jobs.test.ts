import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteMailbox } from '../../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../../mailboxes/purge.ts'
import { transaction } from '../../platform/database.ts'
import { append, folderIdOf, inTransaction } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from '../changes.ts'
import { copyMessages, moveMessages } from '../copies.ts'
import { flagBits } from '../flags.ts'
import { createFolder, deleteFolder } from '../folders.ts'
import { searchMessages } from './search.ts'
import { type FolderPlace, lockSearchFolder, searchTables } from './search-index-folders.ts'
import { indexFolder, scheduleIndexing } from './search-index-jobs.ts'
import { documentsLeftMin } from './search-index-segments.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { inbox: FolderPlace; archive: FolderPlace }

function messageOf(number: number): Buffer {
  return Buffer.from(
    `From: <ann@example.test>\r\nSubject: letter ${number}\r\n\r\nthe text of number${number}end\r\n`,
  )
}

async function boxWith(count: number): Promise<Box> {
  const box = await t.createMailbox()
  const place = async (path: string) => ({
    mailboxId: box.mailboxId,
    folderId: await folderIdOf(t.platform, box.mailboxId, path),
  })
  const [inbox, archive] = [await place('INBOX'), await place('Archive')]
  const numbers = Array.from({ length: count }, (_, n) => n + 1)
  if (count > 0) await append(t.platform, box.owner, inbox.folderId, numbers.map(messageOf))
  return { ...box, inbox, archive }
}

async function expunge(box: Box, first: number, last: number): Promise<void> {
  await inTransaction(t.platform, async (tx) => {
    const deleted = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
    await changeFlags(t.platform, tx, box.owner, box.inbox.folderId, [{ first, last }], deleted)
    await expungeDeleted(t.platform, tx, box.owner, box.inbox.folderId, null)
  })
}

async function countOf(place: FolderPlace, table: (typeof searchTables)[number]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from ${sql.table(table)}
    where mailbox_id = ${place.mailboxId}::uuid and folder_id = ${place.folderId}::uuid`.execute(
    t.platform.db,
  )
  return rows[0]?.count ?? 0
}

async function allRows(mailboxId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select sum(count)::int as count from (${sql.join(
    searchTables.map(
      (table) => sql`select count(*) from ${sql.table(table)} where mailbox_id = ${mailboxId}::uuid`,
    ),
    sql` union all `,
  )}) as counts (count)`.execute(t.platform.db)
  return rows[0]?.count ?? 0
}

async function queued(place: FolderPlace): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from graphile_worker.jobs where key = ${`search.index:${place.folderId}`}`.execute(
    t.platform.db,
  )
  return rows[0]?.count ?? 0
}

const find = (place: FolderPlace, text: string) => searchMessages(t.platform, place, { kind: 'body', text })
const sizes = { documents: 100, textBytes: 1e6 }

test('documents of expunged messages go, and a segment that is nearly empty with them', async () => {
  const box = await boxWith(250)
  await indexFolder(t.platform, box.inbox, sizes)
  assert.equal(await countOf(box.inbox, 'search_segments'), 2)
  await expunge(box, 2, 20)
  assert.deepEqual(await find(box.inbox, 'number2end'), [], 'at once, before the index knows')
  await indexFolder(t.platform, box.inbox, sizes)
  assert.equal(await countOf(box.inbox, 'search_fields'), 231)
  assert.equal(await countOf(box.inbox, 'search_texts'), 231)
  assert.equal(await countOf(box.inbox, 'search_segments'), 2)
  await expunge(box, 21, 101 - documentsLeftMin + 20)
  await indexFolder(t.platform, box.inbox, sizes)
  assert.equal(await countOf(box.inbox, 'search_segments'), 1)
  assert.deepEqual(
    await find(box.inbox, 'number99end'),
    [99],
    'what is left of the segment is looked through',
  )
  assert.deepEqual(await find(box.inbox, 'number150end'), [150])
})

test('merged segments lose nothing, also where they have many blocks', async () => {
  const box = await boxWith(0)
  const words = Array.from({ length: 8 * 40 }, (_, n) =>
    Array.from({ length: 250 }, (_, k) => ((n * 7919 + k) * 104_729).toString(36)),
  )
  const raws = words.map((some) => Buffer.from(`Subject: many\r\n\r\n${some.join(' ')}\r\n`))
  await append(t.platform, box.owner, box.inbox.folderId, raws)
  const whole = { documents: 40, textBytes: 1e9 }
  await indexFolder(t.platform, box.inbox, whole)
  assert.equal(await countOf(box.inbox, 'search_segments'), 1)
  assert.ok((await countOf(box.inbox, 'search_grams')) > 100)
  for (let n = 0; n < words.length; n += 3) {
    const word = words[n]?.[(n * 31) % 250] ?? ''
    const expected = words.flatMap((some, at) => (some.join(' ').includes(word) ? [at + 1] : []))
    assert.deepEqual(await find(box.inbox, word), expected, word)
  }
})

test('where tombstones have been pruned, the messages themselves tell what is gone', async () => {
  const box = await boxWith(30)
  await indexFolder(t.platform, box.inbox)
  await expunge(box, 1, 10)
  await t.platform.db.deleteFrom('expunged_messages').where('mailbox_id', '=', box.mailboxId).execute()
  await sql`update folders set tombstones_from_modseq = highest_modseq where id = ${box.inbox.folderId}::uuid`.execute(
    t.platform.db,
  )
  await indexFolder(t.platform, box.inbox)
  assert.equal(await countOf(box.inbox, 'search_fields'), 20)
})

test('copied and moved messages are found in their new folder and not in the old one', async () => {
  const box = await boxWith(10)
  await indexFolder(t.platform, box.inbox)
  const [from, to] = [box.inbox.folderId, box.archive.folderId]
  await inTransaction(t.platform, (tx) =>
    copyMessages(t.platform, tx, box.owner, from, [{ first: 3, last: 4 }], to),
  )
  await inTransaction(t.platform, (tx) =>
    moveMessages(t.platform, tx, box.owner, from, [{ first: 5, last: 6 }], to),
  )
  for (const when of ['before', 'after']) {
    assert.deepEqual(await find(box.archive, 'number4end'), [2], when)
    assert.deepEqual(await find(box.archive, 'number5end'), [3], when)
    assert.deepEqual(await find(box.inbox, 'number4end'), [4], when)
    assert.deepEqual(await find(box.inbox, 'number5end'), [], when)
    await indexFolder(t.platform, box.archive)
    await indexFolder(t.platform, box.inbox)
  }
  assert.equal(await countOf(box.inbox, 'search_fields'), 8)
  assert.equal(await countOf(box.archive, 'search_fields'), 4)
})

test('a run that finds another one at work leaves the folder to it', async () => {
  const box = await boxWith(0)
  await indexFolder(t.platform, box.inbox)
  await append(t.platform, box.owner, box.inbox.folderId, [1, 2, 3, 4, 5].map(messageOf))
  await transaction(t.platform.db, async (tx) => {
    assert.ok(await lockSearchFolder(tx, box.inbox))
    await indexFolder(t.platform, box.inbox)
  })
  assert.equal(await countOf(box.inbox, 'search_fields'), 0)
  await indexFolder(t.platform, box.inbox)
  assert.equal(await countOf(box.inbox, 'search_fields'), 5)
})

test('runs at the same moment write each document once', async () => {
  const box = await boxWith(450)
  await Promise.all([1, 2, 3].map(() => indexFolder(t.platform, box.inbox, sizes)))
  await indexFolder(t.platform, box.inbox, sizes)
  assert.equal(await countOf(box.inbox, 'search_fields'), 450)
  assert.equal(await countOf(box.inbox, 'search_segments'), 4)
})

test('a search that opens many messages asks for an index, one that opens few does not', async () => {
  const [large, small] = [await boxWith(310), await boxWith(100)]
  for (const box of [large, small]) assert.deepEqual(await find(box.inbox, 'number77end'), [77])
  assert.equal(await queued(large.inbox), 1)
  assert.equal(await queued(small.inbox), 0)
})

test('the schedule finds folders that are behind, and removes the index of deleted ones', async () => {
  const box = await boxWith(20)
  const folder = await inTransaction(t.platform, (tx) => createFolder(t.platform, tx, box.owner, 'gone'))
  const gone = { mailboxId: box.mailboxId, folderId: folder.id }
  await append(t.platform, box.owner, folder.id, [messageOf(1)])
  await indexFolder(t.platform, gone)
  await indexFolder(t.platform, box.inbox)
  await scheduleIndexing(t.platform)
  assert.equal(await queued(box.inbox), 0, 'nothing is behind')
  await append(
    t.platform,
    box.owner,
    box.inbox.folderId,
    Array.from({ length: 301 }, (_, n) => messageOf(n)),
  )
  await inTransaction(t.platform, (tx) => deleteFolder(t.platform, tx, box.owner, 'gone'))
  await scheduleIndexing(t.platform)
  assert.equal(await queued(box.inbox), 1)
  for (const table of searchTables) assert.equal(await countOf(gone, table), 0, table)
  await indexFolder(t.platform, gone)
  assert.equal(await countOf(gone, 'search_folders'), 0, 'a late job does not bring it back')
})

test('a purged mailbox leaves nothing', async () => {
  const box = await boxWith(120)
  await indexFolder(t.platform, box.inbox, sizes)
  assert.ok((await allRows(box.mailboxId)) > 120)
  await inTransaction(t.platform, (tx) =>
    deleteMailbox(t.platform, tx, t.scope, box.mailboxId, { purge: true }),
  )
  await purgeMailbox(t.platform, box.mailboxId)
  assert.equal(await allRows(box.mailboxId), 0)
})

test('a text that is longer than what is kept of it is found to its end', async () => {
  const box = await boxWith(0)
  const filler = 'many words stand here '.repeat(13_000)
  const raws = ['first', 'second'].map((word) =>
    Buffer.from(`Subject: long\r\n\r\n${filler}${word} at the end\r\n`),
  )
  await append(t.platform, box.owner, box.inbox.folderId, [...raws, messageOf(1)])
  await indexFolder(t.platform, box.inbox, { documents: 3, textBytes: 1e9 })
  assert.equal(await countOf(box.inbox, 'search_segments'), 1)
  assert.deepEqual(await find(box.inbox, 'second at the end'), [2])
  assert.deepEqual(await find(box.inbox, 'words stand'), [1, 2])
  const not = { kind: 'not', criterion: { kind: 'body', text: 'second at' } } as const
  assert.deepEqual(await searchMessages(t.platform, box.inbox, not), [1, 3])
})

test('messages far apart are no segment, and are found', async () => {
  const box = await boxWith(3)
  await sql`update folders set uidnext = 200000 where id = ${box.inbox.folderId}::uuid`.execute(t.platform.db)
  await append(t.platform, box.owner, box.inbox.folderId, [messageOf(4), messageOf(5), messageOf(6)])
  await indexFolder(t.platform, box.inbox, { documents: 4, textBytes: 1e9 })
  assert.equal(await countOf(box.inbox, 'search_segments'), 0)
  assert.deepEqual(await find(box.inbox, 'number2end'), [2])
  assert.deepEqual(await find(box.inbox, 'number5end'), [200_001])
})
