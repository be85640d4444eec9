/** Records that customers keep in the zones of their domains, where this platform answers for them or drives the host. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Domain, getDomain, lockDomain } from '../domains.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { ZoneRecordsTable } from '../tables.ts'
import { ttlSeconds } from './policy.ts'
import { type NewRecord, plannedRecords, protectedRecords, requireUnprotected } from './protected-records.ts'
import { parseOwnerName } from './record-names.ts'
import { recordPolicy } from './record-policy.ts'
import type { RecordType } from './records.ts'
import { touchZones } from './serial.ts'
import { checkRecord, type GivenRecord } from './validate.ts'

export type ZoneRecord = Selectable<ZoneRecordsTable>

type RecordEvent = { domain_id: string; zone_record_id: string; name: string; type: RecordType }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'zone_record.created': RecordEvent
    'zone_record.updated': RecordEvent
    'zone_record.deleted': RecordEvent
  }
}

export type RecordFilter = {
  name: string | null
  type: RecordType | null
  /** Only the platform's own, or only the customer's. */
  managed: boolean | null
}

/** A record that the platform keeps by itself. */
export type PlannedRecord = NewRecord & { ttl: number }

/**
 * The customer's records, oldest first, and the platform's own: those come with the first page.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function listZoneRecords(
  platform: Platform,
  scope: Scope,
  ref: string,
  filter: RecordFilter,
  page: PageRequest,
): Promise<{ domain: Domain; page: Page<ZoneRecord>; planned: PlannedRecord[] }> {
  requireWorkspace(scope)
  const domain = await getDomain(platform, scope, ref)
  // A name that cannot be matches nothing.
  const name = filter.name === null ? null : (parseOwnerName(domain.name, filter.name) ?? '')
  const own = { ...filter, name }
  const hasPlanned = filter.managed !== false && page.after === null
  return {
    domain,
    page: filter.managed === true ? toPage([], page) : await zoneRecordsPage(platform.db, domain, own, page),
    planned: hasPlanned ? await plannedRecordsOf(platform, domain, own) : [],
  }
}

async function zoneRecordsPage(
  db: Db,
  domain: Domain,
  { name, type }: RecordFilter,
  page: PageRequest,
): Promise<Page<ZoneRecord>> {
  const rows = await db
    .selectFrom('zone_records')
    .selectAll()
    .where('domain_id', '=', domain.id)
    .$if(name !== null, (query) => query.where(sql<boolean>`name = ${name}`))
    .$if(type !== null, (query) => query.where(sql<boolean>`type = ${type}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

async function plannedRecordsOf(
  platform: Platform,
  domain: Domain,
  { name, type }: RecordFilter,
): Promise<PlannedRecord[]> {
  if (isByHand(domain)) return []
  return (await plannedRecords(platform, platform.db, domain))
    .filter((one) => (name === null || one.name === name) && (type === null || one.type === type))
    .map((one) => ({ name: one.name, type: one.type, value: one.value, ttl: ttlSeconds[one.type] }))
}

/**
 * @throws Refusal zone_record_invalid, zone_record_protected, zone_record_conflict, zone_record_limit_reached,
 * domain_dns_manual, domain_not_found, forbidden.
 */
export async function addZoneRecord(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  given: GivenRecord,
): Promise<{ domain: Domain; record: ZoneRecord }> {
  const domain = await lockZone(platform, tx, scope, ref)
  const checked = checkRecord(domain.name, given)
  requireUnprotected(domain, await protectedRecords(platform, tx, domain), checked)
  await requireRoom(tx, domain, { ...checked, id: null })
  const now = platform.clock.now()
  const record = await tx
    .insertInto('zone_records')
    .values({
      id: newId(),
      workspace_id: domain.workspace_id,
      domain_id: domain.id,
      ...checked,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch(refuseTwice)
  await tell(platform, tx, 'zone_record.created', domain, record)
  return { domain, record }
}

export type RecordUpdate = { name?: string; value?: string; ttl?: number }

/** @throws Refusal as `addZoneRecord`, and zone_record_not_found. */
export async function updateZoneRecord(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
  update: RecordUpdate,
): Promise<{ domain: Domain; before: ZoneRecord; record: ZoneRecord }> {
  const domain = await lockZone(platform, tx, scope, ref)
  const before = await zoneRecord(tx, domain, id)
  const given = {
    name: update.name ?? `${before.name}.`,
    type: before.type,
    value: update.value ?? before.value,
    ttl: update.ttl ?? before.ttl,
  }
  const checked = checkRecord(domain.name, given)
  requireUnprotected(domain, await protectedRecords(platform, tx, domain), checked)
  await requireRoom(tx, domain, { ...checked, id })
  const record = await tx
    .updateTable('zone_records')
    .set({ ...checked, updated_at: platform.clock.now() })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch(refuseTwice)
  await tell(platform, tx, 'zone_record.updated', domain, record)
  return { domain, before, record }
}

/** @throws Refusal zone_record_not_found, domain_not_found, forbidden. */
export async function removeZoneRecord(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
): Promise<{ domain: Domain; record: ZoneRecord }> {
  const domain = await lockZone(platform, tx, scope, ref, { manual: true })
  const record = await zoneRecord(tx, domain, id)
  await tx.deleteFrom('zone_records').where('id', '=', id).execute()
  await tell(platform, tx, 'zone_record.deleted', domain, record)
  return { domain, record }
}

async function lockZone(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  allow: { manual: boolean } = { manual: false },
): Promise<Domain> {
  const domain = await lockDomain(platform, tx, scope, ref)
  if (isByHand(domain) && !allow.manual) throw new Refusal('domain_dns_manual')
  return domain
}

/** Its records are in its owner's hands, now and as far as is known. */
function isByHand(domain: Domain): boolean {
  return domain.dns_mode === 'manual' && wantedDnsMode(domain) === 'manual'
}

async function zoneRecord(db: Db, domain: Domain, id: string): Promise<ZoneRecord> {
  const found = isId(id)
    ? await db
        .selectFrom('zone_records')
        .selectAll()
        .where('domain_id', '=', domain.id)
        .where('id', '=', id)
        .executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('zone_record_not_found')
  return found
}

type Candidate = Pick<ZoneRecord, 'name' | 'type' | 'value'> & {
  /** Of the row that it takes the place of. */
  id: string | null
}

/** Whether the others leave room for one more: in number, in size, and beside a CNAME. */
async function requireRoom(tx: Tx, domain: Domain, record: Candidate): Promise<void> {
  const { rows } = await sql<{
    all: number
    inSet: number
    bytes: number
    cnames: number
    others: number
  }>`select count(*)::int as all,
      (count(*) filter (where name = ${record.name} and type = ${record.type}))::int as "inSet",
      coalesce(sum(octet_length(value)) filter (where name = ${record.name} and type = ${record.type}), 0)::int as bytes,
      (count(*) filter (where name = ${record.name} and type = 'CNAME'))::int as cnames,
      (count(*) filter (where name = ${record.name} and type <> 'CNAME'))::int as others
    from zone_records where domain_id = ${domain.id}::uuid and id is distinct from ${record.id}::uuid`.execute(
    tx,
  )
  const { all = 0, inSet = 0, bytes = 0, cnames = 0, others = 0 } = rows[0] ?? {}
  if (cnames > 0)
    throw new Refusal('zone_record_conflict', `${record.name} has a CNAME, and so nothing else.`)
  if (record.type === 'CNAME' && others > 0) {
    throw new Refusal('zone_record_conflict', `${record.name} has other records, and so can have no CNAME.`)
  }
  const { recordsPerDomainMax, valuesPerSetMax, bytesPerSetMax } = recordPolicy
  if (all >= recordsPerDomainMax) {
    throw new Refusal('zone_record_limit_reached', `A domain has at most ${recordsPerDomainMax} records.`)
  }
  if (inSet >= valuesPerSetMax || bytes + Buffer.byteLength(record.value) > bytesPerSetMax) {
    const detail = `A name has at most ${valuesPerSetMax} values of one type, of ${bytesPerSetMax} bytes together.`
    throw new Refusal('zone_record_limit_reached', detail)
  }
}

function refuseTwice(error: unknown): never {
  if (violatedConstraint(error) === 'zone_records_value') {
    throw new Refusal('zone_record_conflict', 'The record is there already.', { cause: error })
  }
  throw error
}

async function tell(
  platform: Platform,
  tx: Tx,
  type: 'zone_record.created' | 'zone_record.updated' | 'zone_record.deleted',
  domain: Domain,
  record: ZoneRecord,
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type,
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: domain.id, zone_record_id: record.id, name: record.name, type: record.type },
    },
  ])
  await touchZones(platform, tx, [domain.id])
}
