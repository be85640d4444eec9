/** Cancellation: a mailbox that is removed when its period ends, unless it is kept after all. */

import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { lockMailbox, subject } from './mailboxes.ts'
import type { Mailbox } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox.cancellation_scheduled': { mailbox_id: string; address: string; period_ends_at: string }
    'mailbox.cancellation_withdrawn': { mailbox_id: string; address: string; period_ends_at: string }
  }
}

/**
 * Has the mailbox removed at its period's end; until then it works as ever. Already so: nothing changes.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, forbidden.
 */
export async function cancelMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox & { period_ends_at: Date }> {
  return await setCancellation(platform, tx, scope, ref, true)
}

/**
 * Takes a cancellation back: at its period's end the next one begins. There was none: nothing changes.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, forbidden.
 */
export async function keepMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox & { period_ends_at: Date }> {
  return await setCancellation(platform, tx, scope, ref, false)
}

async function setCancellation(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  isCanceled: boolean,
): Promise<Mailbox & { period_ends_at: Date }> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  const { period_ends_at } = before
  if (before.state === 'deletion_scheduled')
    throw new Refusal('mailbox_state_conflict', 'It is deleted: restore it, or leave it.')
  if (period_ends_at === null)
    throw new Refusal('mailbox_state_conflict', 'Its first period has not begun: it can be deleted at once.')
  if (before.cancel_at_period_end === isCanceled) return { ...before, period_ends_at }
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({
      cancel_at_period_end: isCanceled,
      // The end of the period of an unpaid one was before: it goes as soon as it is looked at.
      ...(isCanceled && before.unpaid_since !== null ? { next_payment_at: platform.clock.now() } : {}),
      version: before.version + 1,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: isCanceled ? 'mailbox.cancellation_scheduled' : 'mailbox.cancellation_withdrawn',
      ...subject(mailbox),
      data: {
        mailbox_id: mailbox.id,
        address: mailbox.address,
        period_ends_at: period_ends_at.toISOString(),
      },
    },
  ])
  return { ...mailbox, period_ends_at }
}
