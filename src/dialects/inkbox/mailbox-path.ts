/** Mailboxes in paths: by their address, raw or percent-encoded, or by its local part alone. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { handleDomain } from '../../domains/handle-domain.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

export const MailboxPath = Type.Object({
  email_address: Type.String({
    description: 'Its address, or the local part of one in the platform’s domain.',
  }),
})

/**
 * A mailbox that clients see: one that is deleted is gone for them, although it can be restored elsewhere.
 * @param db the transaction, inside one.
 * @throws Refusal mailbox_not_found.
 */
export async function findMailbox(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Mailbox> {
  const mailbox = await getMailbox(platform, scope, await addressOf(scope, ref, db), db)
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_not_found')
  return mailbox
}

async function addressOf(scope: Scope, ref: string, db: Db): Promise<string> {
  if (ref.includes('@')) return ref
  const domain = await handleDomain(db, scope.workspaceId)
  if (domain === null) throw new Refusal('mailbox_not_found')
  return `${ref}@${domain.name}`
}
