import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { append, folderIdOf, inTransaction, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { expungeMessages } from './changes.ts'
import { moveMessages } from './copies.ts'
import {
  pruneFolderTombstones,
  pruneOldTombstones,
  tombstoneDays,
  tombstonesPerFolderMax,
  tombstonesPruneStep,
} from './tombstones.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { inboxId: string }

async function boxOf(count: number): Promise<Box> {
  const box = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  if (count > 0)
    await append(
      t.platform,
      box.owner,
      inboxId,
      Array.from({ length: count }, () => mail()),
    )
  return { ...box, inboxId }
}

const expunge = (box: Box, uids: number[]) =>
  inTransaction(t.platform, (tx) => expungeMessages(t.platform, tx, box.owner, box.inboxId, uids))

async function stateOf(box: Box): Promise<{ uids: number[]; from: number }> {
  const rows = await t.platform.db
    .selectFrom('expunged_messages')
    .select('uid')
    .where('mailbox_id', '=', box.mailboxId)
    .where('folder_id', '=', box.inboxId)
    .orderBy('uid')
    .execute()
  const { tombstones_from_modseq: from } = await t.platform.db
    .selectFrom('folders')
    .select('tombstones_from_modseq')
    .where('mailbox_id', '=', box.mailboxId)
    .where('id', '=', box.inboxId)
    .executeTakeFirstOrThrow()
  return { uids: rows.map(({ uid }) => uid), from }
}

test('old tombstones go, and the folder says from where on they are whole', async () => {
  const [box, other] = [await boxOf(4), await boxOf(1)]
  const first = await expunge(box, [1, 3])
  await expunge(other, [1])
  t.platform.clock.advance?.(`P${tombstoneDays - 1}D`)
  await expunge(box, [2])
  assert.equal(await pruneOldTombstones(t.platform), 0)
  t.platform.clock.advance?.('P1DT1S')
  assert.equal(await pruneOldTombstones(t.platform), 3)
  assert.deepEqual(await stateOf(box), { uids: [2], from: first.highestModseq })
  assert.deepEqual((await stateOf(other)).uids, [])
  assert.equal(await pruneOldTombstones(t.platform), 0)
})

test('a folder keeps its newest tombstones up to a number, those of one MODSEQ together', async () => {
  const box = await boxOf(0)
  const modseqOf = (uid: number) => Math.ceil(uid / 3)
  const count = tombstonesPerFolderMax + 10
  await sql`
    insert into expunged_messages (mailbox_id, folder_id, modseq, uid)
    select ${box.mailboxId}::uuid, ${box.inboxId}::uuid, ceil(uid / 3.0), uid
    from generate_series(1, ${count}::int) as uid`.execute(t.platform.db)
  await pruneFolderTombstones(t.platform, box.mailboxId, box.inboxId)
  const { uids, from } = await stateOf(box)
  assert.equal(from, modseqOf(10))
  assert.equal(uids.length, count - 3 * modseqOf(10))
  assert.equal(uids[0], 3 * modseqOf(10) + 1)
  await pruneFolderTombstones(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual(await stateOf(box), { uids, from }, 'nothing more to do')
})

test('pruning never lowers what the folder says', async () => {
  const box = await boxOf(2)
  await expunge(box, [1])
  await sql`update folders set tombstones_from_modseq = 1000 where mailbox_id = ${box.mailboxId}::uuid`.execute(
    t.platform.db,
  )
  t.platform.clock.advance?.(`P${tombstoneDays + 1}D`)
  while ((await pruneOldTombstones(t.platform)) > 0);
  assert.deepEqual(await stateOf(box), { uids: [], from: 1000 })
})

const steps: { what: string; goneBefore: number; want: number }[] = [
  { what: 'few', goneBefore: tombstonesPruneStep - 1, want: 0 },
  {
    what: 'more than may be kept, at a step',
    goneBefore: tombstonesPerFolderMax + tombstonesPruneStep - 1,
    want: 1,
  },
  { what: 'more than may be kept, between steps', goneBefore: tombstonesPerFolderMax + 5, want: 0 },
]
for (const { what, goneBefore, want } of steps) {
  for (const how of ['expunge', 'move'] as const) {
    test(`a pruning is planned by ${how}: ${what}`, async () => {
      const box = await boxOf(1)
      await sql`
        update folders set uidnext = ${goneBefore + 2}::int
        where mailbox_id = ${box.mailboxId}::uuid and id = ${box.inboxId}::uuid`.execute(t.platform.db)
      const archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
      const first = [{ first: 1, last: 1 }]
      await inTransaction(t.platform, async (tx) => {
        if (how === 'expunge') await expungeMessages(t.platform, tx, box.owner, box.inboxId, [1])
        else await moveMessages(t.platform, tx, box.owner, box.inboxId, first, archiveId)
      })
      const { rows } = await sql`
        select 1 from graphile_worker.jobs where key = ${`tombstones.prune_folder:${box.inboxId}`}`.execute(
        t.platform.db,
      )
      assert.equal(rows.length, want)
    })
  }
}
