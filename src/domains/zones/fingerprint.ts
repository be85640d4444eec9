/**
 * Zones are made of more than rows: of the configuration, and of this program. When either makes other records than
 * before, every served zone gets a new serial, once, so that secondaries follow.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Config } from '../../platform/config.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { isAnswered } from './answered.ts'
import { type ServedDomain, zoneContent } from './content.ts'
import { ownZone } from './own-zone.ts'
import { soaTimers } from './policy.ts'
import { touchZones } from './serial.ts'

/** A domain with everything on, and one with everything off: what is made of them shows what is made of all. */
const samples: readonly ServedDomain[] = [
  {
    id: '00000000-0000-7000-8000-000000000001',
    workspace_id: '00000000-0000-7000-8000-000000000002',
    name: 'sample.example',
    state: 'active',
    ownership_token: '0',
    zone_serial: 1,
    dmarc_policy: 'reject',
    dmarc_report_address: 'reports@sample.example',
    mta_sts_mode: 'enforce',
    mta_sts_withdrawn_at: null,
    bimi_logo_url: 'https://sample.example/logo.svg',
    redirect_url: 'https://other.example/',
    state_before_deletion: null,
  },
  {
    id: '00000000-0000-7000-8000-000000000003',
    workspace_id: '00000000-0000-7000-8000-000000000002',
    name: 'sample.example',
    state: 'active',
    ownership_token: '0',
    zone_serial: 1,
    dmarc_policy: 'none',
    dmarc_report_address: null,
    mta_sts_mode: 'none',
    mta_sts_withdrawn_at: null,
    bimi_logo_url: null,
    redirect_url: null,
    state_before_deletion: null,
  },
]

function fingerprintOf(config: Config): string {
  const made = [
    soaTimers,
    ownZone(config, 1),
    ...samples.map((domain) =>
      zoneContent(
        config,
        domain,
        [{ algorithm: 'ed25519-sha256', selector: 'sample', public_key: '0', state: 'active' }],
        [],
      ),
    ),
  ]
  return createHash('sha256').update(JSON.stringify(made)).digest('hex')
}

/** @returns the serial of the last time that the platform itself changed all zones. */
export async function bringSerialsUpToDate(platform: Platform): Promise<number> {
  const fingerprint = fingerprintOf(platform.config)
  return await transaction(platform.db, async (tx) => {
    const seconds = Math.floor(platform.clock.now().getTime() / 1000)
    await sql`insert into zone_fingerprint (fingerprint, serial) values (${fingerprint}, ${seconds})
      on conflict do nothing`.execute(tx)
    const { rows } = await sql<{ fingerprint: string; serial: number }>`
      select fingerprint, serial from zone_fingerprint for update`.execute(tx)
    const [known] = rows
    if (known === undefined || known.fingerprint === fingerprint) return known?.serial ?? seconds
    const serial = Math.max(known.serial + 1, seconds)
    await sql`update zone_fingerprint set fingerprint = ${fingerprint}, serial = ${serial}`.execute(tx)
    const served = await sql<{ id: string }>`
      select id from domains where ${isAnswered} order by id`.execute(tx)
    for (let at = 0; at < served.rows.length; at += touchedPerStatement) {
      const some = served.rows.slice(at, at + touchedPerStatement)
      await touchZones(
        platform,
        tx,
        some.map(({ id }) => id),
      )
    }
    platform.log.info({ event: 'zones.all_changed', zones: served.rows.length })
    return serial
  })
}

const touchedPerStatement = 5_000

/** Says that the platform's own zone has changed. Before a name server has started for the first time nobody asks. */
export async function raiseOwnSerial(platform: Platform, tx: Tx): Promise<void> {
  const seconds = Math.floor(platform.clock.now().getTime() / 1000)
  // It is the highest of all (own-zone-answers.ts), so that it must come after every domain's, too.
  await sql`update zone_fingerprint set serial =
    greatest(serial + 1, ${seconds}::bigint, (select max(zone_serial) + 1 from domains))`.execute(tx)
}

/** The serial of its last change of that kind; 0 before there was any. */
export async function readOwnSerial(db: Db): Promise<number> {
  const { rows } = await sql<{ serial: number }>`select serial from zone_fingerprint`.execute(db)
  return rows[0]?.serial ?? 0
}
