/**
 * Threads of a mailbox for the API: listed by their last activity, and one with its messages.
 *
 * Message ids sort by the date of their messages (decision 0017), so the newest messages of a mailbox come from an index
 * (message-walk.ts). A thread stands where its newest message does: the list walks from message to message and leaves
 * out those that are not the newest of their threads. A page costs what its threads have in messages, not what the mailbox has.
 */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { encodeCursor, type Page, type PageRequest } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { flagBits } from '../flags.ts'
import { type Folder, listFolders } from '../folders.ts'
import { type WalkSource, walkMessages } from '../message-walk.ts'
import type { Envelope } from '../mime/envelope.ts'

export type ThreadSummary = {
  id: string
  /** Copies of one message in several folders count once. */
  messageCount: number
  unseenCount: number
  isFlagged: boolean
  newest: { id: string; folderId: string; internalDate: Date; envelope: Envelope }
  /** The date of its first message, and the Subject of that as it is in the header. */
  startedAt: Date
  firstSubject: string | null
  /** Where its newest message lies that is not in Sent; null: all of them are there. */
  placedFolderId: string | null
}

export type ThreadMessage = {
  id: string
  folderId: string
  uid: number
  flags: number
  keywords: string[]
  internalDate: Date
  sizeBytes: number
  bodyId: string
  envelope: Envelope
}

/** Messages that are walked over together, and at most for one page: a page may have fewer threads than it could. */
const messagesPerStep = 200
const messagesPerPageMax = 4000
/** The oldest messages of a longer thread are left out. */
const messagesPerThreadMax = 1000

export type ThreadFilter = {
  /** Messages in these folders are as if they were not there. */
  withoutFolders: readonly string[]
  /** Only threads that lie in one of these folders, where `placedFolderId` says; null is one of threads that are all sent. */
  placedIn?: readonly (string | null)[]
}

/** The folders that a list leaves out unless it is asked for them. */
export async function readHiddenFolders(platform: Platform, mailboxId: string): Promise<string[]> {
  const rows = await platform.db
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('special_use', 'in', ['trash', 'junk'])
    .execute()
  return rows.map((row) => row.id)
}

/** Threads by last activity, newest first. A page that is short may still have a next one. */
export async function listThreads(
  platform: Platform,
  mailboxId: string,
  filter: ThreadFilter,
  page: PageRequest,
): Promise<Page<ThreadSummary>> {
  const threads: ThreadSummary[] = []
  const source = await sourceOf(platform, mailboxId, filter)
  const { placedIn } = filter
  let before = page.after
  for (let walked = 0; walked < messagesPerPageMax; walked += messagesPerStep) {
    const messages = await walkMessages(platform.db, source, before, messagesPerStep)
    const threadIds = new Set(messages.map(({ threadId }) => threadId))
    const summaries = await summarize(platform.db, mailboxId, filter, threadIds)
    for (const { id, threadId } of messages) {
      const thread = summaries.get(threadId)
      before = id
      if (thread?.newest.id !== id) continue // it was listed at its newest message
      if (placedIn !== undefined && !placedIn.includes(thread.placedFolderId)) continue
      threads.push(thread)
      if (threads.length === page.limit) return { rows: threads, nextCursor: encodeCursor(id) }
    }
    if (messages.length < messagesPerStep) return { rows: threads, nextCursor: null }
  }
  return { rows: threads, nextCursor: before === null ? null : encodeCursor(before) }
}

/**
 * One thread as in a list.
 * @returns null when it has no message outside the folders that are left out.
 */
export async function summarizeThread(
  db: Db,
  mailboxId: string,
  threadId: string,
  filter: Pick<ThreadFilter, 'withoutFolders'>,
): Promise<ThreadSummary | null> {
  return (await summarize(db, mailboxId, filter, new Set([threadId]))).get(threadId) ?? null
}

/** A thread's messages, oldest first, each of them once whatever folders have copies. Null: there is no such thread. */
export async function getThread(
  platform: Platform,
  mailboxId: string,
  threadId: string,
): Promise<ThreadMessage[] | null> {
  const { rows } = await sql<ThreadMessage>`
    select page.*, envelope from (
      select * from (
        select distinct on (body_id) messages.id, folder_id as "folderId", uid, flags, keywords,
          internal_date as "internalDate", messages.size_bytes as "sizeBytes", body_id as "bodyId"
        from messages join folders on folders.mailbox_id = messages.mailbox_id and folders.id = folder_id
        where messages.mailbox_id = ${mailboxId}::uuid and thread_id = ${threadId}::uuid
        order by body_id, coalesce(special_use in ('trash', 'junk'), false), saved_at, messages.id
      ) as one order by id desc limit ${messagesPerThreadMax}
    ) as page join bodies on bodies.id = page."bodyId" order by page.id`.execute(platform.db)
  return rows.length === 0 ? null : rows
}

/** Every folder with messages but those that are left out, to be walked over. */
async function sourceOf(
  platform: Platform,
  mailboxId: string,
  { withoutFolders, placedIn }: ThreadFilter,
): Promise<WalkSource> {
  const folders = await listFolders(platform, mailboxId)
  // The newest message of a thread lies where the thread does, or in Sent.
  const isWalked = ({ id, special_use: use }: Folder): boolean =>
    !withoutFolders.includes(id) && (placedIn === undefined || use === 'sent' || placedIn.includes(id))
  const folderIds = folders
    .filter((folder) => folder.message_count > 0 && isWalked(folder))
    .map(({ id }) => id)
  return { mailboxId, folderIds, only: 'all', since: null, until: null }
}

type SummaryRow = {
  thread_id: string
  message_count: number
  unseen_count: number
  is_flagged: boolean
  id: string
  folder_id: string
  internal_date: Date
  envelope: Envelope
  started_at: Date
  first_subject: string | null
  placed_folder_id: string | null
}

async function summarize(
  db: Db,
  mailboxId: string,
  { withoutFolders }: Pick<ThreadFilter, 'withoutFolders'>,
  threadIds: ReadonlySet<string>,
): Promise<Map<string, ThreadSummary>> {
  const { rows } = await sql<SummaryRow>`
    with thread as (
      select id, thread_id, folder_id, body_id, flags, internal_date from messages
      where mailbox_id = ${mailboxId}::uuid and thread_id = any(${uuidArray([...threadIds])})
        and folder_id <> all(${uuidArray(withoutFolders)})
    ), counts as (
      select thread_id, count(distinct body_id)::int as message_count,
        (count(distinct body_id) filter (where flags & ${sql.lit(flagBits.seen)} = 0))::int as unseen_count,
        bool_or(flags & ${sql.lit(flagBits.flagged)} <> 0) as is_flagged,
        min(internal_date) as started_at,
        (array_agg(body_id order by id))[1] as first_body_id,
        (array_agg(folder_id order by id desc) filter (where not exists (
          select from folders f where f.mailbox_id = ${mailboxId}::uuid and f.id = folder_id and f.special_use = 'sent'
        )))[1] as placed_folder_id
      from thread group by thread_id
    ), newest as (
      select distinct on (thread_id) * from thread order by thread_id, id desc
    )
    select counts.thread_id, message_count, unseen_count, is_flagged, started_at, placed_folder_id, newest.id, folder_id,
      internal_date, body.envelope, first.envelope ->> 'subject' as first_subject
    from counts join newest using (thread_id) join bodies body on body.id = body_id
      join bodies first on first.id = first_body_id`.execute(db)
  return new Map(rows.map((row) => [row.thread_id, toSummary(row)]))
}

function toSummary(row: SummaryRow): ThreadSummary {
  return {
    id: row.thread_id,
    messageCount: row.message_count,
    unseenCount: row.unseen_count,
    isFlagged: row.is_flagged,
    newest: {
      id: row.id,
      folderId: row.folder_id,
      internalDate: row.internal_date,
      envelope: row.envelope,
    },
    startedAt: row.started_at,
    firstSubject: row.first_subject,
    placedFolderId: row.placed_folder_id,
  }
}
