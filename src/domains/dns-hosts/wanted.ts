/** What a driven domain should have at its host: the records of its plan, and those that its owner adds by API. */
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { desiredRecords } from '../desired-records.ts'
import { dkimKeysOf } from '../dkim-keys.ts'
import type { Domain } from '../domains.ts'
import { ttlSeconds } from '../zones/policy.ts'
import type { WantedRecord } from './changes.ts'

export async function wantedRecords(platform: Platform, db: Db, domain: Domain): Promise<WantedRecord[]> {
  const keys = await dkimKeysOf(db, domain.id)
  const planned = desiredRecords(platform.config, { ...domain, dns_mode: 'driven' }, keys).map(
    ({ name, type, value }) => ({ name, type, value, ttl: ttlSeconds[type], additive: false }),
  )
  const added = await db
    .selectFrom('zone_records')
    .select(['name', 'type', 'value', 'ttl'])
    .where('domain_id', '=', domain.id)
    .orderBy('id')
    .execute()
  return [...planned, ...added.map((record) => ({ ...record, additive: true }))]
}
