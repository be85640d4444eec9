/** The tables of the mail store. The hot ones are keyed by mailbox_id first (DESIGN section 5). */
import type { ColumnType, Generated } from 'kysely'
import type { MessageSummary } from './message-summary.ts'
import type { Envelope } from './mime/envelope.ts'
import type { MimePart } from './mime/structure.ts'
import type { PolicySettings } from './policies.ts'
import type { Trust } from './trust.ts'

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
  /** Tombstones of expunges at a MODSEQ at or below this may be gone. */
  tombstones_from_modseq: Generated<number>
  created_at: Date
  /** When a Trash or Junk folder is next looked at for messages that are kept too long; retention.ts has the rule. */
  clean_up_at: Generated<Date>
}

/** The last UIDVALIDITY of a folder name that is gone, so that a new folder of that name gets a higher one. */
export type DeletedFoldersTable = { mailbox_id: string; path: string; uidvalidity: number }

/** Names that are subscribed and have no folder. */
export type LostSubscriptionsTable = { mailbox_id: string; path: string }

/** Entries of RFC 5464 in lower case. `folder_id` is the nil UUID for those that belong to no folder. */
export type AnnotationsTable = { mailbox_id: string; folder_id: string; entry: string; value: Buffer }

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
  expunged_at: Generated<Date>
}

export type BodiesTable = {
  id: string
  store: 'postgres'
  size_bytes: number
  /** One zstd frame of the raw message, or null when it lies in body_chunks. */
  content: Buffer | null
  envelope: ColumnType<Envelope, string, never>
  structure: ColumnType<MimePart, string, never>
  /** What stands for the message in a list; null until someone asks for it. */
  preview: Generated<string | null>
  /** Null for what did not come from outside. */
  trust: ColumnType<Trust | null, string | null, never>
  created_at: Date
}

/** A large message in pieces of a fixed raw size, each a zstd frame of its own. */
export type BodyChunksTable = { body_id: string; number: number; content: Buffer }

/**
 * Removed messages that can be restored. They have left their folder and its counters; their bodies stay until
 * restore_until.
 */
export type DeletedMessagesTable = {
  mailbox_id: string
  id: string
  folder_id: string
  /** The folder's path at that time, for people: the folder may be gone. */
  folder_path: string
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  body_id: string
  thread_id: string
  saved_at: Date
  deleted_at: Date
  restore_until: Date
}

/** What a workspace (mailbox_id null) or a mailbox says of quota and retention: null is inherited, -1 is none. */
export type MailPoliciesTable = {
  workspace_id: string
  mailbox_id: string | null
  quota_bytes: number | null
  quota_messages: number | null
  trash_days: number | null
  junk_days: number | null
  restore_days: number | null
  pop3_keep_days: number | null
  updated_at: Date
}

/** Which POP3 session has a maildrop, until when. */
export type MaildropLocksTable = { mailbox_id: string; holder_id: string; expires_at: Date }

/** Messages of INBOX that POP3 has retrieved, of mailboxes that keep those for a number of days only. */
export type MaildropRetrievalsTable = { mailbox_id: string; uid: number; retrieved_at: Date }

/** Bodies that lost a message; the sweep looks whether any is left. */
export type SweepCandidatesTable = { body_id: string; since: Date }

/** What keeps a body besides messages. */
export type BodyHoldsTable = { body_id: string; holder_id: string }

/** How far a folder's search index has come; search-index-folders.ts has the rules. */
export type SearchFoldersTable = {
  mailbox_id: string
  folder_id: string
  indexed_uid: number
  sealed_uid: number
  cleaned_modseq: number
  open_documents: number
  open_chars: number
}

/** The short texts of a message's search document, folded. */
export type SearchFieldsTable = {
  mailbox_id: string
  folder_id: string
  uid: number
  subject: string | null
  sender: string | null
  recipients: string | null
  cc: string | null
  bcc: string | null
  sent_day: string | null
  has_attachment: boolean
}

/** The long texts of a message's search document, folded. */
export type SearchTextsTable = {
  mailbox_id: string
  folder_id: string
  uid: number
  header: string
  content: string
  is_cut: boolean
}

export type SearchSegmentsTable = {
  mailbox_id: string
  folder_id: string
  level: number
  first_uid: number
  last_uid: number
  document_count: number
  cut_uids: number[]
}

export type SearchGramsTable = {
  mailbox_id: string
  folder_id: string
  field: number
  level: number
  first_uid: number
  first_gram: number
  postings: Buffer
}

/** Message-IDs that belong to a thread, as 128 bits of their SHA-256. */
export type ThreadMessageIdsTable = { mailbox_id: string; message_id_hash: string; thread_id: string }

/** A folder of another server, `source` being `user@host:port`: its messages up to `last_uid` are here. */
export type ImapCopiesTable = {
  mailbox_id: string
  source: string
  path: string
  uidvalidity: number
  last_uid: number
}

declare module '../platform/database.ts' {
  interface Tables {
    imap_copies: ImapCopiesTable
    folders: FoldersTable
    deleted_folders: DeletedFoldersTable
    lost_subscriptions: LostSubscriptionsTable
    annotations: AnnotationsTable
    messages: MessagesTable
    expunged_messages: ExpungedMessagesTable
    deleted_messages: DeletedMessagesTable
    mail_policies: MailPoliciesTable
    maildrop_locks: MaildropLocksTable
    maildrop_retrievals: MaildropRetrievalsTable
    bodies: BodiesTable
    body_chunks: BodyChunksTable
    body_holds: BodyHoldsTable
    sweep_candidates: SweepCandidatesTable
    thread_message_ids: ThreadMessageIdsTable
    search_folders: SearchFoldersTable
    search_fields: SearchFieldsTable
    search_texts: SearchTextsTable
    search_segments: SearchSegmentsTable
    search_grams: SearchGramsTable
  }
}

/** Every change of a folder's messages names the folder and its MODSEQ after the change. */
export type FolderChange = { folder_id: string; highest_modseq: number }

declare module '../platform/events.ts' {
  interface EventTypes {
    'message.received': FolderChange &
      MessageSummary & {
        message_id: string
        /** The folder's path. */
        folder: string
        uid: number
        thread_id: string
        size_bytes: number
      }
    /** The mailbox has sent a message. `message_id` is its copy, where the platform keeps one. */
    'message.sent': MessageSummary & {
      message_id: string | null
      thread_id: string | null
      /** Null where all recipients are on this platform. */
      outbound_message_id: string | null
      recipients: number
      /** What it was said to follow from; left out: nothing. */
      answers?: { message_id: string; kind: 'reply' | 'forward' }
    }
    'message.appended': FolderChange & { message_ids: string[] }
    /** `keywords`: those that the change named, if any. */
    'message.flags_changed': FolderChange & { count: number; keywords?: string[] }
    'message.expunged': FolderChange & { count: number }
    'message.copied': FolderChange & { count: number }
    'message.moved': FolderChange & { count: number; from_folder_id: string }
    'message.restored': FolderChange & { count: number; message_ids: string[] }
    'policy.updated': { mailbox_id: string | null; settings: PolicySettings }
    'folder.created': { folder_id: string; path: string }
    'folder.renamed': { folder_id: string; from: string; path: string }
    'folder.deleted': { folder_id: string; path: string }
    /** `folder_id` is null for a name without a folder. */
    'folder.subscription_changed': { folder_id: string | null; path: string; subscribed: boolean }
    /** `folder_id` is null for the entries that belong to no folder. */
    'folder.annotations_changed': { folder_id: string | null; entries: string[] }
  }
}
