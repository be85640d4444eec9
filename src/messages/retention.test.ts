import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
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
import { moveMessages } from './copies.ts'
import { listDeletedMessages } from './deleted-messages.ts'
import { putSettings } from './policies.ts'
import { putMailboxPolicy } from './policy-changes.ts'
import { cleanUpDueFolders, expungedPerStep, replanWorkspace, visitHoursMin } from './retention.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & Record<'inbox' | 'trash' | 'junk', string>

async function newBox(): Promise<Box> {
  const box = await t.createMailbox()
  const idOf = (path: string) => folderIdOf(t.platform, box.mailboxId, path)
  return { ...box, inbox: await idOf('INBOX'), trash: await idOf('Trash'), junk: await idOf('Junk') }
}

const put = (box: Box, folderId: string, count = 1) =>
  append(
    t.platform,
    box.owner,
    folderId,
    Array.from({ length: count }, () => mail()),
  )

const countIn = async (box: Box, folderId: string) =>
  (await messagesIn(t.platform, box.mailboxId, folderId)).length

/** As the job does. @returns how many folders were visited. */
async function cleanUp(): Promise<number> {
  for (let total = 0; ; ) {
    const visited = await cleanUpDueFolders(t.platform)
    if (visited === 0) return total
    total += visited
  }
}

/** When the Trash and Junk of a mailbox are looked at next. */
async function nextVisits(box: Box): Promise<{ trash: Date; junk: Date }> {
  const rows = await t.platform.db
    .selectFrom('folders')
    .select(['id', 'clean_up_at'])
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  const of = (id: string) => rows.find((row) => row.id === id)?.clean_up_at ?? new Date(0)
  return { trash: of(box.trash), junk: of(box.junk) }
}

const wait = (duration: string) => t.platform.clock.advance?.(duration)

test('Trash and Junk lose what has been there for the days of the policy, other folders nothing', async () => {
  const box = await newBox()
  for (const folder of [box.inbox, box.trash, box.junk]) await put(box, folder, 2)
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { junkDays: 40 }))
  await cleanUp()
  wait('P29D')
  await put(box, box.trash)
  await cleanUp()
  assert.deepEqual([await countIn(box, box.trash), await countIn(box, box.junk)], [3, 2])
  wait('P2D')
  await cleanUp()
  assert.deepEqual([await countIn(box, box.trash), await countIn(box, box.junk)], [1, 2])
  wait('P10D')
  await cleanUp()
  assert.deepEqual([await countIn(box, box.trash), await countIn(box, box.junk)], [1, 0])
  assert.equal(await countIn(box, box.inbox), 2)
  await assertCounters(t.platform, box.mailboxId)
})

test('it is an expunge like any other: an event, and days to restore', async () => {
  const box = await newBox()
  await put(box, box.trash, 2)
  wait('P31D')
  await cleanUp()
  const expunged = (await eventsOf(t.platform, box.mailboxId)).filter(
    ({ type }) => type === 'message.expunged',
  )
  const folder = await t.platform.db
    .selectFrom('folders')
    .select('highest_modseq')
    .where('mailbox_id', '=', box.mailboxId)
    .where('id', '=', box.trash)
    .executeTakeFirstOrThrow()
  assert.deepEqual(
    expunged.map(({ data }) => data),
    [{ folder_id: box.trash, highest_modseq: folder.highest_modseq, count: 2 }],
  )
  const { rows } = await listDeletedMessages(t.platform, box.mailboxId, { limit: 9, cursor: null })
  assert.equal(rows.length, 2)
})

test('the days count from when a message came into the folder', async () => {
  const box = await newBox()
  await put(box, box.inbox)
  wait('P40D')
  await inTransaction(t.platform, (tx) =>
    moveMessages(t.platform, tx, box.owner, box.inbox, [{ first: 1, last: 1 }], box.trash),
  )
  wait('P29D')
  await cleanUp()
  assert.equal(await countIn(box, box.trash), 1)
  wait('P2D')
  await cleanUp()
  assert.equal(await countIn(box, box.trash), 0)
})

test('what lies there for ever by policy stays', async () => {
  const box = await newBox()
  await put(box, box.trash)
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { trashDays: null }))
  wait('P3650D')
  await cleanUp()
  assert.equal(await countIn(box, box.trash), 1)
})

test('a folder with more than one step loses all that is due', async () => {
  const box = await newBox()
  await put(box, box.trash)
  await sql`
    insert into messages select mailbox_id, folder_id, n, gen_random_uuid(), modseq, flags, keywords, internal_date,
      size_bytes, body_id, thread_id, saved_at
    from messages, generate_series(2, ${2 * expungedPerStep + 10}::int) as n
    where mailbox_id = ${box.mailboxId}::uuid`.execute(t.platform.db)
  await sql`
    update folders set uidnext = 100000, message_count = ${2 * expungedPerStep + 10}::int, unseen_count = message_count * 0
      + ${2 * expungedPerStep + 10}::int, size_bytes = size_bytes * ${2 * expungedPerStep + 10}::int
    where mailbox_id = ${box.mailboxId}::uuid and id = ${box.trash}::uuid`.execute(t.platform.db)
  wait('P31D')
  await cleanUp()
  assert.equal(await countIn(box, box.trash), 0)
  await assertCounters(t.platform, box.mailboxId)
})

test('a changed policy of a mailbox or a workspace holds at the next run', async () => {
  const box = await newBox()
  await put(box, box.trash)
  await put(box, box.junk)
  await cleanUp()
  wait('P3D')
  const planned = await nextVisits(box)
  await cleanUp()
  assert.deepEqual(await nextVisits(box), planned, 'nothing is due')
  await inTransaction(t.platform, (tx) =>
    putMailboxPolicy(t.platform, tx, t.scope, box.mailboxId, { trashDays: 2 }),
  )
  await cleanUp()
  assert.deepEqual([await countIn(box, box.trash), await countIn(box, box.junk)], [0, 1])
  const { organizationId, workspaceId } = box.owner
  const workspace = { organizationId, workspaceId, mailboxId: null }
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, workspace, { junkDays: 1 }))
  await replanWorkspace(t.platform, workspaceId)
  await cleanUp()
  assert.equal(await countIn(box, box.junk), 0)
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, workspace, {}))
})

test('folders are visited when something can be due, and once a week, as the defaults may have changed', async () => {
  const box = await newBox()
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, box.owner, { trashDays: 3 }))
  await cleanUp()
  const now = t.platform.clock.now().getTime()
  const first = await nextVisits(box)
  const days = (at: Date): number => Math.round((at.getTime() - now) / 86_400_000)
  assert.deepEqual([days(first.trash), days(first.junk)], [3, 7])
  wait('P4D')
  await put(box, box.trash)
  await cleanUp()
  const second = await nextVisits(box)
  assert.deepEqual([days(second.trash), days(second.junk)], [7, 7])
})

test('runs of several nodes at once share the folders', async () => {
  const boxes = await Promise.all(Array.from({ length: 6 }, () => newBox()))
  for (const box of boxes) await put(box, box.trash, 3)
  wait('P31D')
  await Promise.all([cleanUp(), cleanUp(), cleanUp()])
  for (const box of boxes) {
    assert.equal(await countIn(box, box.trash), 0)
    const events = (await eventsOf(t.platform, box.mailboxId)).filter(
      ({ type }) => type === 'message.expunged',
    )
    assert.equal(events.length, 1)
  }
})

test('a folder whose clean-up failed is visited again', async () => {
  const box = await newBox()
  await put(box, box.trash)
  wait('P31D')
  const failing = {
    ...t.platform,
    db: t.platform.db,
    get nodeId(): string {
      throw new Error('lost')
    },
  }
  await assert.rejects(cleanUpDueFolders(failing), /lost/)
  assert.equal(await countIn(box, box.trash), 1)
  wait(`PT${visitHoursMin}H`)
  await cleanUp()
  assert.equal(await countIn(box, box.trash), 0)
})
