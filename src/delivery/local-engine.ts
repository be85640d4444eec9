/** The local engine with what delivery keeps of a mailbox: delivery stands above the mail store, which cannot name it. */
import type { MailboxEngine } from '../mailboxes/engines.ts'

/** What delivery keeps under a mailbox alone. Sender lists and counters, which domains have too, are forgotten by jobs. */
const ownTables = ['contacts', 'mailbox_forwards', 'sieve_scripts', 'autoreplies', 'autoreply_sent'] as const

/** @param store the engine that runs the mailboxes. */
export function withDelivery(store: MailboxEngine): MailboxEngine {
  return {
    ...store,
    async purge(platform, tx, mailboxId) {
      // The store first: its folder locks wait for deliveries that are under way, and these write contacts.
      await store.purge(platform, tx, mailboxId)
      for (const table of ownTables) await tx.deleteFrom(table).where('mailbox_id', '=', mailboxId).execute()
      await tx.deleteFrom('delivery_policies').where('scope_id', '=', mailboxId).execute()
    },
  }
}
