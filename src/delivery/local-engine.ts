/** The local engine with what delivery keeps of a mailbox: delivery stands above the mail store, which cannot name it. */
import type { MailboxEngine } from '../mailboxes/engines.ts'

/** @param store the engine that runs the mailboxes. */
export function withDelivery(store: MailboxEngine): MailboxEngine {
  return {
    provision: store.provision,
    async purge(platform, tx, mailboxId) {
      // The store first: its folder locks wait for deliveries that are under way, and these write contacts.
      await store.purge(platform, tx, mailboxId)
      await tx.deleteFrom('contacts').where('mailbox_id', '=', mailboxId).execute()
    },
  }
}
