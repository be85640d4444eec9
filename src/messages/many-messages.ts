/** Messages of many mailboxes by their ids, read together: for what tells others of them. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { StoredEnvelope } from './message-fields.ts'
import type { MimePart } from './mime/structure.ts'

/** `id`: unique in all mailboxes. */
export type MessageRef = { mailboxId: string; id: string }

export type ManyMessage = MessageRef & {
  /** Its mailbox's. */
  address: string
  folderPath: string
  /** It lies in Sent, or an address of its mailbox wrote it. */
  isOwn: boolean
  internalDate: Date
  sizeBytes: number
  bodyId: string
  threadId: string
  envelope: StoredEnvelope
  structure: MimePart
  /** Null until someone asks for it (previews.ts). */
  preview: string | null
}

/** By id; those that are not (any more) there are left out. */
export async function readManyMessages(
  db: Db,
  wanted: readonly MessageRef[],
): Promise<Map<string, ManyMessage>> {
  if (wanted.length === 0) return new Map()
  const { rows } = await sql<ManyMessage>`/* prepared many_messages */
    select m.id, m.mailbox_id as "mailboxId", mailboxes.address, f.path as "folderPath",
      (f.special_use is not distinct from 'sent' or exists (
        select from addresses a where a.mailbox_id = m.mailbox_id
          and a.address = lower(concat(envelope #>> '{from,0,mailbox}', '@', envelope #>> '{from,0,host}'))
      )) as "isOwn",
      internal_date as "internalDate", m.size_bytes as "sizeBytes", body_id as "bodyId", thread_id as "threadId",
      envelope, structure, preview
    from unnest(${uuidArray(wanted.map(({ mailboxId }) => mailboxId))}, ${uuidArray(wanted.map(({ id }) => id))})
        as wanted (mailbox_id, id)
      join messages m on m.mailbox_id = wanted.mailbox_id and m.id = wanted.id
      join folders f on f.mailbox_id = m.mailbox_id and f.id = m.folder_id
      join bodies on bodies.id = m.body_id
      join mailboxes on mailboxes.id = m.mailbox_id`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
