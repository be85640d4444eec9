/** How a mailbox comes to its periods: begun when it is active, and changed. */

import { type RawBuilder, sql } from 'kysely'
import type { Period } from '../billing/tables.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type BegunMailbox, payBegun } from './payment/first-periods.ts'
import type { Mailbox } from './tables.ts'

/**
 * What a wish for another period changes: nothing before the end of the present one.
 * @throws Refusal mailbox_state_conflict for a deleted mailbox.
 */
export function changedPeriod(
  mailbox: Mailbox,
  period: Period,
): Partial<Pick<Mailbox, 'period' | 'next_period'>> {
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_state_conflict', 'It is deleted.')
  if (mailbox.period_ends_at === null) return { period }
  return { next_period: period === mailbox.period ? null : period }
}

/**
 * Begins the first period of those of the mailboxes that are active and have none yet, at the moment that they became
 * so, and pays for it. For whoever makes waiting mailboxes active; the job of period-ends.ts begins what nobody else did.
 */
export async function beginPeriods(platform: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void> {
  const { rows } = await sql<BegunMailbox>`update mailboxes set period_anchor_at = state_changed_at,
      period_ends_at = ${firstEnd(sql`state_changed_at`, sql`period`)}
    where id = any(${uuidArray(mailboxIds)}) and period_ends_at is null and state in ('active', 'suspended')
    returning id, organization_id, workspace_id, address, state, service, period, next_period, in_slot,
      period_anchor_at, period_ends_at`.execute(tx)
  await payBegun(platform, tx, rows)
}

/** As periodAfter has it: a month that is too short ends on its last day. */
function firstEnd(anchor: RawBuilder<unknown>, period: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`((${anchor} at time zone 'UTC') + case ${period} when 'yearly' then interval '1 year' else interval '1 month' end)
    at time zone 'UTC'`
}
