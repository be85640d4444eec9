/** Which message of its sender a message of the queue is: for those who are told what becomes of it. */
import { sql } from 'kysely'
import type { MessageRef } from '../../messages/many-messages.ts'
import { messageIdHash } from '../../messages/threads/threads.ts'
import type { Db } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

/**
 * The senders' own copies, by the id of the queued message: found by the body, or by the Message-ID where the copy is
 * another text (a message that waited for its time, one that a mail program has put into Sent). Of forwards and notices,
 * which nobody sent, there is none.
 */
export async function sentCopies(db: Db, outboundIds: readonly string[]): Promise<Map<string, MessageRef>> {
  if (outboundIds.length === 0) return new Map()
  const ids = [...new Set(outboundIds)]
  const { rows } = await sql<{
    outbound_id: string
    mailbox_id: string
    message_id: string | null
    id: string | null
  }>`
    select o.id as outbound_id, o.mailbox_id, o.message_id, copy.id
    from outbound_messages o left join lateral (
      select m.id from messages m join folders f on f.mailbox_id = m.mailbox_id and f.id = m.folder_id
      where m.body_id = o.body_id and m.mailbox_id = o.mailbox_id
      order by f.special_use is not distinct from 'sent' desc, m.id limit 1
    ) as copy on true
    where o.id = any(${uuidArray(ids)}) and o.kind = 'submission'`.execute(db)
  const found = new Map<string, MessageRef>()
  const others: { outboundId: string; mailboxId: string; messageId: string }[] = []
  for (const { outbound_id: outboundId, mailbox_id: mailboxId, message_id: messageId, id } of rows) {
    if (id !== null) found.set(outboundId, { mailboxId, id })
    else if (messageId !== null) others.push({ outboundId, mailboxId, messageId: `<${messageId}>` })
  }
  if (others.length > 0) await findByMessageId(db, others, found)
  return found
}

async function findByMessageId(
  db: Db,
  wanted: readonly { outboundId: string; mailboxId: string; messageId: string }[],
  found: Map<string, MessageRef>,
): Promise<void> {
  const { rows } = await sql<{ place: number; id: string }>`
    select wanted.place::int as place, copy.id from unnest(
        ${uuidArray(wanted.map(({ mailboxId }) => mailboxId))},
        ${uuidArray(wanted.map(({ messageId }) => messageIdHash(messageId)))},
        ${wanted.map(({ messageId }) => messageId)}::text[]
      ) with ordinality as wanted (mailbox_id, hash, message_id, place)
      join thread_message_ids known on known.mailbox_id = wanted.mailbox_id and known.message_id_hash = wanted.hash
      cross join lateral (
        select m.id from messages m join bodies on bodies.id = m.body_id
          join folders f on f.mailbox_id = m.mailbox_id and f.id = m.folder_id
        where m.mailbox_id = known.mailbox_id and m.thread_id = known.thread_id
          and envelope ->> 'messageId' = wanted.message_id and f.special_use is distinct from 'drafts'
        order by f.special_use is not distinct from 'sent' desc, m.id limit 1
      ) as copy`.execute(db)
  for (const { place, id } of rows) {
    const one = wanted[place - 1]
    if (one) found.set(one.outboundId, { mailboxId: one.mailboxId, id })
  }
}

const recipientsMax = 1000

/** For whom messages left the platform, by the id of the queued message, as far as the queue still knows. */
export async function recipientsOf(db: Db, outboundIds: readonly string[]): Promise<Map<string, string[]>> {
  if (outboundIds.length === 0) return new Map()
  const { rows } = await sql<{ id: string; addresses: string[] }>`
    select o.id, array(
      select r.rcpt_to from outbound_recipients r where r.outbound_message_id = o.id order by r.id limit ${recipientsMax}
    ) as addresses
    from outbound_messages o where o.id = any(${uuidArray([...new Set(outboundIds)])}) and o.kind = 'submission'`.execute(
    db,
  )
  return new Map(rows.map(({ id, addresses }) => [id, addresses]))
}
