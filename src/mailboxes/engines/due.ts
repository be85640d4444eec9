/**
 * What has to be looked for: mailboxes whose wait for a domain is over, what a node that ended left undone, and
 * connections whose workspace is gone.
 */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { startWaitingElsewhere } from '../domain-activation.ts'
import { forgetConnections } from './connections.ts'
import { wakeConnections } from './jobs.ts'

/** The job of every minute. */
export async function reconcileDue(platform: Platform): Promise<void> {
  await startWaitingElsewhere(platform)
  await forgetConnections(platform)
  const now = platform.clock.now()
  const { rows } = await sql<{ id: string }>`
    select id from service_connections where (retry_at is null or retry_at <= ${now}) and exists (
      select 1 from mailbox_remotes where connection_id = service_connections.id and next_attempt_at <= ${now}
        and (claim_id is null or claimed_until <= ${now}))`.execute(platform.db)
  await transaction(platform.db, (tx) =>
    wakeConnections(
      tx,
      rows.map(({ id }) => id),
    ),
  )
}
