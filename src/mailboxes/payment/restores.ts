/** Mailboxes that come back from their deletion: within their paid period for nothing, after it for a new one. */

import { sql } from 'kysely'
import { addSettleJob } from '../../billing/credits.ts'
import { dunningAt } from '../../billing/dunning.ts'
import { billingSettingsOf, isBilling } from '../../billing/settings.ts'
import type { Tx } from '../../platform/database.ts'
import type { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Mailbox } from '../tables.ts'
import { type PaidPeriods, type PayingMailbox, payPeriods } from './due-periods.ts'
import { newPeriods, writeSlots } from './payments-written.ts'
import { payFirst } from './purchase.ts'

type RestoredMailbox = PayingMailbox & Pick<Mailbox, 'period_ends_at' | 'state_before_deletion'>

/**
 * Pays for deleted mailboxes of one workspace before they are moved to the state that they had. Where the old period is
 * over, a new one begins now, and a cancellation is forgotten. What cannot be paid is suspended until it is.
 * @param ids locked by this transaction.
 * @returns why mailboxes could not be paid, for who wants all or nothing.
 */
export async function payRestored(
  platform: Platform,
  tx: Tx,
  ids: readonly string[],
  now: Date,
): Promise<Refusal[]> {
  const { rows } =
    await sql<RestoredMailbox>`select id, organization_id, workspace_id, address, state, service, period,
      next_period, in_slot, period_ends_at, state_before_deletion from mailboxes
    where id = any(${uuidArray(ids)}) and (period_ends_at is null or period_ends_at <= ${now} or in_slot)
      and state_before_deletion <> 'failed' order by id`.execute(tx)
  // A slot was another's meanwhile: who had one asks for it again.
  const due = rows.filter(({ period_ends_at: at, in_slot }) => {
    return at !== null && (at <= now || (in_slot && isBilling(platform)))
  })
  const results = await payPeriods(
    platform,
    tx,
    due.map((mailbox) => ({
      mailbox: isBilling(platform) ? { ...mailbox, in_slot: false } : mailbox,
      anchor: now,
      from: now,
    })),
    now,
  )
  const runsOn = ({ inSlot, mailbox }: PaidPeriods<RestoredMailbox>): boolean =>
    inSlot && mailbox.period_ends_at !== null && mailbox.period_ends_at > now
  await writeRestarts(
    tx,
    results.filter((result) => result.isPaid && !runsOn(result)),
  )
  await writeSuspended(
    platform,
    tx,
    results.filter(({ isPaid }) => !isPaid),
    now,
  )
  const refusals = results.flatMap(({ refusal }) => (refusal === null ? [] : [refusal]))
  const first = await payWaiting(
    platform,
    tx,
    rows.filter(({ period_ends_at }) => period_ends_at === null),
  )
  return [...refusals, ...first]
}

async function writeRestarts(tx: Tx, paid: readonly PaidPeriods[]): Promise<void> {
  if (paid.length === 0) return
  await sql`update mailboxes set period = new.period, next_period = null, period_anchor_at = new.anchor,
      period_ends_at = new.ends_at, in_slot = new.in_slot, cancel_at_period_end = false,
      state_before_deletion = case payment_suspension when 'resume' then 'active' else state_before_deletion end,
      unpaid_since = null, payment_attempts = 0, next_payment_at = null, noticed_days = null, payment_suspension = null,
      deletion_announced_for = null
    from ${newPeriods(paid)} where mailboxes.id = new.id`.execute(tx)
}

/** They come back suspended, and are told to be deleted again in the time that the terms say. */
async function writeSuspended(
  platform: Platform,
  tx: Tx,
  unpaid: readonly PaidPeriods[],
  now: Date,
): Promise<void> {
  if (unpaid.length === 0) return
  const terms = await billingSettingsOf(tx)
  await sql`update mailboxes set period_anchor_at = ${now}, period_ends_at = ${now}, in_slot = false,
      cancel_at_period_end = false, unpaid_since = ${now}, payment_attempts = 1,
      next_payment_at = ${dunningAt(terms, now, null, now).nextLookAt ?? now}, noticed_days = null, deletion_announced_for = null,
      payment_suspension = case state_before_deletion when 'active' then 'resume'
        when 'suspended' then coalesce(payment_suspension, 'stay') end,
      state_before_deletion = case state_before_deletion when 'active' then 'suspended' else state_before_deletion end
    where id = any(${uuidArray(unpaid.map(({ mailbox }) => mailbox.id))})`.execute(tx)
  await appendEvents(
    platform,
    tx,
    unpaid.map(({ mailbox }) => ({
      type: 'billing.mailbox_unpaid' as const,
      organizationId: mailbox.organization_id,
      workspaceId: mailbox.workspace_id,
      mailboxId: mailbox.id,
      data: { mailbox_id: mailbox.id, address: mailbox.address, unpaid_since: now.toISOString() },
    })),
  )
}

/** Of those that never had a period: what was put aside was given back when they were deleted. */
async function payWaiting(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly RestoredMailbox[],
): Promise<Refusal[]> {
  const [owner] = mailboxes
  if (owner === undefined || !isBilling(platform)) return []
  const isUnpaid = ({ state_before_deletion: state }: RestoredMailbox): boolean => state === 'waiting_payment'
  if (mailboxes.some(isUnpaid)) await addSettleJob(tx, owner.workspace_id)
  const units = mailboxes
    .filter((mailbox) => !isUnpaid(mailbox))
    .map((mailbox) => ({ ...mailbox, times: null }))
  if (units.length === 0) return []
  const { organization_id: organizationId, workspace_id: workspaceId } = owner
  const payments = await payFirst(platform, tx, { organizationId, workspaceId }, units)
  const idsWith = (inSlot: boolean): string[] =>
    units.filter((_, index) => payments[index]?.inSlot === inSlot).map(({ id }) => id)
  await writeSlots(tx, idsWith(true), true)
  await writeSlots(tx, idsWith(false), false)
  return payments.flatMap(({ refusal }) => (refusal === null ? [] : [refusal]))
}
