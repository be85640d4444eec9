/** The first period of a mailbox begins: what was put aside for it is billed, or its price is. */

import { sql } from 'kysely'
import { captureHolds, releaseHolds } from '../../billing/holds.ts'
import { isBilling } from '../../billing/settings.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { MailboxState } from '../lifecycle.ts'
import type { Mailbox } from '../tables.ts'
import { type PaidPeriods, type PayingMailbox, payPeriods } from './due-periods.ts'
import { newPeriods, writeSlots, writeUnpaid } from './payments-written.ts'
import { payFirst } from './purchase.ts'

export type BegunMailbox = PayingMailbox & { period_anchor_at: Date; period_ends_at: Date }

/**
 * Pays for first periods that have just begun. What no money was put aside for (it was made while nothing was paid, or
 * has come back) is billed; where the money is short it works on, unpaid.
 */
export async function payBegun(platform: Platform, tx: Tx, begun: readonly BegunMailbox[]): Promise<void> {
  const unslotted = begun.filter(({ in_slot }) => !in_slot)
  if (unslotted.length === 0 || !isBilling(platform)) return
  const captured = await captureHolds(
    platform,
    tx,
    'mailbox',
    unslotted.map(({ id, period_anchor_at: startsAt, period_ends_at: endsAt }) => {
      return { causeId: id, period: { startsAt, endsAt } }
    }),
    unslotted.length === 1 ? `Mailbox ${unslotted[0]?.address}` : 'First periods of mailboxes',
  )
  const others = unslotted.filter(({ id }) => !captured.has(id))
  if (others.length === 0) return
  const now = platform.clock.now()
  const paid = await payPeriods(
    platform,
    tx,
    others.map((mailbox) => ({ mailbox, anchor: mailbox.period_anchor_at, from: mailbox.period_anchor_at })),
    now,
  )
  await writeFirst(
    tx,
    paid.filter(({ isPaid }) => isPaid),
  )
  await writeUnpaid(
    platform,
    tx,
    paid.filter(({ isPaid }) => !isPaid),
    now,
  )
}

/** Where the first is noticed late, more than one was paid. */
async function writeFirst(tx: Tx, paid: readonly PaidPeriods[]): Promise<void> {
  if (paid.length === 0) return
  await sql`update mailboxes set period_ends_at = new.ends_at, in_slot = new.in_slot
    from ${newPeriods(paid)} where mailboxes.id = new.id`.execute(tx)
}

/** In these states a mailbox waits for its first period, with the money for it put aside. */
const waiting: readonly MailboxState[] = ['waiting_domain', 'provisioning']

const givenUp: readonly MailboxState[] = ['failed', 'deletion_scheduled', 'deleted']

/** Gives back what was put aside for mailboxes that were given up before their first period. */
export async function releaseGivenUp(
  platform: Platform,
  tx: Tx,
  moved: readonly { id: string; from: MailboxState; to: MailboxState }[],
): Promise<void> {
  const ids = moved
    .filter(({ from, to }) => waiting.includes(from) && givenUp.includes(to))
    .map(({ id }) => id)
  if (ids.length > 0) await releaseHolds(platform, tx, 'mailbox', ids)
}

/**
 * Puts aside what another first period costs, instead of what was.
 * @throws Refusal insufficient_funds, wallet_locked, item_not_priced.
 */
export async function payChanged(platform: Platform, tx: Tx, mailbox: Mailbox): Promise<void> {
  if (!isBilling(platform) || mailbox.in_slot || !waiting.includes(mailbox.state)) return
  await releaseHolds(platform, tx, 'mailbox', [mailbox.id])
  await payAgain(platform, tx, mailbox)
}

/**
 * Puts money aside again for a mailbox that is waited for again, after a failure or a deletion.
 * @throws Refusal insufficient_funds, wallet_locked, item_not_priced.
 */
export async function payAgain(platform: Platform, tx: Tx, mailbox: Mailbox): Promise<void> {
  if (!isBilling(platform) || mailbox.period_ends_at !== null) return
  const owner = { organizationId: mailbox.organization_id, workspaceId: mailbox.workspace_id }
  const unit = { ...mailbox, times: null, isCounted: waiting.includes(mailbox.state) }
  const [payment] = await payFirst(platform, tx, owner, [unit])
  if (payment?.refusal) throw payment.refusal
  await writeSlots(tx, [mailbox.id], payment?.inSlot ?? false)
}
