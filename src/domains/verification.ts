/** Verification: a domain becomes active once DNS shows that it is the workspace's, and that its mail comes here. */
import { requireWrite, type Scope } from '../accounts/principals.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { lookNow } from './checks/now.ts'
import { type Before, recordKey, remembered } from './checks/records.ts'
import type { LookHooks } from './checks/settle.ts'
import { type StoredCheck, storedCheck } from './checks/store.ts'
import type { SeenRecord } from './checks/tables.ts'
import { desiredRecords } from './desired-records.ts'
import { dkimKeysOf } from './dkim-keys.ts'
import { type Domain, getDomain } from './domains.ts'
import { isSandboxName } from './names.ts'
import { wantedDnsMode } from './nameservers.ts'

/** The plan of a domain with what was last seen of it. `stored` is null when nobody has looked yet. */
export type DomainCheck = { domain: Domain; records: readonly SeenRecord[]; stored: StoredCheck | null }

/**
 * What is known of a domain's records. One that was never looked at is looked at now, a sandbox never: it is not in DNS.
 * @param isFresh looks now in any case.
 * @throws Refusal domain_not_found, rate_limited, forbidden.
 */
export async function checkDomain(
  platform: Platform,
  scope: Scope,
  ref: string,
  { isFresh, hooks }: { isFresh: boolean; hooks: LookHooks },
): Promise<DomainCheck> {
  const domain = await getDomain(platform, scope, ref)
  const known = await storedCheck(platform.db, domain.id)
  if (!isSandboxName(domain.name) && (isFresh || !known?.checked_at)) await lookNow(platform, domain, hooks)
  return await describeChecks(platform, scope, domain.id)
}

/** The plan as it is now, each record as it was last seen; nobody looks. @throws Refusal domain_not_found, forbidden. */
export async function describeChecks(platform: Platform, scope: Scope, id: string): Promise<DomainCheck> {
  const domain = await getDomain(platform, scope, id)
  const [keys, stored] = await Promise.all([
    dkimKeysOf(platform.db, domain.id),
    storedCheck(platform.db, domain.id),
  ])
  const before: Before['records'] = stored?.records ?? []
  const kept = new Map(before.map((record) => [recordKey(record), record]))
  const plan = desiredRecords(platform.config, { ...domain, dns_mode: wantedDnsMode(domain) }, keys)
  return { domain, stored, records: plan.map((desired) => remembered(desired, kept)) }
}

const verifiable: ReadonlySet<Domain['state']> = new Set(['pending_nameservers', 'pending_records', 'active'])

/**
 * Looks at a domain now. One that waits becomes active when the look found what is required; one that is active stays so.
 * @throws Refusal domain_not_found, domain_state_conflict, rate_limited, forbidden.
 */
export async function verifyDomain(
  platform: Platform,
  scope: Scope,
  ref: string,
  hooks: LookHooks,
): Promise<DomainCheck> {
  requireWrite(scope)
  const { state, name } = await getDomain(platform, scope, ref)
  if (!verifiable.has(state)) throw new Refusal('domain_state_conflict', `${name} is ${state}.`)
  return await checkDomain(platform, scope, ref, { isFresh: true, hooks })
}
