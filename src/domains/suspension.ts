/** Suspending a domain: its mail waits with the senders, nobody logs in, nothing is removed. Its zone is still served. */
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Domain, lockDomain, moveDomain } from './domains.ts'
import { findRegistration } from './registrations.ts'

/** What stands on the floors above does its part in the same transaction. */
export type OnMove = (tx: Tx, domainId: string) => Promise<void>

/** @throws Refusal domain_not_found, domain_state_conflict unless it is active, forbidden. */
export async function suspendDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  onSuspended: OnMove,
): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.state === 'suspended') return domain
  if (domain.state !== 'active') throw conflict(domain)
  await moveDomain(platform, tx, domain, 'suspended')
  await onSuspended(tx, domain.id)
  return await lockDomain(platform, tx, scope, domain.id)
}

/**
 * Takes a suspension back. A domain whose registration has ended meanwhile is expired.
 * @throws Refusal domain_not_found, domain_state_conflict unless it is suspended, forbidden.
 */
export async function resumeDomain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  onActive: OnMove,
): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (domain.state === 'active') return domain
  if (domain.state !== 'suspended') throw conflict(domain)
  const expiresAt = (await findRegistration(tx, domain.id))?.expires_at ?? null
  const isOver = expiresAt !== null && expiresAt <= platform.clock.now()
  await moveDomain(platform, tx, domain, isOver ? 'expired' : 'active')
  if (!isOver) await onActive(tx, domain.id)
  return await lockDomain(platform, tx, scope, domain.id)
}

export function conflict({ name, state }: Domain): Refusal {
  return new Refusal('domain_state_conflict', `${name} is ${state}.`)
}
