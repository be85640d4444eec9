/** What a payment, or that there was none, makes of mailboxes. Both rise their versions: their owners see it. */
import { sql } from 'kysely'
import { dunningAt } from '../../billing/dunning.ts'
import { billingSettingsOf } from '../../billing/settings.ts'
import type { Period } from '../../billing/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { timeArray, uuidArray } from '../../platform/sql-arrays.ts'
import type { PaidPeriods } from './due-periods.ts'

declare module '../../platform/events.ts' {
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
    /** Its next period could not be paid. It works on until dunning suspends it. */
    'billing.mailbox_unpaid': { mailbox_id: string; address: string; unpaid_since: string }
  }
}

/** Writes down mailboxes whose period is paid. What is suspended for want of payment is resumed by who calls. */
export async function writePaid(
  platform: Platform,
  tx: Tx,
  paid: readonly PaidPeriods[],
  now: Date,
): Promise<void> {
  if (paid.length === 0) return
  await sql`update mailboxes set period = new.period, next_period = null, period_anchor_at = new.anchor,
      period_ends_at = new.ends_at, in_slot = new.in_slot, unpaid_since = null, payment_attempts = 0,
      next_payment_at = null, noticed_days = null, payment_suspension = null, deletion_announced_for = null,
      version = version + 1, updated_at = ${now}
    from ${newPeriods(paid)} where mailboxes.id = new.id`.execute(tx)
  await appendEvents(platform, tx, renewals(paid))
}

/** The periods as a set `new`, to be joined. */
export function newPeriods(paid: readonly PaidPeriods[]) {
  return sql`unnest(${uuidArray(paid.map(({ mailbox }) => mailbox.id))}, ${paid.map(({ period }) => period)}::text[],
      ${timeArray(paid.map(({ anchor }) => anchor))}, ${timeArray(paid.map(({ endsAt }) => endsAt))},
      ${paid.map(({ inSlot }) => inSlot)}::boolean[]) as new (id, period, anchor, ends_at, in_slot)`
}

function renewals(paid: readonly PaidPeriods[]): NewEvent[] {
  return paid
    .filter(({ periods }) => periods > 0)
    .map(({ mailbox, period, periods, from, endsAt }) => ({
      type: 'mailbox.period_renewed',
      organizationId: mailbox.organization_id,
      workspaceId: mailbox.workspace_id,
      mailboxId: mailbox.id,
      data: {
        mailbox_id: mailbox.id,
        address: mailbox.address,
        period,
        periods,
        began_at: from.toISOString(),
        period_ends_at: endsAt.toISOString(),
      },
    }))
}

/**
 * Writes down mailboxes that became unpaid: since the end of the last of their periods that could be paid. Until the first
 * look of dunning they only have that mark; one whose grace is over already is looked at at once.
 */
export async function writeUnpaid(
  platform: Platform,
  tx: Tx,
  unpaid: readonly PaidPeriods[],
  now: Date,
): Promise<void> {
  if (unpaid.length === 0) return
  const terms = await billingSettingsOf(tx)
  const looks = unpaid.map(({ endsAt }) => {
    const { stage, deletionAt, nextLookAt } = dunningAt(terms, endsAt, null, now)
    return stage === 'grace' && deletionAt === null ? (nextLookAt ?? now) : now
  })
  await sql`update mailboxes set in_slot = new.in_slot, period_ends_at = new.ends_at, unpaid_since = new.ends_at,
      period = case when new.periods > 0 then new.period else mailboxes.period end,
      next_period = case when new.periods > 0 then null else next_period end,
      payment_attempts = payment_attempts + 1, next_payment_at = new.look, version = version + 1, updated_at = ${now}
    from (select new.*, more.periods, more.look from ${newPeriods(unpaid)}
      join unnest(${uuidArray(unpaid.map(({ mailbox }) => mailbox.id))}, ${unpaid.map(({ periods }) => periods)}::int[],
        ${timeArray(looks)}) as more (id, periods, look) on more.id = new.id) as new
    where mailboxes.id = new.id`.execute(tx)
  await appendEvents(platform, tx, [
    ...renewals(unpaid),
    ...unpaid.map(
      ({ mailbox, endsAt }): NewEvent => ({
        type: 'billing.mailbox_unpaid',
        organizationId: mailbox.organization_id,
        workspaceId: mailbox.workspace_id,
        mailboxId: mailbox.id,
        data: { mailbox_id: mailbox.id, address: mailbox.address, unpaid_since: endsAt.toISOString() },
      }),
    ),
  ])
}

/** Notes which mailboxes a plan pays for. */
export async function writeSlots(tx: Tx, ids: readonly string[], inSlot: boolean): Promise<void> {
  if (ids.length === 0) return
  await sql`update mailboxes set in_slot = ${inSlot} where id = any(${uuidArray(ids)})`.execute(tx)
}
