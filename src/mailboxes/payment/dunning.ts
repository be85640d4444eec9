/**
 * Unpaid mailboxes: tried again when money comes (settle.ts) and when the terms say so (billing/dunning.ts). What stays
 * unpaid works on for some days, is then suspended, and in the end deleted, never without having been told so before.
 */

import { sql } from 'kysely'
import { dunningAt } from '../../billing/dunning.ts'
import { type BillingSettings, billingSettingsOf } from '../../billing/settings.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { timeArray, uuidArray } from '../../platform/sql-arrays.ts'
import { type RemovedMailbox, scheduleRemovals } from '../scheduled-removal.ts'
import { tellMoves } from '../state-moves.ts'
import type { Mailbox } from '../tables.ts'
import { type PaidPeriods, type PayingMailbox, payPeriods } from './due-periods.ts'
import { writePaid, writeUnpaid } from './payments-written.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.mailbox_deletion_announced': { mailbox_id: string; address: string; deletes_at: string }
  }
}

export type UnpaidMailbox = PayingMailbox &
  RemovedMailbox &
  Pick<Mailbox, 'payment_suspension' | 'deletion_announced_for' | 'cancel_at_period_end'> & {
    period_anchor_at: Date
    period_ends_at: Date
    unpaid_since: Date
  }

export const unpaidColumns =
  sql.raw(`id, organization_id, workspace_id, address, batch_id, state, service, period,
  next_period, in_slot, payment_suspension, deletion_announced_for, cancel_at_period_end, period_anchor_at,
  period_ends_at, unpaid_since`)

const mailboxesPerTransaction = 1000

/** Looks at some of the unpaid mailboxes whose next look is due. @returns how many; 0 when there is none left. */
export async function lookAtUnpaid(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const { rows } = await sql<UnpaidMailbox>`select ${unpaidColumns} from mailboxes
      where next_payment_at <= ${now} and state not in ('deleted', 'deletion_scheduled')
      order by next_payment_at limit ${mailboxesPerTransaction} for update skip locked`.execute(tx)
    await payUnpaid(platform, tx, rows, now)
    return rows.length
  })
}

/**
 * Tries unpaid mailboxes again, in their order, and takes those that stay so to their stage. In grace the money is for the
 * time since the old period; after a suspension a new period begins now. One that is canceled is not paid again: it goes.
 * @param mailboxes locked by this transaction.
 * @returns whether all could be paid.
 */
export async function payUnpaid(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly UnpaidMailbox[],
  now: Date,
): Promise<boolean> {
  const canceled = mailboxes.filter(({ cancel_at_period_end }) => cancel_at_period_end)
  await scheduleRemovals(platform, tx, canceled, now)
  const kept = mailboxes.filter(({ cancel_at_period_end }) => !cancel_at_period_end)
  const results = await payPeriods(
    platform,
    tx,
    kept.map((mailbox) =>
      mailbox.payment_suspension === null
        ? { mailbox, anchor: mailbox.period_anchor_at, from: mailbox.period_ends_at }
        : { mailbox, anchor: now, from: now },
    ),
    now,
  )
  const paid = results.filter(({ isPaid }) => isPaid)
  const unpaid = results.filter(({ isPaid }) => !isPaid)
  await writePaid(platform, tx, paid, now)
  await moveAll(
    platform,
    tx,
    paid.filter(({ mailbox }) => mailbox.payment_suspension === 'resume').map(mailboxOf),
    now,
    {
      from: 'suspended',
      to: 'active',
    },
  )
  await writeUnpaid(
    platform,
    tx,
    unpaid.filter(({ periods }) => periods > 0),
    now,
  )
  await dun(
    platform,
    tx,
    unpaid.map(({ mailbox, periods, endsAt }) =>
      periods > 0 ? { ...mailbox, unpaid_since: endsAt } : mailbox,
    ),
    now,
  )
  return unpaid.length === 0
}

function mailboxOf({ mailbox }: PaidPeriods<UnpaidMailbox>): UnpaidMailbox {
  return mailbox
}

/** Takes mailboxes that stay unpaid to the stage that their time says. */
async function dun(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly UnpaidMailbox[],
  now: Date,
): Promise<void> {
  if (mailboxes.length === 0) return
  const terms = await billingSettingsOf(tx)
  const judged = mailboxes.map((mailbox) => nextOf(terms, mailbox, now))
  await appendEvents(platform, tx, judged.flatMap(announcement))
  const kept = judged.filter(({ isOver }) => !isOver)
  await sql`update mailboxes set payment_suspension = new.suspension, deletion_announced_for = new.deletes_at,
      next_payment_at = new.look, payment_attempts = payment_attempts + 1
    from unnest(${uuidArray(kept.map(({ mailbox }) => mailbox.id))}, ${kept.map((next) => next.suspension)}::text[],
      ${kept.map(({ deletesAt }) => deletesAt?.toISOString() ?? null)}::timestamptz[],
      ${timeArray(kept.map(({ lookAt }) => lookAt))}) as new (id, suspension, deletes_at, look)
    where mailboxes.id = new.id`.execute(tx)
  await scheduleRemovals(
    platform,
    tx,
    judged.filter(({ isOver }) => isOver).map(({ mailbox }) => mailbox),
    now,
  )
  const suspended = kept.filter(({ mailbox, suspension }) => {
    return suspension === 'resume' && mailbox.payment_suspension === null && mailbox.state === 'active'
  })
  await moveAll(
    platform,
    tx,
    suspended.map(({ mailbox }) => mailbox),
    now,
    { from: 'active', to: 'suspended' },
  )
}

type Next = {
  mailbox: UnpaidMailbox
  /** Whether its deletion is due. */
  isOver: boolean
  suspension: UnpaidMailbox['payment_suspension']
  deletesAt: Date | null
  lookAt: Date
}

const dayMs = 24 * 3600_000

function nextOf(terms: BillingSettings, mailbox: UnpaidMailbox, now: Date): Next {
  const { unpaid_since: since, state, deletion_announced_for: announcedFor } = mailbox
  const { stage, deletionAt, nextLookAt } = dunningAt(terms, since, announcedFor, now)
  // What is not active yet, as on a domain that is not, has no logins to be taken away, but may become so.
  const canSuspend = state === 'active' || state === 'suspended'
  const isSuspended = stage !== 'grace' && canSuspend
  const suspension =
    mailbox.payment_suspension ?? (isSuspended ? (state === 'active' ? 'resume' : 'stay') : null)
  const tomorrowMs = now.getTime() + dayMs
  const isLate = stage !== 'grace' && suspension === null
  const lookMs = Math.min(nextLookAt?.getTime() ?? tomorrowMs, isLate ? tomorrowMs : Number.POSITIVE_INFINITY)
  return { mailbox, isOver: stage === 'deleted', suspension, deletesAt: deletionAt, lookAt: new Date(lookMs) }
}

function announcement({ mailbox, deletesAt }: Next): NewEvent[] {
  if (deletesAt === null || mailbox.deletion_announced_for !== null) return []
  const { id, organization_id: organizationId, workspace_id: workspaceId, address } = mailbox
  const data = { mailbox_id: id, address, deletes_at: deletesAt.toISOString() }
  return [{ type: 'billing.mailbox_deletion_announced', organizationId, workspaceId, mailboxId: id, data }]
}

async function moveAll(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly UnpaidMailbox[],
  now: Date,
  { from, to }: { from: 'active' | 'suspended'; to: 'active' | 'suspended' },
): Promise<void> {
  if (mailboxes.length === 0) return
  const { rows } = await sql<{ id: string }>`update mailboxes set state = ${to}, state_changed_at = ${now},
      updated_at = ${now}, version = version + 1
    where id = any(${uuidArray(mailboxes.map(({ id }) => id))}) and state = ${from} returning id`.execute(tx)
  const moved = new Set(rows.map(({ id }) => id))
  await tellMoves(
    platform,
    tx,
    mailboxes.filter(({ id }) => moved.has(id)).map((mailbox) => ({ ...mailbox, from, to })),
  )
}
