/** A large folder's index, remembered, against one that is read anew. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { type FilledFolder, fillFolder } from '../testing/test-folder.ts'
import { append, inTransaction, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { flagBits } from './flags.ts'
import { firstUnseenUid, readFolderIndex } from './folder-index.ts'
import { folderIndexCacheOf } from './folder-index-cache.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const count = 3_000

async function read(box: FilledFolder) {
  const index = await readFolderIndex(t.platform, box.mailboxId, box.folderId)
  assert.ok(index)
  return index
}

async function mark(box: FilledFolder, uids: readonly number[], flag: number, keywords: string[] = []) {
  const ranges = uids.map((uid) => ({ first: uid, last: uid }))
  const change = { mode: 'add', flags: flag, keywords } as const
  await inTransaction(t.platform, (tx) =>
    changeFlags(t.platform, tx, box.owner, box.folderId, ranges, change),
  )
}

async function expunge(box: FilledFolder, uids: readonly number[]): Promise<void> {
  await mark(box, uids, flagBits.deleted)
  await inTransaction(t.platform, (tx) => expungeDeleted(t.platform, tx, box.owner, box.folderId, null))
}

async function truth(box: FilledFolder): Promise<number[]> {
  const { rows } = await sql<{ uid: number }>`
    select uid from messages where folder_id = ${box.folderId}::uuid order by uid`.execute(t.platform.db)
  return rows.map(({ uid }) => uid)
}

test('what is remembered is shared, and brought up to date by what changed', async () => {
  const box = await fillFolder(t, count)
  const first = await read(box)
  assert.equal((await read(box)).uids, first.uids, 'nothing happened')
  await expunge(box, [1, 1500, count])
  await append(t.platform, box.owner, box.folderId, [mail(), mail()])
  const second = await read(box)
  assert.deepEqual([...second.uids], await truth(box))
  assert.equal(first.uids.length, count, 'an array that others hold stays as it is')
  assert.equal(second.folder.message_count, second.uids.length)
  assert.equal((await read(box)).uids, second.uids)
})

test('without the tombstones of a time, all is read anew', async () => {
  const box = await fillFolder(t, count)
  await read(box)
  await expunge(box, [7, 8])
  await sql`delete from expunged_messages where folder_id = ${box.folderId}::uuid`.execute(t.platform.db)
  await sql`update folders set tombstones_from_modseq = highest_modseq where id = ${box.folderId}::uuid`.execute(
    t.platform.db,
  )
  assert.deepEqual([...(await read(box)).uids], await truth(box))
})

test('a folder that is gone is forgotten', async () => {
  const box = await fillFolder(t, count)
  await read(box)
  await sql`delete from folders where id = ${box.folderId}::uuid`.execute(t.platform.db)
  assert.equal(await readFolderIndex(t.platform, box.mailboxId, box.folderId), null)
  assert.equal(folderIndexCacheOf(t.platform).get(box.folderId), undefined)
})

test('the first unseen message, whatever became of those before it', async () => {
  const box = await fillFolder(t, count, { flags: flagBits.seen })
  const first = async () => firstUnseenUid(t.platform, (await read(box)).folder)
  const change = async (mode: 'add' | 'remove', uid: number) => {
    const wanted = { mode, flags: flagBits.seen, keywords: [] } as const
    await inTransaction(t.platform, (tx) =>
      changeFlags(t.platform, tx, box.owner, box.folderId, [{ first: uid, last: uid }], wanted),
    )
  }
  assert.equal(await first(), null)
  await change('remove', 2000)
  assert.equal(await first(), 2000)
  await change('remove', 2500)
  assert.equal(await first(), 2000)
  await change('remove', 100)
  assert.equal(await first(), 100)
  await change('add', 100)
  assert.equal(await first(), 2000)
  await expunge(box, [2000])
  assert.equal(await first(), 2500)
  await change('add', 2500)
  assert.equal(await first(), null)
  await append(t.platform, box.owner, box.folderId, [mail()])
  assert.equal(await first(), count + 1)
})

test('the keywords in use, each in one spelling', async () => {
  const box = await fillFolder(t, 20)
  assert.deepEqual((await read(box)).keywords, [])
  await mark(box, [3], 0, ['Work'])
  await mark(box, [5, 6], 0, ['Work', '$label1'])
  assert.deepEqual((await read(box)).keywords.toSorted(), ['$label1', 'Work'])
  await expunge(box, [5, 6])
  assert.deepEqual((await read(box)).keywords, ['Work'])
})
