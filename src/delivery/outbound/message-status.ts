/** What has become of messages that a mailbox sent, over all their recipients: one word for each. */
import { sql } from 'kysely'
import { type Db, onOneConnection } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

/**
 * queued: it waits, or is held. sent: a server was spoken to, and took it not yet. delivered: everybody has it. bounced:
 * somebody's server refused it, or somebody complained. failed: it was taken back, or given up on.
 */
export type SentStatus = 'queued' | 'sent' | 'delivered' | 'bounced' | 'failed'

/**
 * What is worst of its recipients counts. Of those here, and of what left the queue long ago, nothing bad is known.
 * @param messages the copies in Sent, each with its Message-ID without angle brackets.
 * @returns by message id.
 */
export async function statusesOfSent(
  db: Db,
  mailboxId: string,
  messages: readonly { id: string; messageId: string | null }[],
): Promise<Map<string, SentStatus>> {
  if (messages.length === 0) return new Map()
  const headers = messages.flatMap(({ messageId }) => messageId ?? [])
  const ids = messages.map(({ id }) => id)
  const [byHeader, waiting] = await onOneConnection(db, (one) =>
    Promise.all([statusesByHeader(one, mailboxId, headers), scheduledOf(one, mailboxId, ids)]),
  )
  return new Map(
    messages.map(({ id, messageId }) => [
      id,
      waiting.has(id) ? 'queued' : (byHeader.get(messageId ?? '') ?? 'delivered'),
    ]),
  )
}

async function statusesByHeader(
  db: Db,
  mailboxId: string,
  headers: readonly string[],
): Promise<Map<string, SentStatus>> {
  const { rows } = await sql<{ message_id: string; status: SentStatus }>`/* prepared statuses_of_sent */
    select m.message_id, case
      when bool_or(r.state = 'bounced' and r.last_class is distinct from 'expired') or bool_or(exists (
        select from outbound_steps s where s.outbound_recipient_id = r.id and s.step = 'complained'
      )) then 'bounced'
      when bool_or(r.state in ('bounced', 'cancelled')) then 'failed'
      when bool_or(r.state = 'held' or r.state = 'queued' and r.attempts = 0) then 'queued'
      when bool_or(r.state in ('queued', 'sending')) then 'sent'
      else 'delivered' end as status
    from outbound_messages m join outbound_recipients r on r.outbound_message_id = m.id
    where m.message_id = any(${headers}::text[]) and m.mailbox_id = ${mailboxId}::uuid and m.kind = 'submission'
    group by m.message_id`.execute(db)
  return new Map(rows.map((row) => [row.message_id, row.status]))
}

async function scheduledOf(db: Db, mailboxId: string, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ message_id: string }>`/* prepared scheduled_of */
    select message_id from scheduled_messages
    where mailbox_id = ${mailboxId}::uuid and message_id = any(${uuidArray(ids)})`.execute(db)
  return new Set(rows.map((row) => row.message_id))
}

/** Whom a message of the mailbox left the platform for, as far as the queue still knows. */
export async function queuedRecipientsOf(db: Db, mailboxId: string, messageId: string): Promise<string[]> {
  const { rows } = await sql<{ rcpt_to: string }>`/* prepared queued_recipients */
    select distinct rcpt_to from outbound_messages m join outbound_recipients r on r.outbound_message_id = m.id
    where m.message_id = ${messageId}::text and m.mailbox_id = ${mailboxId}::uuid and m.kind = 'submission'
    order by rcpt_to limit 1000`.execute(db)
  return rows.map((row) => row.rcpt_to)
}
