/** Mailboxes read as a set, for whoever shows many of them at once. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import type { Mailbox } from './tables.ts'

/** Those that the caller may see anyway, whose ids came out of its own rows. */
export async function mailboxesById(db: Db, ids: readonly string[]): Promise<Mailbox[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<Mailbox>`/* prepared mailboxes_by_id */
    select ${mailboxColumns} from mailboxes where id = any(${uuidArray(ids)})`.execute(db)
  return rows
}

/** The newest first, without those that are deleted, whether or not they can be restored. @param max how many at the most. */
export async function newestMailboxes(db: Db, scope: Scope, max: number): Promise<Mailbox[]> {
  return await db
    .selectFrom('mailboxes')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', 'not in', ['deleted', 'deletion_scheduled'])
    .$if(scope.mailboxId !== null, (query) => query.where('id', '=', scope.mailboxId ?? ''))
    .orderBy('id', 'desc')
    .limit(max)
    .execute()
}
