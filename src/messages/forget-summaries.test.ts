/** Many mailboxes that are purged at once are forgotten by few walks through the log. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { appendEvents } from '../platform/events.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function receive(boxes: readonly TestMailbox[]): Promise<void> {
  const person = { address: 'bob@far.example', name: 'Bob' }
  const summary = { from: person, to: [person], subject: 'secret', internet_message_id: 'a@far.example' }
  const ids = { message_id: 'm', thread_id: 't', folder_id: 'f', folder: 'INBOX' }
  const data = { ...ids, ...summary, size_bytes: 1, uid: 1, highest_modseq: 1 }
  await inTransaction(t.platform, (tx) =>
    appendEvents(
      t.platform,
      tx,
      boxes.map(({ owner }) => ({ type: 'message.received', ...owner, data })),
    ),
  )
}

test('of all that are purged nothing is left that a sender wrote, and of others everything', async () => {
  const boxes = await Promise.all(Array.from({ length: 4 }, () => t.createMailbox()))
  const [kept, ...gone] = boxes
  await receive(boxes)
  for (const { mailboxId } of gone) {
    await inTransaction(t.platform, (tx) =>
      deleteMailbox(t.platform, tx, t.scope, mailboxId, { purge: true }),
    )
    await purgeMailbox(t.platform, mailboxId)
  }
  const { rows: jobs } = await sql`select from graphile_worker.jobs
    where task_identifier = 'messages.forget_summaries'`.execute(t.platform.db)
  assert.equal(jobs.length, 1)
  await runJobs(t.platform)
  const { rows } = await sql<{ mailbox_id: string; fields: string[] }>`
    select mailbox_id, array(select jsonb_object_keys(data) order by 1) as fields from events
    where type = 'message.received'`.execute(t.platform.db)
  const ids = ['folder', 'folder_id', 'highest_modseq', 'message_id', 'size_bytes', 'thread_id', 'uid']
  const all = [...ids, 'from', 'internet_message_id', 'subject', 'to'].sort()
  assert.equal(rows.length, boxes.length)
  for (const row of rows) {
    assert.deepEqual([...row.fields].sort(), row.mailbox_id === kept?.mailboxId ? all : ids)
  }
})
