/** Whether an address can be had, for whoever asks before making a mailbox. */
import type { Scope } from '../accounts/principals.ts'
import { getDomain } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Platform } from '../platform/platform.ts'
import { requireAddress } from './address-rows.ts'

/**
 * Whether a mailbox of that name could be made in the domain now: nothing has the address, and the domain takes
 * mailboxes. What is deleted and can be restored has its address still.
 * @param domain its id or name.
 * @throws Refusal domain_not_found, address_invalid, forbidden.
 */
export async function isAddressFree(
  platform: Platform,
  scope: Scope,
  { localPart, domain: ref }: { localPart: string; domain: string },
): Promise<boolean> {
  const domain = await getDomain(platform, scope, ref)
  const { address } = requireAddress(`${localPart}@${domain.name}`)
  if (mailboxesOn(domain.state) === 'refused') return false
  const taken = await platform.db
    .selectFrom('addresses')
    .select('address')
    .where('address', '=', address)
    .executeTakeFirst()
  return taken === undefined
}
