/** The domain of a new mailbox: the one that is named, the organization's default, or the platform's. */
import type { Scope } from '../../accounts/principals.ts'
import { getDomain } from '../../domains/domains.ts'
import { type AddressDomains, addressDomainsOf } from '../../domains/handle-domain.ts'
import { mailboxesOn } from '../../domains/lifecycle.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { bareId } from './ids.ts'

export type SendingDomain = {
  name: string
  /** In it the local parts of addresses are handles. */
  isPlatform: boolean
}

/**
 * @param wanted its name or id; undefined: the default; null: the platform's.
 * @param domains those of the workspace where they are known already.
 * @throws Refusal domain_not_found, domain_not_usable.
 */
export async function sendingDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: string | null | undefined,
  domains?: AddressDomains,
): Promise<SendingDomain> {
  const { handles: own, preferred } = domains ?? (await addressDomainsOf(tx, scope.workspaceId))
  if (typeof wanted === 'string' && wanted.toLowerCase() !== own?.name && wanted !== own?.id) {
    const domain = await getDomain(platform, scope, wanted, tx)
    if (mailboxesOn(domain.state) === 'served') return { name: domain.name, isPlatform: false }
    throw new Refusal('domain_not_usable', `${domain.name} is not verified.`)
  }
  const chosen = wanted === undefined ? preferred : own
  if (chosen === null) throw new Refusal('domain_not_usable', 'There is no domain for mailboxes yet.')
  return { name: chosen.name, isPlatform: chosen.id === own?.id }
}

/** @param id as this API shows it, or bare. @throws Refusal domain_not_found. */
export function sendingDomainRef(id: string | null | undefined): string | null | undefined {
  if (id === undefined || id === null) return id
  const bare = bareId('domain', id) ?? (isId(id) ? id : null)
  if (bare === null) throw new Refusal('domain_not_found')
  return bare
}
