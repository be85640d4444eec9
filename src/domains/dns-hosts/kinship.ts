/** Which records cannot stand beside each other, because a name has only one of their kind. */
import type { RecordType } from '../zones/records.ts'
import { isSpf } from './spf.ts'

/** One value of a set at a host. */
export type HostValue = { name: string; type: RecordType; value: string }

/** Types of which a set says one thing as a whole: others' values in it would say something else. */
const wholeSets: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME', 'MX', 'SRV', 'PTR', 'NS'])

/**
 * Whether two records at a name are of one kind: two that say the same thing each in its own way. Texts are, by what they
 * begin with; CAA and TLSA add up; beside a CNAME there is nothing (RFC 1034 §3.6.2), but at the apex, where hosts that
 * allow one put something else in its place.
 */
export function kinship(one: HostValue, other: HostValue, zone: string): boolean {
  if (one.name !== other.name) return false
  if (one.type !== other.type) return one.name !== zone && (one.type === 'CNAME' || other.type === 'CNAME')
  if (one.type === 'TXT') {
    const kind = textKind(one)
    return kind !== null && kind === textKind(other)
  }
  return wholeSets.has(one.type)
}

const versioned = /^v=(DMARC1|TLSRPTv1|STSv1|BIMI1)\b/i

function textKind({ name, value }: HostValue): string | null {
  if (isSpf(value)) return 'spf'
  // RFC 6376 §3.6.2.2: a selector has one key, whatever it begins with.
  if (/\._domainkey\./.test(name)) return 'dkim'
  return versioned.exec(value)?.[1]?.toLowerCase() ?? null
}
