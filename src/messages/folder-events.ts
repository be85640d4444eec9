/** The events of statements that change a folder's messages and count them themselves. */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { computedEvent, publishAfterCommit } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxOwner } from './owner.ts'

export type CountedChange = {
  type: 'message.flags_changed' | 'message.expunged' | 'message.copied'
  folderId: string
  /** Of a change of flags: the keywords that it names. */
  keywords?: readonly string[]
}

/**
 * Writes the event within a statement.
 * @param from its parts with `count` and `modseq`, the folder's MODSEQ after the change. No event for a count of 0.
 */
export function countedEvent(
  platform: Platform,
  owner: MailboxOwner,
  { type, folderId, keywords = [] }: CountedChange,
  from: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const named =
    keywords.length === 0 ? sql`` : sql` || jsonb_build_object('keywords', ${[...keywords]}::text[])`
  const data = sql`jsonb_build_object('folder_id', ${folderId}::text, 'highest_modseq', modseq, 'count', count)${named}`
  return computedEvent(platform, { type, ...owner }, data, sql`${from} where count > 0`)
}

/** Tells this process of the same event, once the statement has told what it did. */
export function publishCounted(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { type, folderId, keywords = [] }: CountedChange,
  done: { modseq: number; count: number },
): void {
  if (done.count === 0) return
  const data = {
    folder_id: folderId,
    highest_modseq: done.modseq,
    count: done.count,
    ...(keywords.length === 0 ? {} : { keywords: [...keywords] }),
  }
  publishAfterCommit(platform, tx, [{ type, ...owner, data }])
}
