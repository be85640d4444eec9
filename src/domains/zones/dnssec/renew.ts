/** Signed zones get a new serial from time to time, so that secondaries fetch new signatures before theirs end. */
import { sql } from 'kysely'
import { transaction } from '../../../platform/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { isAnswered } from '../answered.ts'
import { touchZones } from '../serial.ts'

declare module '../../../platform/jobs.ts' {
  interface JobTypes {
    'domains.renew_signed_zones': Record<string, never>
  }
}

/**
 * With what a signature holds (signature.ts), a day until the job runs, and the expire timer of a zone, a secondary that is
 * cut off never serves one that has ended.
 */
const renewAfterSeconds = 3 * 24 * 3600
const zonesPerTransaction = 1_000

/** @returns how many zones it touched: those that have not changed for some days. */
export async function renewSignedZones(platform: Platform): Promise<number> {
  const before = Math.floor(platform.clock.now().getTime() / 1000) - renewAfterSeconds
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select id from domains where ${isAnswered} and zone_serial < ${before}
        and exists (select from dnssec_keys k where k.domain_id = domains.id and k.state = 'active')
      order by id limit ${zonesPerTransaction}`.execute(tx)
    await touchZones(
      platform,
      tx,
      rows.map(({ id }) => id),
    )
    return rows.length
  })
}
