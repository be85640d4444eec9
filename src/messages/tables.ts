/** The tables of the mail store. The hot ones are keyed by mailbox_id first (DESIGN section 5). */
import type { ColumnType, Generated } from 'kysely'
import type { Envelope } from './mime/envelope.ts'
import type { MimePart } from './mime/structure.ts'

/** RFC 6154 §2, without the backslash, in lower case; INBOX has its own word. */
export type SpecialUse = 'inbox' | 'archive' | 'drafts' | 'junk' | 'sent' | 'trash'

export type FoldersTable = {
  mailbox_id: string
  id: string
  path: string
  special_use: SpecialUse | null
  subscribed: boolean
  uidvalidity: number
  /** The UID that the next message gets. */
  uidnext: Generated<number>
  highest_modseq: Generated<number>
  message_count: Generated<number>
  unseen_count: Generated<number>
  size_bytes: Generated<number>
  /** Messages from this UID on are \Recent for the next session that selects the folder (RFC 3501 §2.3.2). */
  first_recent_uid: Generated<number>
  created_at: Date
}

/** The last UIDVALIDITY of a folder name that is gone, so that a new folder of that name gets a higher one. */
export type DeletedFoldersTable = { mailbox_id: string; path: string; uidvalidity: number }

export type MessagesTable = {
  mailbox_id: string
  folder_id: string
  uid: number
  id: string
  modseq: number
  /** A bitmask; flags.ts has the bits. */
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  body_id: string
  thread_id: string
  saved_at: Date
}

/** Tombstones: what QRESYNC and other sessions must learn of (RFC 7162 §3.2). */
export type ExpungedMessagesTable = {
  mailbox_id: string
  folder_id: string
  modseq: number
  uid: number
}

export type BodiesTable = {
  id: string
  store: 'postgres'
  size_bytes: number
  /** One zstd frame of the raw message, or null when it lies in body_chunks. */
  content: Buffer | null
  envelope: ColumnType<Envelope, string, never>
  structure: ColumnType<MimePart, string, never>
  created_at: Date
}

/** A large message in pieces of a fixed raw size, each a zstd frame of its own. */
export type BodyChunksTable = { body_id: string; number: number; content: Buffer }

/** Bodies that lost a message; the sweep looks whether any is left. */
export type SweepCandidatesTable = { body_id: string; since: Date }

/** What keeps a body besides messages. */
export type BodyHoldsTable = { body_id: string; holder_id: string }

/** Message-IDs that belong to a thread, as 128 bits of their SHA-256. */
export type ThreadMessageIdsTable = { mailbox_id: string; message_id_hash: string; thread_id: string }

declare module '../platform/database.ts' {
  interface Tables {
    folders: FoldersTable
    deleted_folders: DeletedFoldersTable
    messages: MessagesTable
    expunged_messages: ExpungedMessagesTable
    bodies: BodiesTable
    body_chunks: BodyChunksTable
    body_holds: BodyHoldsTable
    sweep_candidates: SweepCandidatesTable
    thread_message_ids: ThreadMessageIdsTable
  }
}

/** Every change of a folder's messages names the folder and its MODSEQ after the change. */
export type FolderChange = { folder_id: string; highest_modseq: number }

declare module '../platform/events.ts' {
  interface EventTypes {
    'message.received': FolderChange & {
      message_id: string
      uid: number
      thread_id: string
      size_bytes: number
    }
    'message.appended': FolderChange & { message_ids: string[] }
    'message.flags_changed': FolderChange & { count: number }
    'message.expunged': FolderChange & { count: number }
    'message.copied': FolderChange & { count: number }
    'message.moved': FolderChange & { count: number; from_folder_id: string }
    'folder.created': { folder_id: string; path: string }
    'folder.renamed': { folder_id: string; from: string; path: string }
    'folder.deleted': { folder_id: string; path: string }
    'folder.subscription_changed': { folder_id: string; subscribed: boolean }
  }
}
