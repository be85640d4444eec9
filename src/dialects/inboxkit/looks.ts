/** Looks at many domains while a caller waits: some at a time. What cannot be looked at is as it was last seen. */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { type DomainCheck, describeChecks, verifyDomain } from '../../domains/verification.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

/** Of how many domains a call may ask for. */
export const looksMax = 100
const looksAtOnce = 10
/** When no more looks are begun: what is left is looked at soon by itself. */
const lookMsMax = 30_000

export type Looked = DomainCheck & {
  /** Why it could not be looked at now; null: it was. */
  refusal: Refusal | null
}

/** In the order of the domains. @throws Refusal forbidden, domain_not_found for one that has gone meanwhile. */
export async function lookAtAll(
  platform: Platform,
  scope: Scope,
  domains: readonly Domain[],
): Promise<Looked[]> {
  requireWrite(scope)
  const results: Looked[] = []
  const end = performance.now() + lookMsMax
  for (let at = 0; at < domains.length; at += looksAtOnce) {
    const some = domains.slice(at, at + looksAtOnce)
    results.push(
      ...(await Promise.all(some.map((domain) => lookAt(platform, scope, domain, performance.now() < end)))),
    )
  }
  return results
}

async function lookAt(platform: Platform, scope: Scope, { id }: Domain, isInTime: boolean): Promise<Looked> {
  try {
    if (!isInTime) throw new Refusal('rate_limited', 'There was no time to look at it.')
    return { ...(await verifyDomain(platform, scope, id, lookHooks)), refusal: null }
  } catch (error) {
    const isKnown = error instanceof Refusal && ['domain_state_conflict', 'rate_limited'].includes(error.code)
    if (!isKnown) throw error
    return { ...(await describeChecks(platform, scope, id)), refusal: error }
  }
}
