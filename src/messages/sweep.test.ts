import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { idFloor } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { append, folderIdOf, inTransaction, mail, messagesIn, stage } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { chunkBytes, createBodyWriter, insertBodies } from './bodies.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { copyMessages } from './copies.ts'
import { flagBits } from './flags.ts'
import { holdBodies, sweepBodies } from './sweep.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_RESTORE_DAYS: '0' }) // what is removed is gone for good
})
after(() => t[Symbol.asyncDispose]())

const hourMs = 3600_000

/** The platform as it is some hours later. */
function later(hours: number): Platform {
  const now = (): Date => new Date(Date.now() + hours * hourMs)
  return { ...t.platform, clock: { now, advance: null } }
}

async function bodyExists(id: string): Promise<boolean> {
  const row = await t.platform.db.selectFrom('bodies').select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}

async function chunkCount(id: string): Promise<number> {
  return (await t.platform.db.selectFrom('body_chunks').select('number').where('body_id', '=', id).execute())
    .length
}

/** A mailbox with one message in INBOX, of one or more chunks. */
async function boxWithMessage(
  raw = mail(),
): Promise<{ bodyId: string; expunge(path: string): Promise<void>; copy(): Promise<void> }> {
  const { owner, mailboxId } = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, mailboxId, 'INBOX')
  const archiveId = await folderIdOf(t.platform, mailboxId, 'Archive')
  await append(t.platform, owner, inboxId, [raw])
  const [message] = await messagesIn(t.platform, mailboxId, inboxId)
  const all = [{ first: 1, last: 9 }]
  return {
    bodyId: message?.body_id ?? '',
    copy: async () => {
      await inTransaction(t.platform, (tx) => copyMessages(t.platform, tx, owner, inboxId, all, archiveId))
    },
    expunge: (path) =>
      inTransaction(t.platform, async (tx) => {
        const folderId = path === 'INBOX' ? inboxId : archiveId
        const deleted = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
        await changeFlags(t.platform, tx, owner, folderId, all, deleted)
        await expungeDeleted(t.platform, tx, owner, folderId, null)
      }),
  }
}

test('a body without messages is removed after the hour of grace, with its chunks', async () => {
  const small = await boxWithMessage()
  const large = await boxWithMessage(randomBytes(2 * chunkBytes))
  await small.expunge('INBOX')
  await large.expunge('INBOX')
  assert.equal(await sweepBodies(later(0.9)), 0)
  assert.ok((await bodyExists(small.bodyId)) && (await bodyExists(large.bodyId)))
  assert.equal(await sweepBodies(later(1.1)), 2)
  assert.deepEqual([await bodyExists(small.bodyId), await bodyExists(large.bodyId)], [false, false])
  assert.equal(await chunkCount(large.bodyId), 0)
  assert.equal(await sweepBodies(later(1.1)), 0, 'each candidate is looked at once')
})

test('a body that a copy refers to stays until that is gone too', async () => {
  const box = await boxWithMessage()
  await box.copy()
  await box.expunge('INBOX')
  assert.equal(await sweepBodies(later(2)), 1)
  assert.ok(await bodyExists(box.bodyId))
  await box.expunge('Archive')
  await sweepBodies(later(2))
  assert.equal(await bodyExists(box.bodyId), false)
})

test('a held body stays', async () => {
  const body = await stage(t.platform, mail())
  await inTransaction(t.platform, async (tx) => {
    await insertBodies(tx, [body], new Date())
    await holdBodies([{ bodyId: body.id, holderId: body.id }]).execute(tx)
    await tx.insertInto('sweep_candidates').values({ body_id: body.id, since: new Date() }).execute()
  })
  await sweepBodies(later(2))
  assert.ok(await bodyExists(body.id))
})

test('two sweeps at once look at each candidate once', async () => {
  const boxes = await Promise.all(Array.from({ length: 6 }, () => boxWithMessage()))
  for (const box of boxes) await box.expunge('INBOX')
  const looked = await Promise.all(Array.from({ length: 4 }, () => sweepBodies(later(2))))
  assert.equal(
    looked.reduce((sum, count) => sum + count, 0),
    6,
  )
})

test('chunks of a message that never arrived whole go after a day, others stay', async () => {
  const abandoned = createBodyWriter(t.platform)
  await abandoned.write(randomBytes(2 * chunkBytes))
  const kept = await stage(t.platform, randomBytes(2 * chunkBytes))
  await inTransaction(t.platform, (tx) => insertBodies(tx, [kept], new Date()))
  const chunksBefore = await allChunks()
  await sweepBodies(later(23))
  assert.equal(await allChunks(), chunksBefore)
  await sweepBodies(later(25))
  assert.equal(await chunkCount(kept.id), 2)
  assert.equal(await allChunks(), 2)
})

async function allChunks(): Promise<number> {
  return (await t.platform.db.selectFrom('body_chunks').select('number').execute()).length
}

test('the bound of an id by time lies between ids made before and after', () => {
  const floor = idFloor(new Date('2026-01-01T00:00:00.000Z'))
  assert.match(floor, /^[0-9a-f]{8}-[0-9a-f]{4}-7000-8000-0{12}$/)
  assert.ok(idFloor(new Date('2025-12-31T23:59:59.999Z')) < floor)
})
