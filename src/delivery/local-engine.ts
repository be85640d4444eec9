/** The local engine with what delivery keeps of a mailbox: delivery stands above the mail store, which cannot name it. */
import type { MailboxEngine } from '../mailboxes/engines.ts'
import { releaseBodies } from '../messages/sweep.ts'
import type { Tx } from '../platform/database.ts'
import { addJobs, type NewJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { endApprovals, purgeApprovals } from './approvals/end.ts'
import { cancelOutbound, outboundIds } from './outbound/control.ts'

/** What delivery keeps under a mailbox alone. Sender lists and counters, which domains have too, are forgotten by jobs. */
const ownTables = [
  'contacts',
  'mailbox_forwards',
  'sieve_scripts',
  'autoreplies',
  'autoreply_sent',
  'drafts',
  'open_trackings',
] as const

/** @param store the engine that runs the mailboxes. */
export function withDelivery(store: MailboxEngine): MailboxEngine {
  return {
    ...store,
    async changed(platform, tx, mailboxIds, change) {
      await store.changed(platform, tx, mailboxIds, change)
      // What a pause of the old domain held would wait for a resume there, which looks for it no more.
      if (change === 'address') await addJobs(tx, mailboxIds.map(settling))
      if (change === 'state') await endApprovals(platform, tx, mailboxIds)
    },
    async purge(platform, tx, mailboxId) {
      // The store first: its folder locks wait for deliveries that are under way, and these write contacts.
      await store.purge(platform, tx, mailboxId)
      for (const table of ownTables) await tx.deleteFrom(table).where('mailbox_id', '=', mailboxId).execute()
      await tx.deleteFrom('delivery_policies').where('scope_id', '=', mailboxId).execute()
      await forgetScheduled(platform, tx, mailboxId)
      await cancelHeld(platform, tx, mailboxId)
      await purgeApprovals(platform, tx, mailboxId)
    },
  }
}

function settling(mailboxId: string): NewJob {
  return { name: 'limits.settle', payload: { scope_id: mailboxId }, key: `limits.settle:${mailboxId}` }
}

/** What waits for its time is not sent any more: nobody is left who could take it back. */
async function forgetScheduled(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  const rows = await tx
    .deleteFrom('scheduled_messages')
    .where('mailbox_id', '=', mailboxId)
    .returning('id')
    .execute()
  const ids = rows.map(({ id }) => id)
  if (ids.length > 0) await releaseBodies(ids, platform.clock.now()).execute(tx)
}

const cancelledPerStatement = 500

/**
 * What the mailbox sent and is queued goes on to its recipients, for the queue's lifetime at most, and its body goes
 * after the last of them. What is held would keep its body until someone releases it, and nobody is left who would.
 */
async function cancelHeld(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  for (;;) {
    const ids = await outboundIds(tx, null, { mailboxId, state: 'held' }, cancelledPerStatement)
    await cancelOutbound(platform, tx, null, ids, 'platform', 'the mailbox was purged')
    if (ids.length < cancelledPerStatement) return
  }
}
