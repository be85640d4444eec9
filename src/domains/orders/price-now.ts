/** What something costs at this moment, for who is only looking. Not for a transaction: it waits for the world. */
import type { Scope } from '../../accounts/principals.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { parseDomainName } from '../names.ts'
import { RegistrarFailure } from '../registrars/driver.ts'
import { describeRegistration } from '../registrations.ts'
import { findOffers, type Price, priceOf } from './offers.ts'
import { requireRenewable } from './place.ts'

const askMsMax = 20_000

/** @throws Refusal domain_invalid, domain_taken, name_not_sold, registrar_unavailable. */
export async function registrationPrice(
  platform: Platform,
  { workspaceId }: Scope,
  text: string,
  years: number,
): Promise<Price> {
  const name = parseDomainName(text)
  if (name === null) throw new Refusal('domain_invalid', `"${text}" is not a domain name.`)
  const [offer] = await findOffers(platform, workspaceId, [name], years, AbortSignal.timeout(askMsMax))
  if (offer?.price) return offer.price
  const reason = offer?.reason ?? undefined
  switch (offer?.availability) {
    case 'taken':
      throw new Refusal('domain_taken', `${name} is taken.`)
    case 'unsupported':
      throw new Refusal('name_not_sold', reason)
    default:
      throw new Refusal('registrar_unavailable', reason)
  }
}

/**
 * @throws Refusal domain_not_found, domain_not_registered, domain_state_conflict, name_not_sold, registrar_unavailable.
 */
export async function renewalPrice(
  platform: Platform,
  scope: Scope,
  ref: string,
  years: number,
): Promise<{ name: string; price: Price }> {
  const { domain, registration } = await describeRegistration(platform, scope, ref)
  requireRenewable(platform, domain, registration)
  const { registrar } = registration
  try {
    const price = await priceOf(platform, {
      workspaceId: scope.workspaceId,
      registrar,
      name: domain.name,
      kind: 'renew',
      years,
    })
    if (typeof price === 'string')
      throw new Refusal('name_not_sold', `${domain.name} is not renewed for ${years} years.`)
    return { name: domain.name, price }
  } catch (error) {
    if (!(error instanceof RegistrarFailure)) throw error
    throw new Refusal('registrar_unavailable', undefined, { cause: error })
  }
}
