import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { append, assertCounters, eventsOf, folderIdOf, mail, messagesIn } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox } from '../../testing/test-platform.ts'
import { readRange } from '../bodies-read.ts'
import { flagBits } from '../flags.ts'
import { putSettings } from '../policies.ts'
import { type Maildrop, openMaildrop } from './maildrop.ts'
import { startMaildropLocks } from './maildrop-locks.ts'

const t = await startTestPlatform()
const { platform } = t
const locks = startMaildropLocks(platform)
after(async () => {
  await locks.stop()
  await t[Symbol.asyncDispose]()
})

async function mailboxWith(count: number): Promise<TestMailbox> {
  const box = await t.createMailbox()
  const raws = Array.from({ length: count }, (_, at) => mail({ text: `message ${at + 1}` }))
  await append(platform, box.owner, await folderIdOf(platform, box.mailboxId, 'INBOX'), raws)
  return box
}

async function open(box: TestMailbox): Promise<Maildrop> {
  const opened = await openMaildrop(platform, locks, box.owner)
  assert.ok(opened.kind === 'opened', opened.kind)
  return opened.maildrop
}

async function uidsLeft(box: TestMailbox): Promise<number[]> {
  await assertCounters(platform, box.mailboxId)
  const folderId = await folderIdOf(platform, box.mailboxId, 'INBOX')
  return (await messagesIn(platform, box.mailboxId, folderId)).map(({ uid }) => uid)
}

async function flagsLeft(box: TestMailbox): Promise<number[]> {
  const folderId = await folderIdOf(platform, box.mailboxId, 'INBOX')
  return (await messagesIn(platform, box.mailboxId, folderId)).map(({ flags }) => flags)
}

test('numbers, sizes and marks', async () => {
  const box = await mailboxWith(3)
  const drop = await open(box)
  const size = mail({ text: 'message 1' }).length
  assert.equal(drop.count, 3)
  assert.deepEqual(drop.totals(), { messages: 3, sizeBytes: 3 * size })
  assert.deepEqual([0, 1, 3, 4, 2 ** 32 + 1].map(drop.sizeOf), [null, size, size, null, null])
  assert.ok(drop.markDeleted(2))
  assert.equal(drop.markDeleted(2), false)
  assert.equal(drop.markDeleted(4), false)
  assert.deepEqual(drop.totals(), { messages: 2, sizeBytes: 2 * size })
  assert.equal(drop.sizeOf(2), null)
  assert.equal(drop.uniqueIdOf(2), null)
  drop.reset()
  assert.deepEqual(drop.totals(), { messages: 3, sizeBytes: 3 * size })
  const body = await drop.open(2)
  assert.ok(body)
  const raw = await readRange(body, { start: 0, end: body.sizeBytes })
  assert.equal(raw.toString(), mail({ text: 'message 2' }).toString())
  await drop.leave()
  assert.deepEqual(await uidsLeft(box), [1, 2, 3])
})

test('one at a time, until it is left or updated', async () => {
  const box = await mailboxWith(1)
  const first = await open(box)
  assert.equal((await openMaildrop(platform, locks, box.owner)).kind, 'in-use')
  await first.leave()
  const second = await open(box)
  assert.equal(await second.update(), 'updated')
  const third = await open(box)
  await second.leave()
  assert.equal((await openMaildrop(platform, locks, box.owner)).kind, 'in-use', 'the third still has it')
  await third.leave()
})

test('a mailbox that is gone leaves no lock', async () => {
  const box = await t.createMailbox()
  await platform.db.deleteFrom('folders').where('mailbox_id', '=', box.mailboxId).execute()
  assert.equal((await openMaildrop(platform, locks, box.owner)).kind, 'gone')
  const rows = await platform.db
    .selectFrom('maildrop_locks')
    .selectAll()
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  assert.deepEqual(rows, [])
})

test('update removes what is marked, in one transaction with its event, and it can be restored', async () => {
  const box = await mailboxWith(5)
  const drop = await open(box)
  for (const number of [1, 3, 5]) assert.ok(drop.markDeleted(number))
  await drop.noteRetrieved(1)
  await drop.noteRetrieved(2)
  assert.equal(await drop.update(), 'updated')
  assert.deepEqual(await uidsLeft(box), [2, 4])
  assert.deepEqual(await flagsLeft(box), [flagBits.seen, 0])
  const expunged = (await eventsOf(platform, box.mailboxId)).filter(({ type }) => type === 'message.expunged')
  assert.equal(expunged.length, 1)
  const { rows } = await sql`
    select id from deleted_messages where mailbox_id = ${box.mailboxId}::uuid`.execute(platform.db)
  assert.equal(rows.length, 3)
})

test('a lock that was lost removes nothing', async () => {
  const box = await mailboxWith(1)
  const drop = await open(box)
  drop.markDeleted(1)
  await sql`delete from maildrop_locks where mailbox_id = ${box.mailboxId}::uuid`.execute(platform.db)
  assert.equal(await drop.update(), 'lock-lost')
  await drop.leave()
  assert.deepEqual(await uidsLeft(box), [1])
})

test('many retrieved messages are noted on the way', async () => {
  const box = await mailboxWith(101)
  const drop = await open(box)
  for (let number = 1; number <= 101; number++) await drop.noteRetrieved(number)
  assert.equal((await flagsLeft(box)).filter((flags) => flags === flagBits.seen).length, 100)
  await drop.leave()
  assert.equal((await flagsLeft(box)).filter((flags) => flags === flagBits.seen).length, 101)
})

test('what cannot be noted is no failure of the session', async (context) => {
  const box = await mailboxWith(1)
  const drop = await open(box)
  await drop.noteRetrieved(1)
  const warned = context.mock.method(platform.log, 'warn', () => {})
  await platform.db.deleteFrom('folders').where('mailbox_id', '=', box.mailboxId).execute()
  await drop.leave()
  assert.equal(warned.mock.callCount(), 1)
})

test('who may keep nothing on the server deletes what was retrieved, at the end in order only', async () => {
  const box = await mailboxWith(3)
  await transaction(platform.db, (tx) => putSettings(platform, tx, box.owner, { pop3KeepDays: 0 }))
  const broken = await open(box)
  assert.equal(broken.keepDays, 0)
  await broken.noteRetrieved(1)
  await broken.leave()
  assert.deepEqual(await uidsLeft(box), [1, 2, 3])
  const drop = await open(box)
  await drop.noteRetrieved(2)
  drop.markDeleted(3)
  await drop.update()
  assert.deepEqual(await uidsLeft(box), [1])
})

test('UIDs and sizes of 32 bits', async () => {
  const box = await mailboxWith(1)
  await sql`update messages set uid = 4294967294, size_bytes = 4294967295
    where mailbox_id = ${box.mailboxId}::uuid`.execute(platform.db)
  const drop = await open(box)
  assert.match(drop.uniqueIdOf(1) ?? '', /^\d+\.4294967294$/)
  assert.equal(drop.sizeOf(1), 4294967295)
  await drop.leave()
})
