/** Letting go of bodies: a queued message needs its body until its last recipient is done with. */
import { sql } from 'kysely'
import { releaseBodies } from '../../messages/sweep.ts'
import type { Tx } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

/**
 * Holds the rows of messages some of whose recipients are not done with: two transactions that finish the last two of
 * them at the same moment must not each take the other's for open. Called before recipients are finished.
 */
export async function lockShared(tx: Tx, messageIds: readonly string[]): Promise<void> {
  await sql`/* prepared lock_shared_outbound */
    select id from outbound_messages m
    where id = any(${uuidArray(messageIds)}) and exists (
      select from outbound_recipients r where r.outbound_message_id = m.id and r.state in ('queued', 'sending', 'held')
      offset 1
    )
    order by id for update`.execute(tx)
}

/** The same by the ids of recipients. */
export async function lockMessagesOf(tx: Tx, recipientIds: readonly string[]): Promise<void> {
  await sql`
    select id from outbound_messages where id in (
      select outbound_message_id from outbound_recipients where id = any(${uuidArray(recipientIds)})
    )
    order by id for update`.execute(tx)
}

/** Lets go of the bodies of those messages that have no recipient left to be sent to. */
export async function releaseFinished(tx: Tx, messageIds: readonly string[], at: Date): Promise<void> {
  const { rows } = await sql<{ id: string }>`/* prepared finished_outbound */
    select id from outbound_messages m where id = any(${uuidArray(messageIds)}) and not exists (
      select from outbound_recipients r where r.outbound_message_id = m.id and r.state in ('queued', 'sending', 'held'))`.execute(
    tx,
  )
  if (rows.length > 0)
    await releaseBodies(
      rows.map(({ id }) => id),
      at,
    ).execute(tx)
}
