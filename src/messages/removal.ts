/**
 * What happens to messages that leave a folder, as the parts of one statement: their rows go, tombstones come (RFC 7162
 * §3.2.5.1), and a removed message is kept for as long as the policy says, after which its body is swept.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { flagBits } from './flags.ts'
import { selectFolder, type UidSelection } from './uid-selection.ts'

export const dayMs = 24 * 3600 * 1000

/** @param where which of the selected, in a folder that is locked. */
export function takeMessages(
  selection: UidSelection,
  where: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> {
  const using = selection.table === null ? sql`` : sql`using ${selection.table}`
  return sql`
    delete from messages ${using} where ${selection.where} and ${where}
    returning uid, id, flags, keywords, internal_date, size_bytes, body_id, thread_id, saved_at`
}

/** What the counters of a folder change by, for messages in the part `from`. */
export function totalsOf(from: string): RawBuilder<unknown> {
  return sql`
    select count(*)::int as count, (count(*) filter (where flags & ${sql.lit(flagBits.seen)} = 0))::int as unseen,
      coalesce(sum(size_bytes), 0)::bigint as bytes
    from ${sql.ref(from)}`
}

/** @param from parts with `uid` and `modseq`: the MODSEQ that the folder got by the removal. */
export function addTombstones(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  from: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`
    insert into expunged_messages (mailbox_id, folder_id, modseq, uid, expunged_at)
    select ${mailboxId}::uuid, ${folderId}::uuid, modseq, uid, ${platform.clock.now()}::timestamptz from ${from}`
}

/**
 * Keeps removed messages restorable, or gives their bodies to the sweep when the policy keeps nothing.
 * @param from parts with the messages' columns and the folder's `path`.
 */
export function keepRemoved(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  restoreDays: number,
  from: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const now = platform.clock.now()
  if (restoreDays === 0) {
    return sql`
      insert into sweep_candidates (body_id, since) select distinct body_id, ${now}::timestamptz from ${from}`
  }
  return sql`
    insert into deleted_messages (mailbox_id, id, folder_id, folder_path, flags, keywords, internal_date, size_bytes,
      body_id, thread_id, saved_at, deleted_at, restore_until)
    select ${mailboxId}::uuid, id, ${folderId}::uuid, path, flags, keywords, internal_date, size_bytes,
      body_id, thread_id, saved_at, ${now}::timestamptz, ${new Date(now.getTime() + restoreDays * dayMs)}::timestamptz
    from ${from}`
}

/**
 * For a folder that is itself being deleted: all of its messages, without their ids on the way, as there may be a
 * million.
 */
export function removeAllMessages(
  platform: Platform,
  mailboxId: string,
  folder: { id: string; path: string },
  restoreDays: number,
): RawBuilder<unknown> {
  return sql`
    with gone as (
      ${takeMessages(selectFolder(mailboxId, folder.id))}
    )
    ${keepRemoved(platform, mailboxId, folder.id, restoreDays, sql`gone, (values (${folder.path}::text)) as folder (path)`)}`
}
