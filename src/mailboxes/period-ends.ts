/**
 * Periods end: the next one begins, or the mailbox goes. Renewal happens here and nowhere else, with an event for each
 * mailbox in the same transaction: what a period costs is charged by whoever reads or joins that.
 */
import { sql } from 'kysely'
import { runningPeriod } from '../billing/periods.ts'
import type { Period } from '../billing/tables.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { timeArray, uuidArray } from '../platform/sql-arrays.ts'
import { restorableUntil } from './engines.ts'
import { mayMoveMailbox } from './lifecycle.ts'
import { subject } from './mailboxes.ts'
import { beginPeriods } from './period-changes.ts'
import type { Mailbox } from './provision.ts'
import { tellMoves } from './state-moves.ts'
import { defaultMailboxSettings } from './workspace-settings.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.end_periods': Record<string, never>
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** `periods` of `period` began behind each other since `began_at`: more than one only after a long stand-still. */
    'mailbox.period_renewed': {
      mailbox_id: string
      address: string
      period: Period
      periods: number
      began_at: string
      period_ends_at: string
    }
  }
}

const mailboxesPerTransaction = 1000

/**
 * Renews or removes some of the mailboxes whose period is over, those that ended first before the others.
 * @returns how many; 0 when there is none left.
 */
export async function endDuePeriods(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const due = await findDue(tx, now)
    await renew(
      platform,
      tx,
      due.filter((mailbox) => !mailbox.cancel_at_period_end),
      now,
    )
    await remove(
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
  | 'cancel_at_period_end'
> & { period_anchor_at: Date; period_ends_at: Date }

// Who holds one of them now changes it: it is looked at again by the next run.
async function findDue(tx: Tx, now: Date): Promise<DueMailbox[]> {
  const { rows } =
    await sql<DueMailbox>`select id, organization_id, workspace_id, address, batch_id, state, service, period,
      next_period, cancel_at_period_end, period_anchor_at, period_ends_at from mailboxes
    where period_ends_at <= ${now} and state not in ('deleted', 'deletion_scheduled')
    order by period_ends_at limit ${mailboxesPerTransaction} for update skip locked`.execute(tx)
  return rows
}

async function renew(platform: Platform, tx: Tx, mailboxes: readonly DueMailbox[], now: Date): Promise<void> {
  if (mailboxes.length === 0) return
  const renewed = mailboxes.map((mailbox) => {
    const period = mailbox.next_period ?? mailbox.period
    const { period_anchor_at: anchor, period_ends_at: beganAt } = mailbox
    return { mailbox, period, beganAt, ...runningPeriod(anchor, period, beganAt, now) }
  })
  await sql`update mailboxes set period = coalesce(next_period, period), next_period = null,
      period_ends_at = new.ends_at, version = version + 1, updated_at = ${now}
    from unnest(${uuidArray(renewed.map(({ mailbox }) => mailbox.id))}, ${timeArray(renewed.map(({ endsAt }) => endsAt))})
      as new (id, ends_at)
    where mailboxes.id = new.id`.execute(tx)
  await appendEvents(
    platform,
    tx,
    renewed.map(
      ({ mailbox, period, periods, beganAt, endsAt }): NewEvent => ({
        type: 'mailbox.period_renewed',
        ...subject(mailbox),
        data: {
          mailbox_id: mailbox.id,
          address: mailbox.address,
          period,
          periods,
          began_at: beganAt.toISOString(),
          period_ends_at: endsAt.toISOString(),
        },
      }),
    ),
  )
}

/** As deleteMailbox does it: restorable for the days that its workspace says, and its service can. */
async function remove(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly DueMailbox[],
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
