/**
 * The store: new messages of any number of mailboxes are written together. One row lock for each folder, taken
 * in one order, gives UID and MODSEQ (decision 0012); everything else is inserted as sets.
 */
import { type RawBuilder, sql } from 'kysely'
import { afterCommit, type Tx, together } from '../platform/database.ts'
import { eventsStatement, type NewEvent } from '../platform/events.ts'
import { newId, newIdAt } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { int4Array, int8Array, timeArray, uuidArray } from '../platform/sql-arrays.ts'
import { bodiesStatement, type StagedBody } from './bodies.ts'
import { flagBits } from './flags.ts'
import { isRemembered, noteStored } from './light-folders.ts'
import { keepBody } from './remembered-bodies.ts'
import { planThreads } from './threads/threads.ts'

export type NewMessage = {
  mailboxId: string
  folderId: string
  body: StagedBody
  flags: number
  keywords: readonly string[]
  internalDate: Date
  /**
   * The session that stores it takes it as \Recent (RFC 3501 §2.3.2), unless there are others before it that no
   * session was told of. Of those that are stored together in one folder, all or none.
   */
  claimsRecent?: boolean
}

export type StoredMessage = {
  id: string
  mailboxId: string
  folderId: string
  folderPath: string
  uid: number
  uidvalidity: number
  modseq: number
  threadId: string
  sizeBytes: number
  /** Whether it was taken as \Recent with that. */
  isClaimed: boolean
}

/**
 * Writes messages and, once each, their bodies.
 * @param options.look a statement that is sent before anything is written, with no way of its own to the database.
 * @param options.skipLocked a folder that somebody has locked is not waited for: it is as if it did not exist.
 * @param eventsOf the events to write with them; it may throw to give the transaction up. It gets what `look` found.
 * @returns for each message what it became, or null when its folder does not exist (any more).
 */
export async function storeMessages(
  platform: Platform,
  tx: Tx,
  messages: readonly NewMessage[],
  eventsOf: (stored: readonly (StoredMessage | null)[], looked: readonly unknown[]) => NewEvent[],
  { look, skipLocked = false }: { look?: RawBuilder<unknown>; skipLocked?: boolean } = {},
): Promise<(StoredMessage | null)[]> {
  const needs = folderNeeds(messages)
  const threads = planThreads(
    messages.map((message) => ({ mailboxId: message.mailboxId, ...message.body.parsed })),
  )
  const first = [threads.statement, reserveStatement(needs, skipLocked)]
  const answers = await together(tx, look === undefined ? first : [look, ...first])
  const [threaded, reserved] = answers.slice(-first.length)
  const threadIds = await threads.resolve(tx, Number(threaded?.numAffectedRows ?? 0))
  const rows = placeMessages(messages, threadIds, (reserved?.rows ?? []) as ReservedRow[]) // as the statement returns
  const results: (StoredMessage | null)[] = messages.map(() => null)
  for (const row of rows) results[row.index] = toStored(row)
  const events = eventsOf(results, look === undefined ? [] : (answers[0]?.rows ?? []))
  if (rows.length === 0) return results
  const bodies = new Map(rows.map(({ message }) => [message.body.id, message.body]))
  const now = platform.clock.now()
  await together(tx, [
    bodiesStatement([...bodies.values()], now),
    messagesStatement(rows, now),
    eventsStatement(platform, tx, events),
  ])
  afterCommit(tx, () => noteRows(platform, rows, now))
  return results
}

/** What this process has stored itself it need not read: folders that are remembered, and bodies that are soon opened. */
function noteRows(platform: Platform, rows: readonly MessageRow[], at: Date): void {
  for (const { message, uid, id, threadId } of rows) {
    const { id: body_id, content: frame, sizeBytes: size_bytes } = message.body
    if (frame === null) continue
    const row = {
      id,
      internal_date: message.internalDate,
      size_bytes,
      body_id,
      thread_id: threadId,
      saved_at: at,
    }
    keepBody(platform, message.folderId, uid, { ...row, frame })
  }
  for (const [folderId, stored] of Map.groupBy(rows, ({ message }) => message.folderId)) {
    const [first] = stored
    if (first === undefined || !isRemembered(platform, folderId)) continue
    const light = stored.map(({ uid, modseq, message }) => ({
      uid,
      modseq,
      flags: message.flags,
      keywords: message.keywords,
      size_bytes: message.body.sizeBytes,
      internal_date: message.internalDate,
    }))
    noteStored(platform, folderId, first.modseq, light)
  }
}

function toStored(row: MessageRow): StoredMessage {
  return {
    id: row.id,
    mailboxId: row.message.mailboxId,
    folderId: row.message.folderId,
    folderPath: row.folderPath,
    uid: row.uid,
    uidvalidity: row.uidvalidity,
    modseq: row.modseq,
    threadId: row.threadId,
    sizeBytes: row.message.body.sizeBytes,
    isClaimed: row.isClaimed,
  }
}

type FolderNeed = {
  mailboxId: string
  folderId: string
  count: number
  unseen: number
  bytes: number
  claims: boolean
}

function folderNeeds(messages: readonly NewMessage[]): FolderNeed[] {
  const needs = new Map<string, FolderNeed>()
  for (const message of messages) {
    const need = needs.get(message.folderId) ?? {
      mailboxId: message.mailboxId,
      folderId: message.folderId,
      count: 0,
      unseen: 0,
      bytes: 0,
      claims: message.claimsRecent === true,
    }
    need.count += 1
    need.unseen += (message.flags & flagBits.seen) === 0 ? 1 : 0
    need.bytes += message.body.sizeBytes
    needs.set(message.folderId, need)
  }
  return [...needs.values()]
}

type ReservedRow = {
  id: string
  path: string
  first_uid: number
  uidvalidity: number
  modseq: number
  claimed: boolean
}

/** Reserves UIDs and one MODSEQ in each folder, and locks the folders in id order. */
function reserveStatement(needs: readonly FolderNeed[], skipLocked: boolean): RawBuilder<unknown> {
  return sql`${sql.raw(`/* prepared reserve_${skipLocked ? 'free_' : ''}uids */`)}
    with wanted as (
      select * from unnest(
        ${uuidArray(needs.map((need) => need.mailboxId))}, ${uuidArray(needs.map((need) => need.folderId))},
        ${int4Array(needs.map((need) => need.count))}, ${int4Array(needs.map((need) => need.unseen))},
        ${int8Array(needs.map((need) => need.bytes))}, ${needs.map((need) => need.claims)}::boolean[]
      ) as needs (mailbox_id, folder_id, count, unseen, bytes, claims)
    ), locked as materialized (
      select folders.mailbox_id, folders.id, wanted.count, wanted.unseen, wanted.bytes, wanted.claims
      from folders join wanted on folders.mailbox_id = wanted.mailbox_id and folders.id = wanted.folder_id
      order by folders.mailbox_id, folders.id for no key update of folders ${sql.raw(skipLocked ? 'skip locked' : '')}
    )
    update folders set uidnext = uidnext + locked.count, highest_modseq = highest_modseq + 1,
      message_count = message_count + locked.count, unseen_count = unseen_count + locked.unseen,
      size_bytes = size_bytes + locked.bytes,
      first_recent_uid = first_recent_uid + case when locked.claims and first_recent_uid = uidnext then locked.count else 0 end
    from locked where folders.mailbox_id = locked.mailbox_id and folders.id = locked.id
    returning folders.id, folders.path, folders.uidnext - locked.count as first_uid, folders.uidvalidity,
      folders.highest_modseq as modseq, locked.claims and folders.first_recent_uid = folders.uidnext as claimed`
}

/** Gives each message whose folder exists the next of its folder's UIDs. */
function placeMessages(
  messages: readonly NewMessage[],
  threadIds: readonly string[],
  reserved: readonly ReservedRow[],
): MessageRow[] {
  const ranges = new Map(reserved.map((row) => [row.id, { ...row, next: row.first_uid }]))
  return messages.flatMap((message, index) => {
    const range = ranges.get(message.folderId)
    if (!range) return []
    const uid = range.next
    range.next += 1
    const { path: folderPath, uidvalidity, modseq, claimed: isClaimed } = range
    const id = newIdAt(message.internalDate) // so that lists by date are lists by id
    const threadId = threadIds[index] ?? newId()
    return [{ message, index, id, folderPath, uid, uidvalidity, modseq, threadId, isClaimed }]
  })
}

type MessageRow = {
  message: NewMessage
  /** Its place in the call. */
  index: number
  id: string
  folderPath: string
  uid: number
  uidvalidity: number
  modseq: number
  threadId: string
  isClaimed: boolean
}

function messagesStatement(rows: readonly MessageRow[], at: Date): RawBuilder<unknown> {
  return sql`/* prepared insert_messages */
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes,
      body_id, thread_id, saved_at)
    select mailbox_id, folder_id, uid, id, modseq, flags, string_to_array(keywords, ' '), internal_date, size_bytes,
      body_id, thread_id, ${at}
    from unnest(
      ${uuidArray(rows.map((row) => row.message.mailboxId))}, ${uuidArray(rows.map((row) => row.message.folderId))},
      ${int8Array(rows.map((row) => row.uid))}, ${uuidArray(rows.map((row) => row.id))},
      ${int8Array(rows.map((row) => row.modseq))}, ${int4Array(rows.map((row) => row.message.flags))},
      ${rows.map((row) => row.message.keywords.join(' '))}::text[], -- a keyword is an atom and has no space
      ${timeArray(rows.map((row) => row.message.internalDate))},
      ${int8Array(rows.map((row) => row.message.body.sizeBytes))}, ${uuidArray(rows.map((row) => row.message.body.id))},
      ${uuidArray(rows.map((row) => row.threadId))}
    ) as new (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id, thread_id)`
}
