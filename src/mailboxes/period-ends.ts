/**
 * Periods end: the next one is paid and begins, or the mailbox goes. What cannot be paid becomes unpaid, and is from then on
 * the business of payment/dunning.ts.
 */

import { sql } from 'kysely'
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type DueSet, workThrough } from '../platform/work-through.ts'
import { payPeriods } from './payment/due-periods.ts'
import { writePaid, writeUnpaid } from './payment/payments-written.ts'
import { beginPeriods } from './period-changes.ts'
import { scheduleRemovals } from './scheduled-removal.ts'
import type { Mailbox } from './tables.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.end_periods': Record<string, never>
  }
}

const mailboxesPerTransaction = 1000

/** Renews or removes all mailboxes whose period is over, those that ended first before the others. */
export async function endDuePeriods(platform: Platform): Promise<void> {
  await workThrough(platform, 'mailboxes.period_failed', mailboxesPerTransaction, (set) =>
    endSome(platform, set),
  )
}

async function endSome(platform: Platform, set: DueSet): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const due = await findDue(tx, now, set)
    set.taken(due.map(({ id }) => id))
    await renew(
      platform,
      tx,
      due.filter((mailbox) => !mailbox.cancel_at_period_end),
      now,
    )
    await scheduleRemovals(
      platform,
      tx,
      due.filter((mailbox) => mailbox.cancel_at_period_end),
      now,
    )
    return due.length
  })
}

/**
 * Begins the first period of some mailboxes that are active and have none, whatever made them so.
 * @returns how many; 0 when there is none left.
 */
export async function beginMissingPeriods(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`select id from mailboxes
      where period_ends_at is null and state in ('active', 'suspended')
      order by id limit ${mailboxesPerTransaction} for update skip locked`.execute(tx)
    await beginPeriods(
      platform,
      tx,
      rows.map(({ id }) => id),
    )
    return rows.length
  })
}

type DueMailbox = Pick<
  Mailbox,
  | 'id'
  | 'organization_id'
  | 'workspace_id'
  | 'address'
  | 'batch_id'
  | 'state'
  | 'service'
  | 'period'
  | 'next_period'
  | 'in_slot'
  | 'cancel_at_period_end'
> & { period_anchor_at: Date; period_ends_at: Date }

// Who holds one of them now changes it: it is looked at again by the next run.
async function findDue(tx: Tx, now: Date, { limit, except }: DueSet): Promise<DueMailbox[]> {
  const { rows } =
    await sql<DueMailbox>`select id, organization_id, workspace_id, address, batch_id, state, service, period,
      next_period, in_slot, cancel_at_period_end, period_anchor_at, period_ends_at from mailboxes
    where period_ends_at <= ${now} and next_payment_at is null and state not in ('deleted', 'deletion_scheduled')
      and not id = any(${uuidArray(except)})
    order by period_ends_at limit ${limit} for update skip locked`.execute(tx)
  return rows
}

async function renew(platform: Platform, tx: Tx, mailboxes: readonly DueMailbox[], now: Date): Promise<void> {
  const results = await payPeriods(
    platform,
    tx,
    mailboxes.map((mailbox) => {
      return { mailbox, anchor: mailbox.period_anchor_at, from: mailbox.period_ends_at }
    }),
    now,
  )
  await writePaid(
    platform,
    tx,
    results.filter(({ isPaid }) => isPaid),
    now,
  )
  await writeUnpaid(
    platform,
    tx,
    results.filter(({ isPaid }) => !isPaid),
    now,
  )
}
