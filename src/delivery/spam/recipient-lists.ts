/**
 * Whom a mailbox may write to, by the lists and its outbound mode: what they block, and in mode `allow_list` what nobody
 * allows, is refused by every way out. The mailbox itself can always be written to.
 */
import type { MailboxOwner } from '../../messages/owner.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { domainsOf } from '../limits/usage.ts'
import type { ArrivalRefusal } from '../refusal.ts'
import { decide, listsOf, matchingEntries } from './sender-lists.ts'
import { patternsFor } from './sender-patterns.ts'

export type BlockedRecipient = {
  address: string
  /** The entry that blocks it; null: no entry allows it, and the mode lets through only what one allows. */
  entryId: string | null
}

/**
 * @param addresses canonical ones, as they were asked for.
 * @returns those of them that the mailbox may not write to, in their order.
 */
export async function blockedRecipients(
  platform: Platform,
  sender: MailboxOwner,
  addresses: readonly string[],
): Promise<BlockedRecipient[]> {
  const domainId = (await domainsOf(platform, platform.db, [sender.mailboxId])).get(sender.mailboxId)
  if (domainId === undefined) return [] // the mailbox is gone, and sends nothing
  const listed = { owner: sender, domainId }
  const { outboundMode, levels } = await listsOf(platform, listed)
  if (outboundMode === 'open' && levels.length === 0) return [] // most mailboxes: nothing is asked
  const asked = addresses.map((address) => ({ address, patterns: [patternsFor(address)] }))
  const all = asked.flatMap(({ patterns }) => patterns.flat())
  const entries = await matchingEntries(platform, levels, 'outbound', all)
  const blocked: BlockedRecipient[] = []
  for (const { address, patterns } of asked) {
    const found = decide(levels, entries, { allow: patterns, block: patterns })
    if (found?.says === 'blocked') blocked.push({ address, entryId: found.entryId })
    else if (found === null && outboundMode === 'allow_list') blocked.push({ address, entryId: null })
  }
  return blocked
}

/** @throws Refusal recipient_blocked for the first that may not be written to. */
export async function requireNotBlocked(
  platform: Platform,
  sender: MailboxOwner,
  addresses: readonly string[],
): Promise<void> {
  const [first] = await blockedRecipients(platform, sender, addresses)
  if (first === undefined) return
  const { address, entryId } = first
  const reason = reasonOf(first)
  throw new Refusal('recipient_blocked', `${address} may not be written to: ${reason}.`, {
    facts: { matched_rule_id: entryId, address, reason },
  })
}

function reasonOf({ entryId }: BlockedRecipient): string {
  return entryId === null ? 'the list of the mailbox does not allow it' : 'a list blocks it'
}

/** For SMTP, at RCPT. @returns null for one that may be written to. */
export async function refusedByLists(
  platform: Platform,
  sender: MailboxOwner,
  address: string,
): Promise<ArrivalRefusal | null> {
  const [blocked] = await blockedRecipients(platform, sender, [address])
  if (blocked === undefined) return null
  const text = `Recipient is blocked: ${reasonOf(blocked)}`
  return { kind: 'refused', code: 550, enhanced: '5.7.1', text }
}
