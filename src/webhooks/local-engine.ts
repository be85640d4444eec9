/** The local engine with what webhooks keep of a mailbox: they stand above it, and it cannot name them. */
import { sql } from 'kysely'
import type { MailboxEngine } from '../mailboxes/engines.ts'
import { nativeFormat } from './formats.ts'

/** @param engine the engine that runs the mailboxes. */
export function withWebhooks(engine: MailboxEngine): MailboxEngine {
  return {
    ...engine,
    async purge(platform, tx, mailboxId) {
      await engine.purge(platform, tx, mailboxId)
      // What is told of the purge itself comes after it, and has nothing of what the mailbox held.
      await sql`delete from webhook_deliveries d using webhooks w, webhook_events e, mailboxes m
        where m.id = ${mailboxId}::uuid and w.workspace_id = m.workspace_id and e.mailbox_id = m.id
          and d.webhook_id = w.id and coalesce(d.content_id, d.event_id) = e.id`.execute(tx)
      await sql`delete from webhook_events where mailbox_id = ${mailboxId}::uuid`.execute(tx)
      await sql`delete from webhooks where format <> ${nativeFormat} and mailbox_ids @> array[${mailboxId}::uuid]`.execute(
        tx,
      )
    },
  }
}
