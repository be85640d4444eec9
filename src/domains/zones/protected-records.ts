/** Which records of a zone are the platform's own, and what may stand beside them. */
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type DesiredRecord, desiredRecords } from '../desired-records.ts'
import { dkimKeysOf } from '../dkim-keys.ts'
import type { Domain } from '../domains.ts'
import type { RecordType } from './records.ts'

export type NewRecord = { name: string; type: RecordType; value: string }

/**
 * What the platform keeps by itself in the zone that the domain is delegated to. While a mode is pending that is still
 * the zone of `dns_mode`; the proof that ends a hold stands where we do not answer (content.ts).
 */
export async function plannedRecords(platform: Platform, db: Db, domain: Domain): Promise<DesiredRecord[]> {
  return desiredRecords(platform.config, { ...domain, zone_held: false }, await dkimKeysOf(db, domain.id))
}

/** The same whatever `dns_mode` is: what may stand today must not be in the way when the mode changes. */
export async function protectedRecords(platform: Platform, db: Db, domain: Domain): Promise<DesiredRecord[]> {
  const keys = await dkimKeysOf(db, domain.id)
  return (['served', 'driven'] as const).flatMap((mode) =>
    desiredRecords(platform.config, { ...domain, dns_mode: mode }, keys),
  )
}

// Selectors of keys to come; see dkim-keys.ts.
const ownSelector = /^mw[a-z]\d+\._domainkey\./
const spf = /^v=spf1(?: |$)/i

/** @throws Refusal zone_record_protected. */
export function requireUnprotected(
  domain: Pick<Domain, 'name'>,
  planned: readonly { name: string; type: RecordType }[],
  record: NewRecord,
): void {
  const { name, type, value } = record
  const here = planned.filter((one) => one.name === name)
  if (ownSelector.test(name)) refuse(record, 'Keys of this platform are published there.')
  if (type === 'TXT' && name === domain.name) {
    if (spf.test(value)) refuse(record, 'A name has only one SPF record (RFC 7208), and the platform has it.')
    return
  }
  if (here.some((one) => one.type === 'CNAME')) refuse(record, 'The platform has a CNAME there.')
  if (type === 'CNAME' && here.length > 0) refuse(record, 'The platform has records there.')
  if (type === 'NS' && planned.some((one) => one.name === name || one.name.endsWith(`.${name}`))) {
    refuse(record, 'It would give away names at which the platform has records.')
  }
  // Who may issue certificates, and which are good, adds up.
  if (type !== 'CAA' && type !== 'TLSA' && here.some((one) => one.type === type)) {
    refuse(record, `The ${type} records of ${name} are the platform’s.`)
  }
}

function refuse(record: NewRecord, detail: string): never {
  const fields = [{ pointer: record.type === 'TXT' ? '/value' : '/name', detail }]
  throw new Refusal('zone_record_protected', detail, { fields })
}
