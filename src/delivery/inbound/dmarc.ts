/** What DMARC (RFC 9989) comes to: what the author's domain asks for, and when less is done. */
import type { AuthenticateResult } from 'mailauth'
import { dmarc } from 'mailauth/lib/dmarc/index.js'
import { parseDomainName } from '../../domains/names.ts'
import type { Trust } from '../../messages/trust.ts'
import type { Platform } from '../../platform/platform.ts'
import { storableText } from '../storable-text.ts'
import { isVouchedFor } from './arc-chain.ts'
import type { CheckResolver } from './check-resolver.ts'

type Dmarc = Trust['dmarc']
type Policy = NonNullable<Dmarc['policy']>

const policies: readonly Policy[] = ['none', 'quarantine', 'reject'] // the strictest last

/** Domains of a message with several authors whose policies are asked for. */
const authorDomainsMax = 5

/** The verdict with the disposition that the author's domain asks for; recipients may ask for less. */
export async function judgeDmarc(
  platform: Platform,
  resolver: CheckResolver,
  result: AuthenticateResult,
): Promise<Dmarc> {
  if (!result.dmarc) return await judgeAuthors(resolver, result)
  const { status, policy: published } = result.dmarc
  const policy = policyNamed(published)
  const verdict: Dmarc = {
    result: status.result === 'pass' || status.result === 'fail' ? status.result : weaker(status.result),
    domain: status.header?.from ? storableText(status.header.from) : null,
    policy,
    disposition: 'none',
    override: null,
  }
  if (verdict.result !== 'fail') return verdict
  if (
    policy !== null &&
    policy !== 'none' &&
    isVouchedFor(result.arc || null, platform.config.trustedSealers)
  ) {
    return { ...verdict, override: 'trusted_forwarder' }
  }
  return { ...verdict, disposition: policy ?? 'none' }
}

function weaker(result: string): Dmarc['result'] {
  return result === 'temperror' || result === 'permerror' ? result : 'none'
}

function policyNamed(word: string | undefined): Policy | null {
  return policies.find((one) => one === word) ?? null
}

/**
 * Several authors, or several From fields, cannot pass: a reader may see another author than the one that proved
 * something. The strictest policy among them holds (RFC 7489 §6.6.1); several fields are no message at all (RFC 5322
 * §3.6), and go at least to Junk.
 */
async function judgeAuthors(resolver: CheckResolver, { dkim }: AuthenticateResult): Promise<Dmarc> {
  const domains = [...new Set(dkim.headerFrom.flatMap(domainOf))]
  const isTwofold = dkim.fromFields > 1
  if (domains.length === 0 && !isTwofold) {
    return { result: 'none', domain: null, policy: null, disposition: 'none', override: null }
  }
  const asked = await Promise.all(
    domains.slice(0, authorDomainsMax).map(async (domain) => {
      const found = await dmarc({
        headerFrom: domain,
        spfDomains: [],
        dkimDomains: [],
        resolver: (name, type) => resolver.resolve(name, type),
      })
      return { domain, policy: found ? policyNamed(found.policy) : null }
    }),
  )
  const strictest = asked.toSorted((a, b) => rank(b.policy) - rank(a.policy))[0]
  const policy = strictest?.policy ?? null
  const disposition = rank(policy) > 0 && policy !== null ? policy : isTwofold ? 'quarantine' : 'none'
  return { result: 'fail', domain: strictest?.domain ?? null, policy, disposition, override: null }
}

function rank(policy: Policy | null): number {
  return policy === null ? -1 : policies.indexOf(policy)
}

function domainOf(address: string): string[] {
  const domain = parseDomainName(address.slice(address.lastIndexOf('@') + 1).trim())
  return domain === null ? [] : [domain]
}
