/** Who may send how much: asked for every recipient outside, on every way out. */
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ArrivalRefusal } from '../inbound/arrival.ts'

/** @returns why the mailbox may not send to this address now, or null. */
export async function admitRecipient(
  _platform: Platform,
  _sender: MailboxOwner,
  _address: string,
): Promise<ArrivalRefusal | null> {
  return null
}
