/** Allow and block lists of senders, of a mailbox and its domain. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipients.ts'

/** @returns where the lists put the message, or null when they say nothing about its sender. */
export async function sortBySenderLists(
  _platform: Platform,
  _recipient: LocalRecipient,
  _arrival: Arrival,
  _authentication: Authentication | null,
): Promise<'inbox' | 'junk' | 'blocked' | null> {
  return null
}
