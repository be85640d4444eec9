import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import {
  append,
  assertCounters,
  eventsOf,
  folderIdOf,
  inTransaction,
  mail,
  messagesIn,
} from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted, expungeMessages } from './changes.ts'
import { moveMessages } from './copies.ts'
import { expireDeletedMessages, listDeletedMessages, restoreMessages } from './deleted-messages.ts'
import { flagBits } from './flags.ts'
import { createFolder, deleteFolder } from './folders.ts'
import { putSettings } from './policies.ts'
import { sweepBodies } from './sweep.ts'

const { seen, deleted } = flagBits
const all = [{ first: 1, last: 10_000 }]

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { inboxId: string }

/** A mailbox with messages in INBOX that have a flag and keywords. */
async function boxOf(count: number): Promise<Box> {
  const box = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const raws = Array.from({ length: count }, (_, n) => mail({ id: `${n}@x`, text: `text ${n}` }))
  const internalDate = new Date('2021-03-04T05:06:07.000Z')
  await append(t.platform, box.owner, inboxId, raws, { flags: seen, keywords: ['$Work'], internalDate })
  return { ...box, inboxId }
}

async function expungeAll(box: Box, folderId = box.inboxId): Promise<number[]> {
  return await inTransaction(t.platform, async (tx) => {
    const marked = { mode: 'add', flags: deleted, keywords: [] } as const
    await changeFlags(t.platform, tx, box.owner, folderId, all, marked)
    return (await expungeDeleted(t.platform, tx, box.owner, folderId, null)).uids
  })
}

const list = async (box: Box, limit = 100) =>
  (await listDeletedMessages(t.platform, box.mailboxId, { limit, cursor: null })).rows

const restore = (box: Box, ids: string[], to: string | null = null) =>
  inTransaction(t.platform, (tx) => restoreMessages(t.platform, tx, box.owner, ids, to))

test('an expunged message comes back as it was, with its id and a new UID, and without \\Deleted', async () => {
  const box = await boxOf(3)
  const before = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual(await expungeAll(box), [1, 2, 3])
  await assertCounters(t.platform, box.mailboxId)
  const ids = (await list(box)).map(({ id }) => id)
  assert.deepEqual(new Set(ids), new Set(before.map(({ id }) => id)))
  const restored = await restore(box, ids)
  assert.deepEqual(
    restored.map(({ folderId, uid }) => [folderId, uid]),
    [4, 5, 6].map((uid) => [box.inboxId, uid]),
  )
  const after = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  const kept = ['flags', 'keywords', 'thread_id', 'body_id', 'internal_date'] as const
  for (const row of after) {
    const was = before.find(({ id }) => id === row.id)
    for (const field of kept) assert.deepEqual(row[field], was?.[field], field)
  }
  assert.deepEqual(await list(box), [])
  await assertCounters(t.platform, box.mailboxId)
  const events = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'message.restored')
  const ofRestore = { folder_id: box.inboxId, highest_modseq: after.at(-1)?.modseq, count: 3 }
  assert.deepEqual(
    events.map(({ data }) => data),
    [{ ...ofRestore, message_ids: restored.map(({ id }) => id) }],
  )
})

test('what POP3 or a policy removes is kept too; what is moved is not', async () => {
  const box = await boxOf(3)
  const archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
  await inTransaction(t.platform, (tx) =>
    moveMessages(t.platform, tx, box.owner, box.inboxId, [{ first: 1, last: 1 }], archiveId),
  )
  assert.deepEqual(await list(box), [])
  const { uids } = await inTransaction(t.platform, (tx) =>
    expungeMessages(t.platform, tx, box.owner, box.inboxId, [1, 3, 99]),
  )
  assert.deepEqual(uids, [3])
  assert.equal((await list(box)).length, 1)
  await assertCounters(t.platform, box.mailboxId)
})

test('of a folder that is gone messages come back into INBOX, or wherever one wants', async () => {
  const box = await boxOf(0)
  const folder = await inTransaction(t.platform, (tx) => createFolder(t.platform, tx, box.owner, 'a'))
  await append(t.platform, box.owner, folder.id, [mail(), mail()])
  await inTransaction(t.platform, (tx) => deleteFolder(t.platform, tx, box.owner, 'a'))
  const [first, second] = await list(box)
  assert.ok(first && second)
  assert.deepEqual([first.folder_id, first.folder_path], [folder.id, 'a'])
  const [inInbox] = await restore(box, [first.id])
  assert.deepEqual([inInbox?.folderPath, inInbox?.uid], ['INBOX', 1])
  const archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
  const [inArchive] = await restore(box, [second.id], archiveId)
  assert.deepEqual([inArchive?.folderId, inArchive?.uid], [archiveId, 1])
  await assertCounters(t.platform, box.mailboxId)
})

test('messages of several folders come back together, each where it was', async () => {
  const box = await boxOf(2)
  const archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
  await append(t.platform, box.owner, archiveId, [mail(), mail()])
  await expungeAll(box)
  await expungeAll(box, archiveId)
  const ids = (await list(box)).map(({ id }) => id)
  const restored = await restore(box, ids)
  const places = restored.map(({ folderPath, uid }) => `${folderPath} ${uid}`)
  assert.deepEqual(places.sort(), ['Archive 3', 'Archive 4', 'INBOX 3', 'INBOX 4'])
  await assertCounters(t.platform, box.mailboxId)
})

test('what is not there, or another’s, is left out', async () => {
  const box = await boxOf(1)
  const other = await boxOf(1)
  await expungeAll(box)
  await expungeAll(other)
  const [foreign] = await list(other)
  const [own] = await list(box)
  assert.ok(foreign && own)
  const restored = await restore(box, [newId(), foreign.id, own.id])
  assert.deepEqual(
    restored.map(({ id }) => id),
    [own.id],
  )
  assert.deepEqual(await restore(box, [own.id]), [], 'once')
  assert.equal((await list(other)).length, 1)
  const isGone = (error: unknown) => error instanceof Refusal && error.code === 'folder_not_found'
  await assert.rejects(restore(other, [foreign.id], box.inboxId), isGone)
})

test('of restores at the same moment one gets each message', async () => {
  const box = await boxOf(5)
  await expungeAll(box)
  const ids = (await list(box)).map(({ id }) => id)
  const results = await Promise.all(Array.from({ length: 6 }, () => restore(box, ids)))
  assert.equal(results.flat().length, 5)
  await assertCounters(t.platform, box.mailboxId)
})

test('a restore counts against the quota, what is removed does not', async () => {
  const box = await boxOf(2)
  await expungeAll(box)
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { quotaMessages: 2 }))
  await append(t.platform, box.owner, box.inboxId, [mail()])
  const ids = (await list(box)).map(({ id }) => id)
  const isFull = (error: unknown) => error instanceof Refusal && error.code === 'quota_exceeded'
  await assert.rejects(restore(box, ids), isFull)
  assert.equal((await restore(box, ids.slice(0, 1))).length, 1)
  assert.equal((await list(box)).length, 1)
})

test('pages go from the newest to the oldest and lose none in between', async () => {
  const box = await boxOf(7)
  for (const uid of [2, 1]) {
    await inTransaction(t.platform, (tx) => expungeMessages(t.platform, tx, box.owner, box.inboxId, [uid]))
    t.platform.clock.advance?.('PT1S')
  }
  await expungeAll(box)
  const seenIds: string[] = []
  const times: Date[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await listDeletedMessages(t.platform, box.mailboxId, { limit: 3, cursor })
    seenIds.push(...page.rows.map(({ id }) => id))
    times.push(...page.rows.map(({ deleted_at }) => deleted_at))
    cursor = page.nextCursor
    if (cursor === null) break
    assert.equal(page.rows.length, 3)
  }
  assert.equal(new Set(seenIds).size, 7)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b.getTime() - a.getTime()),
  )
  const [newest] = await list(box)
  assert.equal(newest?.envelope.subject, 'test')
})

for (const cursor of [
  '',
  'x',
  'AAAA',
  Buffer.alloc(16).toString('base64url'),
  Buffer.alloc(24, 255).toString('base64url'),
]) {
  test(`the cursor "${cursor}" is refused`, async () => {
    const listed = listDeletedMessages(t.platform, newId(), { limit: 1, cursor })
    await assert.rejects(listed, (error) => error instanceof Refusal && error.code === 'invalid_cursor')
  })
}

test('with 0 days nothing can be restored, and bodies are swept as before', async () => {
  const box = await boxOf(1)
  const [message] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { restoreDays: 0 }))
  await expungeAll(box)
  assert.deepEqual(await list(box), [])
  const candidates = await t.platform.db
    .selectFrom('sweep_candidates')
    .select('body_id')
    .where('body_id', '=', message?.body_id ?? '')
    .execute()
  assert.equal(candidates.length, 1)
})

test('after its days a message is gone for good, and then its body', async () => {
  const box = await boxOf(1)
  const [message] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  const bodyLives = async (): Promise<boolean> => {
    await sweepBodies(t.platform)
    const body = t.platform.db
      .selectFrom('bodies')
      .select('id')
      .where('id', '=', message?.body_id ?? '')
    return (await body.executeTakeFirst()) !== undefined
  }
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { restoreDays: 3 }))
  await expungeAll(box)
  t.platform.clock.advance?.('P2D')
  await expireDeletedMessages(t.platform)
  assert.equal((await list(box)).length, 1)
  assert.ok(await bodyLives())
  t.platform.clock.advance?.('P1DT1S')
  assert.deepEqual(await list(box), [], 'before the job has run')
  assert.deepEqual(await restore(box, [message?.id ?? '']), [])
  assert.equal(await expireDeletedMessages(t.platform), 1)
  assert.ok(await bodyLives(), 'the sweep waits for its hour of grace')
  t.platform.clock.advance?.('PT2H')
  assert.equal(await bodyLives(), false)
})

test('a body that only a removed message refers to is not swept', async () => {
  const box = await boxOf(1)
  const [message] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  await expungeAll(box)
  const candidate = { body_id: message?.body_id ?? '', since: new Date(0) }
  await t.platform.db.insertInto('sweep_candidates').values(candidate).execute()
  await sweepBodies(t.platform)
  const restored = await restore(box, [message?.id ?? ''])
  assert.equal(restored.length, 1)
  const body = t.platform.db.selectFrom('bodies').select('id').where('id', '=', candidate.body_id)
  assert.ok(await body.executeTakeFirst())
})
