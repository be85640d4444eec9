/** Messages by their ids, for a change: with the folders that they lie in locked, so that they stay where they are. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { lockStatement } from './folder-locks.ts'
import type { SpecialUse } from './tables.ts'

export type LockedMessage = {
  id: string
  folderId: string
  folderPath: string
  specialUse: SpecialUse | null
  uid: number
  modseq: number
  flags: number
  keywords: string[]
}

/** A message may be moved between the look and the lock; one that is moved again and again waits no longer. */
const attemptsMax = 5

/**
 * @param folderIds folders that are locked with them, as messages may go there.
 * @returns those that are there, in the order of their folders and UIDs. Their folders are locked in the order that everyone
 * locks them in (decision 0012); should a message just have moved to another, and its lock come too late for the order, a
 * deadlock has the transaction run again.
 */
export async function lockMessages(
  tx: Tx,
  mailboxId: string,
  ids: readonly string[],
  folderIds: readonly string[] = [],
): Promise<LockedMessage[]> {
  const locked = new Set<string>()
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const messages = await readMessages(tx, mailboxId, ids)
    const wanted = new Set([...messages.map(({ folderId }) => folderId), ...folderIds])
    if ([...wanted].every((id) => locked.has(id))) return messages
    const { rows } = await lockStatement(mailboxId, [...wanted]).execute(tx)
    for (const { id } of rows) locked.add(id)
    for (const id of folderIds) locked.add(id) // one that is gone is noticed by who moves there
  }
  throw new Error('messages of a mailbox do not stay in their folders')
}

async function readMessages(tx: Tx, mailboxId: string, ids: readonly string[]): Promise<LockedMessage[]> {
  const { rows } = await sql<LockedMessage>`/* prepared messages_to_change */
    select messages.id, folder_id as "folderId", path as "folderPath", special_use as "specialUse", uid, modseq, flags,
      keywords
    from messages
      join folders on folders.mailbox_id = messages.mailbox_id and folders.id = messages.folder_id
    where messages.mailbox_id = ${mailboxId}::uuid and messages.id = any(${uuidArray(ids)})
    order by folder_id, uid`.execute(tx)
  return rows
}

/** The messages of threads, oldest first. @param max of them are read at most. */
export async function idsOfThreads(
  tx: Tx,
  mailboxId: string,
  threadIds: readonly string[],
  max: number,
): Promise<{ id: string; threadId: string }[]> {
  const { rows } = await sql<{ id: string; threadId: string }>`
    select id, thread_id as "threadId" from messages
    where mailbox_id = ${mailboxId}::uuid and thread_id = any(${uuidArray(threadIds)})
    order by id limit ${max}`.execute(tx)
  return rows
}

/** What a message is known by after a change of it: of those that are still there. */
export async function readVersions(
  tx: Tx,
  mailboxId: string,
  ids: readonly string[],
): Promise<{ id: string; folderId: string; modseq: number }[]> {
  const { rows } = await sql<{ id: string; folderId: string; modseq: number }>`/* prepared message_versions */
    select id, folder_id as "folderId", modseq from messages
    where mailbox_id = ${mailboxId}::uuid and id = any(${uuidArray(ids)})`.execute(tx)
  return rows
}
