/** Mailboxes that go when their time is over, as deleteMailbox does it: restorable for the days that their workspace says. */

import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { restorableUntil } from './engines.ts'
import { mayMoveMailbox } from './lifecycle.ts'
import { tellMoves } from './state-moves.ts'
import type { Mailbox } from './tables.ts'
import { defaultMailboxSettings } from './workspace-settings.ts'

export type RemovedMailbox = Pick<
  Mailbox,
  'id' | 'organization_id' | 'workspace_id' | 'address' | 'batch_id' | 'state' | 'service'
>

/** @param mailboxes locked by this transaction. */
export async function scheduleRemovals(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly RemovedMailbox[],
  now: Date,
): Promise<void> {
  const stuck = mailboxes.find(({ state }) => !mayMoveMailbox(state, 'deletion_scheduled'))
  if (stuck) throw new Error(`a mailbox cannot go from ${stuck.state} to deletion_scheduled`)
  if (mailboxes.length === 0) return
  await sql`update mailboxes set state = 'deletion_scheduled', state_before_deletion = mailboxes.state,
      purge_at = least(${now}::timestamptz + make_interval(hours => 24 * coalesce(
        (select restore_days from mailbox_settings where workspace_id = mailboxes.workspace_id),
        ${defaultMailboxSettings.restore_days}::int)), ${restorableUntil(platform, now)}),
      version = version + 1, state_changed_at = ${now}, updated_at = ${now}
    where id = any(${uuidArray(mailboxes.map(({ id }) => id))})`.execute(tx)
  await tellMoves(
    platform,
    tx,
    mailboxes.map((mailbox) => ({ ...mailbox, from: mailbox.state, to: 'deletion_scheduled' as const })),
  )
}
