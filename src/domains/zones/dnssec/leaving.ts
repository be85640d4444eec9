/** A zone that is signed here and goes to other name servers. */
import { requireWrite, type Scope } from '../../../accounts/principals.ts'
import { Refusal } from '../../../platform/errors.ts'
import type { Platform } from '../../../platform/platform.ts'
import { getDomain } from '../../domains.ts'
import { isSandboxName } from '../../names.ts'
import { wantedDnsMode } from '../../nameservers.ts'
import type { DnsMode } from '../../tables.ts'
import { dnssecKeyOf } from './keys.ts'
import { parentStatus } from './parent.ts'

/**
 * A served domain may go to another `dns_mode` while its parent has no DS record of its key here: with one, validating
 * resolvers refuse what the next name servers say. Not for a transaction: it waits for the world.
 * @throws Refusal dnssec_parent_has_ds, dnssec_parent_unanswered, domain_not_found, forbidden.
 */
export async function requireUnsignedToLeave(
  platform: Platform,
  scope: Scope,
  ref: string,
  to: DnsMode,
): Promise<void> {
  requireWrite(scope)
  const domain = await getDomain(platform, scope, ref)
  if (to === 'served' || domain.dns_mode !== 'served' || wantedDnsMode(domain) === to) return
  const point = (await dnssecKeyOf(platform.db, domain.id))?.public_key ?? null
  if (point === null || isSandboxName(domain.name)) return
  const status = await parentStatus(platform, domain.name, point)
  if (status === 'unanswered') throw new Refusal('dnssec_parent_unanswered')
  if (status !== 'valid') return
  throw new Refusal(
    'dnssec_parent_has_ds',
    `The parent zone of ${domain.name} has the DS record of its key here. Have it removed at the registrar, and wait for its TTL to pass.`,
  )
}
