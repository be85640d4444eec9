import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { append, folderIdOf, inTransaction, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { flagBits } from './flags.ts'
import { createFolder, deleteFolder } from './folders.ts'
import { putSettings } from './policies.ts'
import { sweepBodies } from './sweep.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

// Its own row, which says that it is deleted, and what was told of it stay; mail that is on its way out too.
const keepingTables = ['events', 'mailboxes', 'outbound_messages']

/** Rows of a mailbox in every table that has a column mailbox_id. */
async function rowsOf(mailboxId: string): Promise<Record<string, number>> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where column_name = 'mailbox_id' and table_schema = 'public' and table_type = 'BASE TABLE'
    order by 1`.execute(t.platform.db)
  const counts: Record<string, number> = {}
  for (const { name } of rows.filter((row) => !keepingTables.includes(row.name))) {
    const { rows: found } = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(name)} where mailbox_id = ${mailboxId}::uuid`.execute(
      t.platform.db,
    )
    counts[name] = found[0]?.count ?? 0
  }
  return counts
}

async function filled(): Promise<TestMailbox> {
  const box = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inboxId, [mail({ id: 'a@x' }), mail({ id: 'b@x' }), mail()])
  await inTransaction(t.platform, async (tx) => {
    await createFolder(t.platform, tx, box.owner, 'gone')
    await deleteFolder(t.platform, tx, box.owner, 'gone')
    const deleted = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
    await changeFlags(t.platform, tx, box.owner, inboxId, [{ first: 1, last: 1 }], deleted)
    await expungeDeleted(t.platform, tx, box.owner, inboxId, null)
    await putSettings(t.platform, tx, box.owner, { trashDays: 7 })
  })
  return box
}

async function purge(box: TestMailbox): Promise<void> {
  await inTransaction(t.platform, (tx) =>
    deleteMailbox(t.platform, tx, t.scope, box.mailboxId, { purge: true }),
  )
  await purgeMailbox(t.platform, box.mailboxId)
}

test('a purge leaves no row of the mailbox and lets its bodies go, and touches no other mailbox', async () => {
  const [box, other] = [await filled(), await filled()]
  const before = await rowsOf(box.mailboxId)
  const storeTables = [
    'deleted_folders',
    'deleted_messages',
    'expunged_messages',
    'folders',
    'mail_policies',
    'messages',
    'thread_message_ids',
  ]
  for (const table of storeTables) assert.ok((before[table] ?? 0) > 0, `${table} has no row to purge`)
  const otherBefore = await rowsOf(other.mailboxId)
  await purge(box)
  for (const [table, count] of Object.entries(await rowsOf(box.mailboxId))) assert.equal(count, 0, table)
  assert.deepEqual(await rowsOf(other.mailboxId), otherBefore)
  t.platform.clock.advance?.('PT2H')
  await sweepBodies(t.platform)
  const { rows } = await sql<{ unused: number; used: number }>`
    select count(*) filter (where not exists (select from messages where body_id = bodies.id)
        and not exists (select from deleted_messages where body_id = bodies.id)) as unused,
      count(*) as used from bodies`.execute(t.platform.db)
  assert.deepEqual(rows[0], { unused: 0, used: 3 }) // the other’s: two messages, and one that can be restored
})

test('messages that arrive during a purge do not survive it', async () => {
  for (let round = 0; round < 5; round++) {
    const box = await filled()
    const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
    await inTransaction(t.platform, (tx) =>
      deleteMailbox(t.platform, tx, t.scope, box.mailboxId, { purge: true }),
    )
    const arrivals = Array.from({ length: 12 }, () =>
      append(t.platform, box.owner, inboxId, [mail({ id: 'late@x' })]),
    )
    await Promise.allSettled([...arrivals, purgeMailbox(t.platform, box.mailboxId)])
    for (const [table, count] of Object.entries(await rowsOf(box.mailboxId))) assert.equal(count, 0, table)
  }
})
