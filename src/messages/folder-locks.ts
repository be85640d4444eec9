/** The row lock that whoever changes a folder's messages takes first (decision 0012). */
import { type RawBuilder, sql } from 'kysely'
import { uuidArray } from '../platform/sql-arrays.ts'

/** A locked folder, as `lockStatement` returns it. */
export type LockedFolder = { id: string; uidvalidity: number; uidnext: number; highest_modseq: number }

/**
 * Locks folders in the order that everyone locks them in. A row is missing for a folder that is gone. What follows in
 * the same transaction sees everything that others did to these folders.
 */
export function lockStatement(mailboxId: string, folderIds: readonly string[]): RawBuilder<LockedFolder> {
  return sql<LockedFolder>`/* prepared lock_folders */
    select id, uidvalidity, uidnext, highest_modseq from folders
    where mailbox_id = ${mailboxId}::uuid and id = any(${uuidArray(folderIds)})
    order by mailbox_id, id for no key update`
}
