/** What an import that was opened first does with messages: each comes once, and what its owner wrote goes to Sent. */
import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { knownMessageIds } from '../find-by-message-id.ts'
import type { MailboxOwner } from '../owner.ts'
import type { Sorted } from '../transfer/import.ts'
import type { ImportKey } from './uploads.ts'

/** Message-IDs of this run that are remembered: those of a batch that is not written yet are among them. */
const idsRememberedMax = 10_000

/** @returns what says of messages where each goes; null for one whose Message-ID a message of the mailbox has. */
export async function openedSorter(
  platform: Platform,
  { mailboxId }: MailboxOwner,
  ownAddresses: readonly string[],
): Promise<(messages: readonly Sorted[]) => Promise<(string | null)[]>> {
  const own = new Set(ownAddresses.map((address) => address.toLowerCase()))
  const sent = own.size === 0 ? null : await sentPath(platform.db, mailboxId)
  const placed = new Set<string>()
  const placeOf = ({ body, folder }: Sorted): string => {
    const { from } = body.parsed.envelope
    const isOwn = from.some(({ mailbox, host }) => own.has(`${mailbox}@${host}`.toLowerCase()))
    return isOwn && sent !== null ? sent : folder
  }
  return async (messages) => {
    const ids = messages.flatMap(({ body }) => body.parsed.envelope.messageId ?? [])
    const known = await knownMessageIds(platform.db, mailboxId, ids)
    if (placed.size + ids.length > idsRememberedMax) placed.clear()
    return messages.map((one) => {
      const id = one.body.parsed.envelope.messageId
      if (id !== null && (placed.has(id) || known.has(id))) return null
      if (id !== null) placed.add(id)
      return placeOf(one)
    })
  }
}

async function sentPath(db: Db, mailboxId: string): Promise<string | null> {
  const { rows } = await sql<{ path: string }>`
    select path from folders where mailbox_id = ${mailboxId}::uuid and special_use = 'sent'`.execute(db)
  return rows[0]?.path ?? null
}

export async function rememberImported(
  tx: Tx,
  { mailboxId, id }: ImportKey,
  messages: readonly { id: string }[],
): Promise<void> {
  if (messages.length === 0) return
  await sql`
    insert into imported_messages (mailbox_id, message_id, import_id)
    select ${mailboxId}::uuid, unnest(${uuidArray(messages.map((message) => message.id))}), ${id}::uuid`.execute(
    tx,
  )
}

/** The imports that brought messages, by message; those that none did, or whose import is forgotten, are missing. */
export async function importIdsOf(
  db: Db,
  mailboxId: string,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (messageIds.length === 0) return new Map()
  const { rows } = await sql<{ message_id: string; import_id: string }>`/* prepared imports_of */
    select message_id, import_id from imported_messages
    where mailbox_id = ${mailboxId}::uuid and message_id = any(${uuidArray(messageIds)})`.execute(db)
  return new Map(rows.map((row) => [row.message_id, row.import_id]))
}
