/** RRSIG (RFC 4034 §3): a set of records signed with a zone's key, in the canonical form of §6. */
import { createHash, type KeyObject, sign } from 'node:crypto'
import { dnsClasses, dnsTypes } from '../../../platform/dns-wire/message.ts'
import { encodeName, labelsOf } from '../../../platform/dns-wire/names.ts'
import type { WireRRset } from '../zone-answer.ts'
import { signingAlgorithm } from './key-records.ts'

export type ZoneKey = {
  /** The apex. */
  zone: string
  keyTag: number
  privateKey: KeyObject
}

/** When a signature holds, in seconds since 1970. */
export type Validity = { inception: number; expiration: number }

// Clocks of resolvers may go wrong by this much.
const skewSeconds = 3600
// A secondary may serve what it has for 14 days, the expire timer of a zone, after four days at most without a new version.
const validitySeconds = 22 * 24 * 3600
const jitterSeconds = 24 * 3600
/** A signature that holds for less than this is made anew. */
export const remainingSecondsMin = 18 * 24 * 3600

/**
 * @param subject spreads the ends of many signatures over a day, the same way on all nodes, so that they are not all made
 * anew in the same second.
 */
export function validityFrom(nowSeconds: number, subject: string): Validity {
  const jitter = createHash('sha1').update(subject).digest().readUInt32BE(0) % jitterSeconds
  return { inception: nowSeconds - skewSeconds, expiration: nowSeconds + validitySeconds - jitter }
}

/** The records of a set as they are signed: sorted, each value once (§6.3). Our names are in lower case and whole (§6.2). */
export function canonicalRdata(rdata: readonly Buffer[]): Buffer[] {
  const sorted = rdata.toSorted(Buffer.compare)
  return sorted.filter((value, index) => index === 0 || !sorted[index - 1]?.equals(value))
}

/**
 * The RRSIG set of a set. One that a wildcard gave is signed under the name that was asked for, as if it stood there:
 * then nobody needs a proof that no closer name exists (RFC 9824 §3).
 */
export function signRRset(key: ZoneKey, rrset: WireRRset, { inception, expiration }: Validity): WireRRset {
  const owner = encodeName(rrset.owner)
  const head = Buffer.alloc(18)
  head.writeUInt16BE(rrset.type, 0)
  head.writeUInt8(signingAlgorithm, 2)
  head.writeUInt8(labelCount(rrset.owner), 3)
  head.writeUInt32BE(rrset.ttl, 4)
  head.writeUInt32BE(expiration, 8)
  head.writeUInt32BE(inception, 12)
  head.writeUInt16BE(key.keyTag, 16)
  const fields = Buffer.concat([head, encodeName(key.zone)])
  const fixed = Buffer.alloc(8)
  fixed.writeUInt16BE(rrset.type, 0)
  fixed.writeUInt16BE(dnsClasses.IN, 2)
  fixed.writeUInt32BE(rrset.ttl, 4)
  const records = canonicalRdata(rrset.rdata).flatMap((rdata) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(rdata.length)
    return [owner, fixed, length, rdata]
  })
  const signature = sign('sha256', Buffer.concat([fields, ...records]), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363', // r and s side by side (RFC 6605 §4)
  })
  return {
    owner: rrset.owner,
    type: dnsTypes.RRSIG,
    ttl: rrset.ttl,
    rdata: [Buffer.concat([fields, signature])],
    wildcard: null,
  }
}

/** The Labels field (§3.1.3): the root and a leading asterisk do not count. */
function labelCount(owner: string): number {
  const labels = labelsOf(owner)
  return labels[0]?.toString('latin1') === '*' ? labels.length - 1 : labels.length
}
