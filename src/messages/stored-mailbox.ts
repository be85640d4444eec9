/** Mailboxes whose messages are in this store: those that the platform runs itself. */
import type { Scope } from '../accounts/principals.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxOwner } from './owner.ts'

/**
 * The mailbox whose messages a caller asks for, in whatever state it is.
 * @param ref its id or its address.
 * @throws Refusal mailbox_not_found; service_cannot for a mailbox whose messages another service has.
 */
export async function getStoredMailbox(platform: Platform, scope: Scope, ref: string): Promise<MailboxOwner> {
  return storedOwnerOf(await getMailbox(platform, scope, ref))
}

/** The same of one that is found already. @throws Refusal service_cannot. */
export function storedOwnerOf(mailbox: Mailbox): MailboxOwner {
  if (mailbox.service === 'local') return subject(mailbox)
  throw new Refusal(
    'service_cannot',
    `The messages of ${mailbox.address} are at ${mailbox.service}, not here.`,
  )
}
