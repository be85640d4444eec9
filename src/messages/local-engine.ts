/** The local engine: mailboxes that this platform runs itself, in the mail store. */
import { sql } from 'kysely'
import type { MailboxEngine } from '../mailboxes/engines.ts'
import { createStandardFolders } from './folders.ts'
import { addForgetting } from './forget-summaries.ts'
import { searchTables } from './search/search-index-folders.ts'
import { addSweepCandidatesOf } from './sweep.ts'

/** What else is keyed by the mailbox. */
const tables = [
  'messages',
  'expunged_messages',
  'deleted_messages',
  'mail_policies',
  'thread_message_ids',
  'deleted_folders',
  'lost_subscriptions',
  'annotations',
  'maildrop_locks',
  'maildrop_retrievals',
  'imap_copies',
  'imports',
  'import_chunks',
  ...searchTables,
] as const

export const localEngine: MailboxEngine = {
  capabilities: {
    rename: true,
    aliases: true,
    picture: true,
    restoreDays: Number.POSITIVE_INFINITY, // as long as the mailbox itself
    passwords: true,
    appPasswords: true,
    totp: true,
  },
  isImmediate: true,
  provision: createStandardFolders,
  changed: async () => undefined, // the rows that changed are what it works with
  async purge(platform, tx, mailboxId) {
    // The folders go first: a delivery that is under way has locked its folder, and what it stores is seen by the
    // statements after this one. One that comes later finds no folder.
    await sql`select from folders where mailbox_id = ${mailboxId}::uuid order by id for update`.execute(tx)
    await tx.deleteFrom('folders').where('mailbox_id', '=', mailboxId).execute()
    await addSweepCandidatesOf(platform, tx, mailboxId)
    for (const table of tables) {
      await tx.deleteFrom(table).where('mailbox_id', '=', mailboxId).execute()
    }
    await addForgetting(tx, mailboxId)
  },
}
