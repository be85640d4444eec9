/** Signs what a zone answers, at the moment that it is asked (RFC 4035 §3.1, RFC 9824). */
import { createHash } from 'node:crypto'
import { type Cache, createCache } from '../../../platform/cache.ts'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import type { Asked } from '../found-zone.ts'
import type { WireRRset, ZoneAnswer } from '../zone-answer.ts'
import { nsecOf } from './denial.ts'
import { remainingSecondsMin, signRRset, validityFrom, type ZoneKey } from './signature.ts'

type Kept = { rrsig: WireRRset; expiration: number }

// 0.6 kB each: 30 MB at most.
const keptMax = 50_000
const keptMs = 24 * 3600 * 1000

/** Signatures that a node has made, so that what is asked often is not signed often. */
export type SignatureCache = Cache<Kept>

export function createSignatureCache(): SignatureCache {
  return createCache<Kept>({ entriesMax: keptMax, ttlMs: keptMs })
}

export type SignOptions = Asked & {
  nowSeconds: number
  cache: SignatureCache
}

/**
 * The same answer with its signatures and proofs. A name that does not exist becomes one without data, marked by NXNAME.
 */
export function signAnswer(answer: ZoneAnswer, key: ZoneKey, options: SignOptions): ZoneAnswer {
  const withSignature = (rrset: WireRRset, isKept = rrset.wildcard === null): WireRRset[] => [
    rrset,
    signed(rrset, key, options, isKept),
  ]
  const answers = answer.answers.flatMap((rrset) => withSignature(rrset))
  const kind = answer.kind === 'nxdomain' && !options.compactOk ? 'nodata' : answer.kind
  if (answer.kind === 'records') {
    // The NS set that some answers bring along is signed, too; addresses beside them need not be (RFC 4035 §3.1.1).
    return { ...answer, answers, authority: answer.authority.flatMap((rrset) => withSignature(rrset)) }
  }
  if (answer.kind === 'referral') {
    // The NS set of a child is not ours to sign (§2.2). That there is no DS makes the delegation an unsigned one.
    const delegation = answer.authority.find(({ type }) => type === dnsTypes.NS)
    const name = delegation?.owner ?? answer.name
    const nsec = nsecOf(name, [dnsTypes.NS], true, delegation?.ttl ?? 0)
    return { ...answer, answers, authority: [...answer.authority, ...withSignature(nsec)] }
  }
  const nsec = denialOf(answer)
  const proof = withSignature(nsec, answer.kind === 'nodata')
  // The proof itself is what was asked for: it cannot say that there is no NSEC or RRSIG.
  if (options.type === dnsTypes.NSEC || options.type === dnsTypes.RRSIG) {
    return { ...answer, kind: 'records', answers: [...answers, ...proof], authority: [] }
  }
  const authority = answer.authority.flatMap((rrset) => withSignature(rrset))
  return { ...answer, kind, answers, authority: [...authority, ...proof] }
}

function denialOf({ kind, name, zone, types, authority }: ZoneAnswer): WireRRset {
  // RFC 9077: no longer than the SOA lets a denial be kept.
  const ttl = Math.min(negativeSecondsMax, ...authority.map((soa) => soa.ttl))
  // What else is known at the name of a delegation is the child's (RFC 4035 §2.3).
  const isDelegation = name !== zone && types.includes(dnsTypes.NS)
  return nsecOf(name, isDelegation ? [dnsTypes.NS] : types, kind === 'nodata', ttl)
}

// RFC 2308 §5.
const negativeSecondsMax = 3 * 3600

/** The RRSIG set of a set. @param isKept whether it is asked for again, so that the cache is for it. */
export function signed(
  rrset: WireRRset,
  key: ZoneKey,
  { nowSeconds, cache }: Pick<SignOptions, 'nowSeconds' | 'cache'>,
  isKept: boolean,
): WireRRset {
  const subject = `${key.keyTag} ${rrset.type} ${rrset.ttl} ${rrset.owner}`
  const id = isKept ? `${subject} ${key.zone} ${digestOf(rrset.rdata)}` : subject
  const kept = isKept ? cache.get(id) : undefined
  if (kept !== undefined && kept.expiration - nowSeconds > remainingSecondsMin) return kept.rrsig
  const validity = validityFrom(nowSeconds, subject)
  const rrsig = signRRset(key, rrset, validity)
  if (isKept) cache.set(id, { rrsig, expiration: validity.expiration })
  return rrsig
}

function digestOf(rdata: readonly Buffer[]): string {
  const hash = createHash('sha1')
  for (const value of rdata) hash.update(value).update(',')
  return hash.digest('base64')
}
