/** One message of a mailbox by its id, in whatever folder it lies: for the API and other callers that know no UIDs. */
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { StoredEnvelope } from './message-fields.ts'
import type { MimePart } from './mime/structure.ts'
import type { SpecialUse } from './tables.ts'
import type { Trust } from './trust.ts'

/** A message with what was parsed of it when it arrived. */
export type MessageDetails = {
  id: string
  mailboxId: string
  folderId: string
  folderPath: string
  /** Of its folder. */
  specialUse: SpecialUse | null
  uid: number
  modseq: number
  flags: number
  keywords: string[]
  internalDate: Date
  /** Octets of the raw message. */
  sizeBytes: number
  bodyId: string
  threadId: string
  envelope: StoredEnvelope
  structure: MimePart
  /** Null until someone has asked for it (previews.ts). */
  preview: string | null
  /** Null for what did not come from outside. */
  trust: Trust | null
}

/**
 * A message that is moved keeps its id; a copy has an id of its own.
 * @throws Refusal message_not_found, also for a text that is no id.
 */
export async function getMessage(db: Db | Tx, mailboxId: string, id: string): Promise<MessageDetails> {
  const { rows } = isId(id) ? await messageQuery(mailboxId, id).execute(db) : { rows: [] }
  const [message] = rows
  if (message === undefined) throw new Refusal('message_not_found')
  return message
}

function messageQuery(mailboxId: string, id: string): RawBuilder<MessageDetails> {
  return sql<MessageDetails>`/* prepared get_message */
    select ${messageDetailsColumns} from ${messageDetailsTables}
    where messages.mailbox_id = ${mailboxId}::uuid and messages.id = ${id}::uuid`
}

/** What MessageDetails is made of, for statements that find the message themselves. */
export const messageDetailsColumns = sql.raw(`messages.id, messages.mailbox_id as "mailboxId",
  folder_id as "folderId", path as "folderPath", special_use as "specialUse", uid, modseq, flags, keywords,
  internal_date as "internalDate", messages.size_bytes as "sizeBytes", body_id as "bodyId", thread_id as "threadId",
  envelope, structure, preview, trust`)
export const messageDetailsTables = sql.raw(`messages
  join folders on folders.mailbox_id = messages.mailbox_id and folders.id = messages.folder_id
  join bodies on bodies.id = messages.body_id`)
