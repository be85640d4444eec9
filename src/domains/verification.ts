/** Verification: a domain becomes active once DNS shows that it is the workspace's, and that its mail comes here. */
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Domain, getDomain, moveDomain } from './domains.ts'
import { type ObservedRecord, observeRecords } from './observed-records.ts'

export type DomainCheck = { domain: Domain; records: readonly ObservedRecord[] }

/**
 * Looks a domain's records up. Not for a transaction: it waits for the world.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function checkDomain(platform: Platform, scope: Scope, ref: string): Promise<DomainCheck> {
  const domain = await getDomain(platform, scope, ref)
  return { domain, records: await observeRecords(platform, domain) }
}

/**
 * Makes a domain active that waits for its records, when the check found all required ones. `onActive` does, in the
 * same transaction, what stands on the floors above. A domain that is active stays so.
 * @throws Refusal domain_not_found, domain_state_conflict, forbidden.
 */
export async function applyCheck(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  check: DomainCheck,
  onActive: (tx: Tx, domainId: string) => Promise<void>,
): Promise<Domain> {
  requireWrite(scope)
  const { id } = await getDomain(platform, scope, check.domain.id, tx)
  const domain = await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
  if (!domain) throw new Refusal('domain_not_found')
  if (domain.state === 'active') return domain
  if (domain.state !== 'pending_records') {
    throw new Refusal('domain_state_conflict', `${domain.name} is ${domain.state}.`)
  }
  if (check.records.some(({ level, status }) => level === 'required' && status !== 'valid')) return domain
  await moveDomain(platform, tx, domain, 'active')
  await onActive(tx, domain.id)
  return await getDomain(platform, scope, domain.id, tx)
}
