/** The rows that served zones are made of, as few statements as can be and as compact as they are kept. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { isSandboxName, parseDomainName } from '../names.ts'
import type { DomainsTable } from '../tables.ts'
import { isAnswered } from './answered.ts'
import type { CustomerRecord, ServedDomain } from './content.ts'

/**
 * A domain with what its zone is made of. Keys and records stay lines of text, as the statements below make them, until
 * someone asks for the zone: most zones are asked about rarely, and objects take many times the room.
 */
export type ZoneRow = ServedDomain & { keys: string; records: string }

/** The served zones behind `after` in the order of their ids, at most `limit`. */
export async function readZonesAfter(db: Db, after: string, limit: number): Promise<ZoneRow[]> {
  const domains = await readDomains(db, sql`d.id > ${after}::uuid order by d.id limit ${limit}`)
  const last = domains.at(-1)?.id
  if (last === undefined) return []
  return await withLines(db, domains, sql`d.id > ${after}::uuid and d.id <= ${last}::uuid`)
}

/** Those of these domains that are served. */
export async function readZones(db: Db, ids: readonly string[]): Promise<ZoneRow[]> {
  const areThese = sql`d.id = any(${ids}::uuid[])`
  return await withLines(db, await readDomains(db, areThese), areThese)
}

async function readDomains(db: Db, condition: RawBuilder<unknown>): Promise<ServedDomain[]> {
  const { rows } = await sql<ServedDomain>`
    select d.id, d.workspace_id, d.name, d.state, d.ownership_token, d.zone_serial, d.dmarc_policy,
      d.dmarc_report_address, d.mta_sts_mode, d.mta_sts_withdrawn_at, d.bimi_logo_url, d.redirect_url,
      d.state_before_deletion
    from domains d where ${isAnswered} and ${condition}`.execute(db)
  return rows
}

async function withLines(
  db: Db,
  domains: readonly ServedDomain[],
  condition: RawBuilder<unknown>,
): Promise<ZoneRow[]> {
  // A key that is retired stays in DNS for mail that is on its way, until its row goes.
  const [keys, records] = await Promise.all([
    readLines(
      db,
      sql`'["' || l.algorithm || '","' || l.selector || '","' || l.state || '","' || l.public_key || '"]'`,
      sql`dkim_keys l`,
      condition,
    ),
    readLines(
      db,
      sql`'[' || to_json(l.name) || ',"' || l.type || '",' || l.ttl || ',' || to_json(l.value) || ']'`,
      sql`zone_records l`,
      condition,
    ),
  ])
  return domains.map((domain) =>
    Object.assign(domain, { keys: keys.get(domain.id) ?? '', records: records.get(domain.id) ?? '' }),
  )
}

const idLength = 36

/** One JSON text for each row of a table below domains, by domain id: a column costs more here than what is in it. */
async function readLines(
  db: Db,
  line: RawBuilder<unknown>,
  table: RawBuilder<unknown>,
  condition: RawBuilder<unknown>,
): Promise<Map<string, string>> {
  const { rows } = await sql<{ line: string }>`
    select d.id || ${line} as line
    from (select d.id from domains d where ${isAnswered} and ${condition}) d
    join ${table} on l.domain_id = d.id`.execute(db)
  const byDomain = new Map<string, string>()
  for (const { line: whole } of rows) {
    const id = whole.slice(0, idLength)
    const text = whole.slice(idLength)
    const before = byDomain.get(id)
    byDomain.set(id, before === undefined ? text : `${before}\n${text}`)
  }
  return byDomain
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
  return linesOf<[DkimKey['algorithm'], string, DkimKey['state'], string]>(keys)
    .map(([algorithm, selector, state, publicKey]) => ({ algorithm, selector, state, public_key: publicKey }))
    .sort((one, other) => (one.selector < other.selector ? 1 : -1))
}

export function recordsOf({ records }: ZoneRow): CustomerRecord[] {
  return linesOf<[string, CustomerRecord['type'], number, string]>(records).map(
    ([name, type, ttl, value]) => ({
      name,
      type,
      ttl,
      value,
    }),
  )
}

/** Sorted, so that a zone reads the same whenever it is read. */
function linesOf<T>(text: string): T[] {
  if (text === '') return []
  return text
    .split('\n')
    .sort()
    .map((line) => JSON.parse(line) as T) // made by the statements above
}

const provenStates: ReadonlySet<DomainsTable['state']> = new Set(['active', 'suspended', 'expired'])

/** Whether it was seen once that the name is the workspace's. A sandbox name is nobody's. */
export function isProven({ state, state_before_deletion: before, name }: ZoneRow): boolean {
  const parsed = parseDomainName(name)
  if (parsed !== null && isSandboxName(parsed)) return false
  return provenStates.has(state === 'deletion_scheduled' && before !== null ? before : state)
}
