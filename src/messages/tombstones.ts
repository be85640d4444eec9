/**
 * Tombstones: what QRESYNC and other sessions learn of expunged messages from (RFC 7162 §3.2). They are kept for a time
 * and up to a number in each folder. `folders.tombstones_from_modseq` says from where on they are whole, and rises in
 * the statement that takes some away.
 */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { dayMs } from './removal.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'tombstones.prune_folder': { mailbox_id: string; folder_id: string }
    'tombstones.prune_old': Record<string, never>
  }
}

/** A client that was away for longer compares the whole folder instead. */
export const tombstoneDays = 90

/** Of one folder; the pruning that brings it down to this is due after so many more. */
export const tombstonesPerFolderMax = 50_000
export const tombstonesPruneStep = 10_000

// Sessions that have the folder selected read the newest tombstones first.
const pruneDelayMs = 3600 * 1000

// Folders are locked meanwhile, and deliveries wait for them.
const oldPerStatement = 1000

/**
 * Plans the pruning of a folder whenever its expunged messages pass another step.
 * @param removedEver how many messages have left the folder, ever: UIDNEXT - 1 - EXISTS.
 * @param removed how many of them just now.
 */
export async function planPruning(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  folderId: string,
  { removedEver, removed }: { removedEver: number; removed: number },
): Promise<void> {
  if (!isPruningDue({ removedEver, removed })) return
  const runAt = new Date(platform.clock.now().getTime() + pruneDelayMs)
  const key = `tombstones.prune_folder:${folderId}`
  await addJob(tx, 'tombstones.prune_folder', { mailbox_id: mailboxId, folder_id: folderId }, { runAt, key })
}

/** Whether `planPruning` has something to plan. */
export function isPruningDue({ removedEver, removed }: { removedEver: number; removed: number }): boolean {
  const steps = (count: number): number => Math.floor(count / tombstonesPruneStep)
  return removedEver > tombstonesPerFolderMax && steps(removedEver) !== steps(removedEver - removed)
}

/** Takes a folder's oldest tombstones away, down to the number it may have. */
export async function pruneFolderTombstones(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<void> {
  const inFolder = sql`mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`
  await sql`
    with boundary as (
      select modseq from expunged_messages where ${inFolder}
      order by modseq desc, uid desc offset ${tombstonesPerFolderMax} limit 1
    ), gone as (
      delete from expunged_messages using boundary
      where ${inFolder} and expunged_messages.modseq <= boundary.modseq
    )
    update folders set tombstones_from_modseq = greatest(tombstones_from_modseq, boundary.modseq)
    from boundary where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid`.execute(platform.db)
}

/** Takes a batch of tombstones away that are older than `tombstoneDays`, of all folders. @returns how many. */
export async function pruneOldTombstones(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - tombstoneDays * dayMs)
  const { rows } = await sql<{ count: number }>`
    with old as materialized (
      select mailbox_id, folder_id, modseq, uid from expunged_messages where expunged_at < ${before}
      order by expunged_at limit ${oldPerStatement}
    ), highest as (
      select mailbox_id, folder_id, max(modseq) as modseq from old group by mailbox_id, folder_id
    ), locked as materialized (
      select folders.mailbox_id, folders.id, highest.modseq
      from folders join highest on highest.mailbox_id = folders.mailbox_id and highest.folder_id = folders.id
      order by folders.mailbox_id, folders.id for no key update of folders
    ), raised as (
      update folders set tombstones_from_modseq = greatest(folders.tombstones_from_modseq, locked.modseq)
      from locked where folders.mailbox_id = locked.mailbox_id and folders.id = locked.id
    ), gone as (
      delete from expunged_messages using old
      where expunged_messages.mailbox_id = old.mailbox_id and expunged_messages.folder_id = old.folder_id
        and expunged_messages.modseq = old.modseq and expunged_messages.uid = old.uid
      returning 1
    )
    select count(*)::int as count from gone`.execute(platform.db)
  return rows[0]?.count ?? 0
}
