/** What DNS says now, against what it should say. */
import { DnsFailure } from '../platform/dns.ts'
import type { Platform } from '../platform/platform.ts'
import { type DesiredRecord, desiredRecords, type RecordPurpose } from './desired-records.ts'
import { dkimKeysOf } from './dkim-keys.ts'
import type { Domain } from './domains.ts'

/** unanswered: the resolver gave no answer, which says nothing about the record. */
export type RecordStatus = 'valid' | 'missing' | 'wrong' | 'unanswered'

export type ObservedRecord = DesiredRecord & {
  status: RecordStatus
  /** The values at that name that have to do with it, at most `seenMax` of them. */
  seen: string[]
}

const seenMax = 10
const seenLengthMax = 1000

/** Looks all desired records of a domain up, past what the resolver remembered here. */
export async function observeRecords(platform: Platform, domain: Domain): Promise<ObservedRecord[]> {
  const keys = await dkimKeysOf(platform.db, domain.id)
  return await Promise.all(
    desiredRecords(platform.config, domain, keys).map((desired) => observe(platform, desired)),
  )
}

async function observe(platform: Platform, desired: DesiredRecord): Promise<ObservedRecord> {
  try {
    const values = await valuesAt(platform, desired)
    const related = values.filter((value) => isRelated[desired.purpose](value))
    const status =
      related.length === 0 ? 'missing' : isValid[desired.purpose](related, desired) ? 'valid' : 'wrong'
    return {
      ...desired,
      value: desired.purpose === 'spf' && status === 'wrong' ? mergedSpf(related, desired) : desired.value,
      status,
      seen: related.slice(0, seenMax).map((value) => value.slice(0, seenLengthMax)),
    }
  } catch (error) {
    if (error instanceof DnsFailure) return { ...desired, status: 'unanswered', seen: [] }
    throw error
  }
}

async function valuesAt({ dns }: Platform, { type, name }: DesiredRecord): Promise<string[]> {
  if (type === 'TXT') {
    // A record's character-strings belong together without anything between them (RFC 7208 §3.3).
    return (await dns.lookup(name, 'TXT', { fresh: true })).map((strings) => strings.join(''))
  }
  const records = await dns.lookup(name, 'MX', { fresh: true })
  return records.map(({ priority, exchange }) => `${priority} ${exchange.toLowerCase().replace(/\.$/, '')}`)
}

const isSpf = (value: string): boolean => /^v=spf1(?: |$)/i.test(value)

/** A name's other TXT records are none of our business. */
const isRelated: Record<RecordPurpose, (value: string) => boolean> = {
  ownership: (value) => value.startsWith('mailwright-verification='),
  mx: () => true,
  spf: isSpf,
  dkim: () => true,
  dmarc: (value) => /^v=DMARC1\s*(?:;|$)/.test(value),
  tls_rpt: (value) => /^v=TLSRPTv1\s*;/.test(value),
}

const isValid: Record<RecordPurpose, (seen: readonly string[], desired: DesiredRecord) => boolean> = {
  ownership: (seen, { value }) => seen.includes(value),
  mx: isFirstExchange,
  // RFC 7208 §4.5: two records are an error.
  spf: (seen) => seen.length === 1 && seen.some(namesMx),
  dkim: (seen, { value }) => seen.length === 1 && seen.some((one) => keyOf(one) === keyOf(value)),
  // RFC 7489 §6.6.3; what its owner asks for is the owner's choice.
  dmarc: (seen) =>
    seen.length === 1 && seen.some((one) => /;\s*p\s*=\s*(?:none|quarantine|reject)\b/i.test(one)),
  tls_rpt: (seen) => seen.length === 1 && seen.some((one) => /;\s*rua\s*=/.test(one)),
}

/** Whether mail comes to us first; others may stand behind. */
function isFirstExchange(seen: readonly string[], desired: DesiredRecord): boolean {
  const records = seen.map(mxOf)
  const lowest = Math.min(...records.map(({ preference }) => preference))
  const { exchange } = mxOf(desired.value)
  return records.some((record) => record.exchange === exchange && record.preference === lowest)
}

function mxOf(value: string): { preference: number; exchange: string } {
  const [preference = '', exchange = ''] = value.split(' ')
  return { preference: Number(preference), exchange }
}

function namesMx(record: string): boolean {
  return /(?:^| )\+?mx(?: |$)/i.test(record)
}

/** An owner who sends from elsewhere, too, keeps that: the record with our mechanism put first. */
function mergedSpf(seen: readonly string[], { value }: DesiredRecord): string {
  const [only] = seen
  return seen.length === 1 && only !== undefined ? only.replace(/^v=spf1/i, 'v=spf1 mx') : value
}

/** `p=` of a key record; white space has no meaning in it (RFC 6376 §3.6.1). */
function keyOf(record: string): string {
  return /(?:^|;)\s*p\s*=([^;]*)/.exec(record)?.[1]?.replace(/\s/g, '') ?? ''
}
