/** Senders: which reverse paths a login may use (RFC 6409 §6.1). */
import { allowsSending } from '../domains/lifecycle.ts'
import { isSandboxName } from '../domains/names.ts'
import { parseAddress } from '../mailboxes/address.ts'
import { isServed } from '../mailboxes/lifecycle.ts'
import { findRoute } from '../mailboxes/routing.ts'
import { maySend } from '../mailboxes/sending-right.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import type { Platform } from '../platform/platform.ts'
import type { ArrivalRefusal } from './inbound/arrival.ts'

/**
 * The mailbox's own address and its aliases, each with a detail or in a domain alias. An alias that is turned off is not
 * sent with. After a rename that is decided by what the addresses are now, also for a login that is older.
 * The null reverse path is that of anyone who may send: receipts and reports are sent with it (RFC 5321 §4.5.5).
 */
export async function ownsSender(
  platform: Platform,
  owner: MailboxOwner,
  mailFrom: string,
): Promise<boolean> {
  if (mailFrom === '') return await maySend(platform.db, owner.mailboxId)
  const address = parseAddress(mailFrom)
  if (!address.ok) return false
  const route = await findRoute(platform, address.value)
  if (route === null || route.mailboxId !== owner.mailboxId) return false
  // A catch-all gives its mailbox what is sent to any address, but not the right to speak for them.
  if (route.kind === 'catch_all' || !route.enabled) return false
  return isServed(route.mailboxState) && allowsSending(route.domainState) // the login may be older than a suspension
}

/**
 * Names under .test are sandboxes: what their mailboxes send stays on the platform, whatever they call themselves.
 * @param sender the address that sends: the reverse path, for the null one the login's own, or an author.
 */
export function sandboxRefusal(sender: string): ArrivalRefusal | null {
  const address = parseAddress(sender)
  if (!address.ok || !isSandboxName(address.value.domain)) return null
  return {
    kind: 'refused',
    code: 550,
    enhanced: '5.7.1',
    text: 'The mail of a sandbox domain does not leave the platform',
  }
}
