/** What the event log says of purged mailboxes' messages is forgotten: who wrote, to whom, and about what. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { startOfEventLog } from '../platform/event-log.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'messages.forget_summaries': { workspace_id: string }
  }
}

// Readers of the log lag behind the oldest running writer, so that no statement may run for long.
const eventsPerStatement = 5000

const summaryFields = ['from', 'to', 'subject', 'internet_message_id']

/**
 * Has a mailbox that is being purged forgotten, by one walk through its workspace's log for all that are purged
 * meanwhile: the log is long, and may have to forget thousands of mailboxes at once.
 */
export async function addForgetting(tx: Tx, mailboxId: string): Promise<void> {
  const mailbox = await tx
    .selectFrom('mailboxes')
    .select('workspace_id')
    .where('id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  const name = `messages.forget_summaries:${mailbox.workspace_id}`
  await addJob(tx, 'messages.forget_summaries', mailbox, { key: name, queue: name })
}

/** Of all mailboxes of a workspace that are gone. The events themselves stay until their time is over. */
export async function forgetSummaries({ db }: Platform, workspaceId: string): Promise<void> {
  for (let after = startOfEventLog; ; ) {
    const { rows } = await sql<{ xid: string; id: string }>`
      with page as (
        select xid, id, mailbox_id, type from events
        where workspace_id = ${workspaceId}::uuid
          and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid)
        order by events.xid, events.id limit ${sql.lit(eventsPerStatement)}
      ), forgotten as (
        update events set data = data - ${summaryFields}::text[] from page, mailboxes m
        where events.xid = page.xid and events.id = page.id and page.type in ('message.received', 'message.sent')
          and m.id = page.mailbox_id and m.state = 'deleted' and events.data ?| ${summaryFields}::text[]
      )
      select xid::text as xid, id from page order by page.xid desc, page.id desc limit 1`.execute(db)
    const [last] = rows
    if (last === undefined) return
    after = last
  }
}
