/** Messages of a mailbox by their Message-ID (RFC 5322 §3.6.4), found by the index that threads are made with. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { parseMessageId } from './mime/message-ids.ts'
import { messageIdHash } from './threads/threads.ts'

/**
 * @param text with or without its angle brackets.
 * @returns the id of the message, of several copies one that is not in Trash; null when there is none.
 */
export async function findByMessageId(db: Db, mailboxId: string, text: string): Promise<string | null> {
  const messageId = parseMessageId(text)
  if (messageId === null) return null
  const { rows } = await sql<{ id: string }>`/* prepared find_by_message_id */
    select m.id from thread_message_ids known
      join messages m on m.mailbox_id = known.mailbox_id and m.thread_id = known.thread_id
      join folders on folders.mailbox_id = m.mailbox_id and folders.id = m.folder_id
      join bodies on bodies.id = m.body_id
    where known.mailbox_id = ${mailboxId}::uuid and known.message_id_hash = ${messageIdHash(messageId)}::uuid
      and regexp_replace(envelope ->> 'messageId', '\\s', '', 'g') in (${messageId}::text, ${messageId.slice(1, -1)}::text)
      and special_use is distinct from 'drafts'
    order by coalesce(special_use = 'trash', false), m.id limit 1`.execute(db)
  return rows[0]?.id ?? null
}

/**
 * Those of the Message-IDs that messages of the mailbox have, drafts left out.
 * @param texts with or without angle brackets; asked for in one statement.
 */
export async function knownMessageIds(
  db: Db,
  mailboxId: string,
  texts: readonly string[],
): Promise<ReadonlySet<string>> {
  const wanted = texts.flatMap((text) => {
    const messageId = parseMessageId(text)
    return messageId === null ? [] : [{ text, messageId }]
  })
  if (wanted.length === 0) return new Set()
  const ids = wanted.map(({ messageId }) => messageId)
  const { rows } = await sql<{ place: number }>`/* prepared known_message_ids */
    select wanted.place::int as place
    from unnest(${uuidArray(ids.map(messageIdHash))}, ${ids}::text[]) with ordinality as wanted (hash, message_id, place)
    where exists (
      select from thread_message_ids known
        join messages m on m.mailbox_id = known.mailbox_id and m.thread_id = known.thread_id
        join folders on folders.mailbox_id = m.mailbox_id and folders.id = m.folder_id
        join bodies on bodies.id = m.body_id
      where known.mailbox_id = ${mailboxId}::uuid and known.message_id_hash = wanted.hash
        and regexp_replace(envelope ->> 'messageId', '\\s', '', 'g')
          in (wanted.message_id, substr(wanted.message_id, 2, length(wanted.message_id) - 2))
        and special_use is distinct from 'drafts'
    )`.execute(db)
  return new Set(rows.flatMap(({ place }) => wanted[place - 1]?.text ?? []))
}
