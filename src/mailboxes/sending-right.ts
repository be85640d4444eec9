/** Whether a mailbox may send now: it is served, and so is its domain. */
import { allowsSending } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { isServed } from './lifecycle.ts'

/** Asked each time: a login, and what was prepared, may be older than a suspension. */
export async function maySend(db: Db, mailboxId: string): Promise<boolean> {
  const row = await db
    .selectFrom('mailboxes')
    .innerJoin('domains', 'domains.id', 'mailboxes.domain_id')
    .select(['mailboxes.state', 'domains.state as domain_state'])
    .where('mailboxes.id', '=', mailboxId)
    .executeTakeFirst()
  return row !== undefined && isServed(row.state) && allowsSending(row.domain_state)
}
