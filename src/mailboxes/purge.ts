/** Purging: what is deleted for good, now or when its days of grace are over. */
import { sql } from 'kysely'
import { revokeMailboxKeys } from '../accounts/api-keys.ts'
import { forgetFailures } from '../accounts/login-guard-rows.ts'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { addJobs } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { freeAddresses } from './address-rows.ts'
import { engineOf } from './engines.ts'
import { removeIdentityOf } from './identity-removal.ts'
import { subject } from './mailboxes.ts'
import { endRequestOf } from './request-moves.ts'
import { deleteTotp } from './totp.ts'
import './signups/tables.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.purge': { mailbox_id: string }
    'mailbox.purge_due': Record<string, never>
  }
}

const dueMax = 500

/** The row stays, for what names its id; of the person only the address stays in it. */
const nothingKnown = {
  display_name: null,
  first_name: null,
  last_name: null,
  tags: [],
  notes: null,
  signature_text: null,
  signature_html: null,
  custom_fields: '{}',
  recovery_email: null,
  recovery_phone: null,
}

/** Adds a purge for each mailbox whose days of grace are over. */
export async function purgeDueMailboxes(platform: Platform): Promise<void> {
  const due = await platform.db
    .selectFrom('mailboxes')
    .select('id')
    .where(isDue(platform.clock.now()))
    .limit(dueMax)
    .execute()
  await transaction(platform.db, (tx) =>
    addJobs(
      tx,
      due.map(({ id }) => ({
        name: 'mailbox.purge' as const,
        payload: { mailbox_id: id },
        key: `mailbox.purge:${id}`,
      })),
    ),
  )
}

/** Removes what a deleted mailbox held. Does nothing when it was restored in the meantime. */
export async function purgeMailbox(platform: Platform, mailboxId: string): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const mailbox = await tx
      .selectFrom('mailboxes')
      .selectAll()
      .where('id', '=', mailboxId)
      .where(isDue(now))
      .forUpdate()
      .executeTakeFirst()
    if (!mailbox) return
    await freeAddresses(platform, tx, mailbox)
    await removeIdentityOf(platform, tx, mailbox.id)
    await tx.deleteFrom('mailbox_passwords').where('mailbox_id', '=', mailbox.id).execute()
    await tx
      .updateTable('audit_log')
      .set({ before: null })
      .where('mailbox_id', '=', mailbox.id)
      .where('before', 'is not', null)
      .execute()
    await tx.deleteFrom('mailbox_pictures').where('mailbox_id', '=', mailbox.id).execute()
    await deleteTotp(tx, mailbox.id)
    await tx.deleteFrom('agent_signups').where('mailbox_id', '=', mailbox.id).execute()
    await revokeMailboxKeys(platform, tx, mailbox.id)
    await forgetFailures(tx, { kind: 'mailbox', address: mailbox.address })
    await endRequestOf(platform, tx, mailbox.id)
    const engine = engineOf(platform, mailbox.service)
    if (!engine)
      throw new Error(`the service ${mailbox.service}, which runs the mailbox ${mailbox.id}, is not set up`)
    await engine.purge(platform, tx, mailbox.id)
    await tx
      .updateTable('mailboxes')
      .set({
        ...nothingKnown,
        search_text: mailbox.address,
        state: 'deleted',
        purge_at: null,
        state_before_deletion: null,
        state_changed_at: now,
        updated_at: now,
        picture_sha256: null,
        picture_updated_at: null,
      })
      .where('id', '=', mailbox.id)
      .execute()
    await appendEvents(platform, tx, [
      {
        type: 'mailbox.purged',
        ...subject(mailbox),
        data: { mailbox_id: mailbox.id, address: mailbox.address },
      },
    ])
  })
}

// What is deleted for good is due at once, whichever node's clock wrote its purge_at.
function isDue(now: Date) {
  return sql<boolean>`purge_at is not null
    and (state = 'deleted' or (state = 'deletion_scheduled' and purge_at <= ${now}))`
}
