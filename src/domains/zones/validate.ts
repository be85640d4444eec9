/** A record as a customer gives it, in its one form, or refused with what is wrong. */
import { Refusal } from '../../platform/errors.ts'
import type { NewRecord } from './protected-records.ts'
import { parseOwnerName } from './record-names.ts'
import { recordPolicy } from './record-policy.ts'
import { parseRecordValue } from './record-values.ts'
import type { RecordType } from './records.ts'

export type GivenRecord = {
  /** `@`, relative to the domain, or whole. */
  name: string
  type: RecordType
  value: string
  /** In seconds. */
  ttl: number
}

/** @throws Refusal zone_record_invalid, with the field that it is about. */
export function checkRecord(domain: string, given: GivenRecord): NewRecord & { ttl: number } {
  const name = parseOwnerName(domain, given.name)
  if (name === null) {
    throw invalid('/name', `"${given.name}" is not a name in ${domain}.`)
  }
  const parsed = parseRecordValue(given.type, given.value)
  if (!parsed.ok) throw invalid('/value', parsed.problem)
  const { ttlSecondsMin, ttlSecondsMax } = recordPolicy
  if (!Number.isInteger(given.ttl) || given.ttl < ttlSecondsMin || given.ttl > ttlSecondsMax) {
    throw invalid('/ttl', `A TTL is from ${ttlSecondsMin} to ${ttlSecondsMax} seconds.`)
  }
  const isApex = name === domain
  // RFC 1034 §3.6.2: beside a CNAME there is nothing, and at the apex there are SOA and NS.
  if (isApex && given.type === 'CNAME') throw invalid('/name', 'The domain itself cannot have a CNAME.')
  if (isApex && given.type === 'NS') {
    throw invalid(
      '/name',
      'The name servers of the domain itself are the platform’s; NS is for names below it.',
    )
  }
  if (given.type === 'NS' && name.startsWith('*.')) {
    throw invalid('/name', 'A wildcard cannot be delegated (RFC 4592 §4.2).')
  }
  if (given.type === 'CNAME' && parsed.value === name) throw invalid('/value', 'It points to itself.')
  return { name, type: given.type, value: parsed.value, ttl: given.ttl }
}

function invalid(pointer: string, detail: string): Refusal {
  return new Refusal('zone_record_invalid', detail, { fields: [{ pointer, detail }] })
}
