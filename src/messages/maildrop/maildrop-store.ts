/** What a maildrop reads and writes. */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import { changeFlags, expungeMessages } from '../changes.ts'
import { flagBits } from '../flags.ts'
import { inboxPath } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import { rangesOfUids } from '../uid-ranges.ts'
import { confirmMaildropLock, type MaildropLock } from './maildrop-locks.ts'

/** INBOX and its messages of one moment: UIDs, ascending, and their sizes. Both have 32 bits. */
export type MaildropIndex = {
  folderId: string
  uidvalidity: number
  uids: Uint32Array
  sizes: Uint32Array
}

/** @returns null when the mailbox is gone. */
export async function readIndex(platform: Platform, mailboxId: string): Promise<MaildropIndex | null> {
  // All in one value: a row for each message would cost the driver ten times as much.
  const { rows } = await sql<{ id: string; uidvalidity: number; packed: Buffer | null }>`
    select id, uidvalidity, (
      select string_agg(int8send((uid << 32) | size_bytes), ''::bytea order by uid) from messages
      where messages.mailbox_id = folders.mailbox_id and messages.folder_id = folders.id
    ) as packed
    from folders where mailbox_id = ${mailboxId}::uuid and path = ${inboxPath}`.execute(platform.db)
  const [row] = rows
  if (!row) return null
  const packed = row.packed ?? Buffer.alloc(0)
  const count = packed.length / 8
  const uids = new Uint32Array(count)
  const sizes = new Uint32Array(count)
  for (let at = 0; at < count; at++) {
    uids[at] = packed.readUInt32BE(at * 8)
    sizes[at] = packed.readUInt32BE(at * 8 + 4)
  }
  return { folderId: row.id, uidvalidity: row.uidvalidity, uids, sizes }
}

/** @returns null when the message is gone. */
export async function findBodyId(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  uid: number,
): Promise<string | null> {
  const { rows } = await sql<{ body_id: string }>`/* prepared find_body */
    select body_id from messages
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and uid = ${uid}::bigint`.execute(
    platform.db,
  )
  return rows[0]?.body_id ?? null
}

/** Gives messages \Seen and, where they are kept for a number of days only, begins to count. */
export async function noteRetrieved(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  uids: readonly number[],
  keepDays: number | null,
): Promise<void> {
  const ranges = rangesOfUids(uids.toSorted((a, b) => a - b))
  await transaction(platform.db, async (tx) => {
    const seen = { mode: 'add', flags: flagBits.seen, keywords: [] } as const
    await changeFlags(platform, tx, owner, folderId, ranges, seen)
    // Nothing is kept after 0 days, and what was retrieved goes at the session's end.
    if (keepDays === null || keepDays === 0) return
    await sql`
      insert into maildrop_retrievals (mailbox_id, uid, retrieved_at)
      select ${owner.mailboxId}::uuid, uid, ${platform.clock.now()}::timestamptz
      from unnest(${int8Array(uids)}) as retrieved (uid)
      on conflict do nothing`.execute(tx)
  })
}

/**
 * Removes messages of a maildrop, unless its lock was lost. Those that others removed meanwhile do not matter.
 * @returns whether the lock was held.
 */
export async function updateMaildrop(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  lock: Pick<MaildropLock, 'mailboxId' | 'holderId'>,
  uids: readonly number[],
): Promise<boolean> {
  return await transaction(platform.db, async (tx) => {
    if (!(await confirmMaildropLock(tx, lock))) return false
    await expungeMessages(platform, tx, owner, folderId, uids)
    return true
  })
}
