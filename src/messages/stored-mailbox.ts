/** Mailboxes whose messages are in this store: those that the platform runs itself. */
import type { Scope } from '../accounts/principals.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxOwner } from './owner.ts'

/**
 * The mailbox whose messages a caller asks for, in whatever state it is.
 * @param ref its id or its address.
 * @throws Refusal mailbox_not_found; service_cannot for a mailbox whose messages another service has.
 */
export async function getStoredMailbox(platform: Platform, scope: Scope, ref: string): Promise<MailboxOwner> {
  const mailbox = await getMailbox(platform, scope, ref)
  if (mailbox.service === 'local') return subject(mailbox)
  throw new Refusal(
    'service_cannot',
    `The messages of ${mailbox.address} are at ${mailbox.service}, not here.`,
  )
}
