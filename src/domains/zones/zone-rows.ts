/** The rows that served zones are made of, as few statements as can be and as compact as they are kept. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { isSandboxName, parseDomainName } from '../names.ts'
import type { DomainsTable } from '../tables.ts'
import { isAnswered } from './answered.ts'
import type { CustomerRecord, ServedDomain } from './content.ts'

/** A domain with what its zone is made of; keys and records stay JSON text until someone asks for the zone. */
export type ZoneRow = ServedDomain & { keys: string | null; records: string | null }

const columns = sql`d.id, d.workspace_id, d.name, d.state, d.ownership_token, d.zone_serial,
  d.dmarc_policy, d.dmarc_report_address, d.mta_sts_mode, d.mta_sts_withdrawn_at, d.bimi_logo_url, d.redirect_url, d.redirect_status,
  d.redirect_keeps_path, d.state_before_deletion,
  (select json_agg(json_build_object('algorithm', k.algorithm, 'selector', k.selector,
      'public_key', k.public_key, 'state', k.state) order by k.selector desc)::text
    from dkim_keys k where k.domain_id = d.id and k.state <> 'retired') as keys,
  (select json_agg(json_build_object('name', r.name, 'type', r.type, 'ttl', r.ttl, 'value', r.value)
      order by r.id)::text
    from zone_records r where r.domain_id = d.id) as records`

/** The served zones behind `after` in the order of their ids, at most `limit`. */
export async function readZonesAfter(db: Db, after: string, limit: number): Promise<ZoneRow[]> {
  return await read(db, sql`${isAnswered} and d.id > ${after}::uuid order by d.id limit ${limit}`)
}

/** Those of these domains that are served. */
export async function readZones(db: Db, ids: readonly string[]): Promise<ZoneRow[]> {
  return await read(db, sql`${isAnswered} and d.id = any(${ids}::uuid[])`)
}

async function read(db: Db, condition: RawBuilder<unknown>): Promise<ZoneRow[]> {
  const { rows } = await sql<ZoneRow>`select ${columns} from domains d where ${condition}`.execute(db)
  return rows
}

/** The serial of each served zone, to find out which have changed. */
export async function readSerials(db: Db): Promise<{ id: string; serial: number }[]> {
  const { rows } = await sql<{ id: string; serial: number }>`
    select d.id, d.zone_serial as serial from domains d where ${isAnswered}`.execute(db)
  return rows
}

/** The highest serial that any domain has had; 0 without domains. */
export async function readHighestSerial(db: Db): Promise<number> {
  const { rows } = await sql<{ serial: number | null }>`
    select max(zone_serial) as serial from domains`.execute(db)
  return rows[0]?.serial ?? 0
}

export function keysOf({ keys }: ZoneRow): DkimKey[] {
  return keys === null ? [] : (JSON.parse(keys) as DkimKey[]) // built by the statement above
}

export function recordsOf({ records }: ZoneRow): CustomerRecord[] {
  return records === null ? [] : (JSON.parse(records) as CustomerRecord[]) // likewise
}

const provenStates: ReadonlySet<DomainsTable['state']> = new Set(['active', 'suspended', 'expired'])

/** Whether it was seen once that the name is the workspace's. A sandbox name is nobody's. */
export function isProven({ state, state_before_deletion: before, name }: ZoneRow): boolean {
  const parsed = parseDomainName(name)
  if (parsed !== null && isSandboxName(parsed)) return false
  return provenStates.has(state === 'deletion_scheduled' && before !== null ? before : state)
}
