/** What the event log says of a purged mailbox's messages is forgotten: who wrote, to whom, and about what. */
import { sql } from 'kysely'
import { startOfEventLog } from '../platform/event-log.ts'
import type { Platform } from '../platform/platform.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'messages.forget_summaries': { mailbox_id: string }
  }
}

// Readers of the log lag behind the oldest running writer, so that no statement may run for long.
const eventsPerStatement = 5000

const summaryFields = ['from', 'to', 'subject', 'internet_message_id']

/** The events themselves stay until their time is over. */
export async function forgetSummaries({ db }: Platform, mailboxId: string): Promise<void> {
  const mailbox = await db
    .selectFrom('mailboxes')
    .select('workspace_id')
    .where('id', '=', mailboxId)
    .executeTakeFirst()
  if (mailbox === undefined) return
  for (let after = startOfEventLog; ; ) {
    const { rows } = await sql<{ xid: string; id: string }>`
      with page as (
        select xid, id, mailbox_id, type from events
        where workspace_id = ${mailbox.workspace_id}::uuid
          and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid)
        order by events.xid, events.id limit ${sql.lit(eventsPerStatement)}
      ), forgotten as (
        update events set data = data - ${summaryFields}::text[] from page
        where events.xid = page.xid and events.id = page.id and page.mailbox_id = ${mailboxId}::uuid
          and page.type in ('message.received', 'message.sent')
      )
      select xid::text as xid, id from page order by page.xid desc, page.id desc limit 1`.execute(db)
    const [last] = rows
    if (last === undefined) return
    after = last
  }
}
