/** Whether a mailbox may send now: it is served, and so is its domain. */
import { sql } from 'kysely'
import { allowsSending, type DomainState } from '../domains/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { isServed, type MailboxState } from './lifecycle.ts'

/** Asked each time: a login, and what was prepared, may be older than a suspension. */
export async function maySend(db: Db, mailboxId: string): Promise<boolean> {
  const { rows } = await sql<{ state: MailboxState; domain_state: DomainState }>`/* prepared may_send */
    select mailboxes.state, domains.state as domain_state
    from mailboxes join domains on domains.id = domain_id where mailboxes.id = ${mailboxId}::uuid`.execute(db)
  const [row] = rows
  return row !== undefined && isServed(row.state) && allowsSending(row.domain_state)
}
