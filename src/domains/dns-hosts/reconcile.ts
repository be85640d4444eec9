/**
 * Brings a domain's records to its DNS host, and takes them away from hosts that it leaves. What we are about to write
 * is noted first: should we end in between, the next run knows it for ours.
 */
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Domain } from '../domains.ts'
import { type HostChange, type HostConflict, type HostPlan, planChanges } from './changes.ts'
import { type DnsHostRow, openConnection } from './connections.ts'
import { type DnsHost, DnsHostError, type HostZone } from './driver.ts'
import { type Hosting, type HostRecordRow, hostingsOf, recordsAt } from './hosting.ts'
import { addReconcileJobs } from './jobs.ts'
import { locateZone } from './locate-zone.ts'
import { noteFailure, noteIntent, noteSuccess } from './outcome.ts'
import { dnsHostPolicy } from './policy.ts'
import { isSpf } from './spf.ts'
import { wantedRecords } from './wanted.ts'

type HostOutcome = {
  changes: HostChange[]
  conflicts: HostConflict[]
  /** Null: it worked. */
  error: DnsHostError | null
  /** When it is to be tried again; null: nothing is left to do. */
  retryAt: Date | null
}

/** What became of the host that drives the domain. */
export type ReconcileOutcome = HostOutcome & {
  /** When there is something to do again at any of its hosts, those that it leaves too. */
  nextRunAt: Date | null
}

/**
 * One run for one domain, over all hosts that have to do with it. What the hosts do wrong is in the outcome and in the
 * database, not thrown. Does nothing while another run is at the same domain.
 */
export async function reconcileHost(platform: Platform, domainId: string): Promise<ReconcileOutcome> {
  const outcome = await alone(platform, domainId, async () => {
    const domain = await platform.db
      .selectFrom('domains')
      .selectAll()
      .where('id', '=', domainId)
      .executeTakeFirst()
    let last: HostOutcome = settled
    if (!domain) return { ...last, nextRunAt: null }
    const due: Date[] = []
    for (const hosting of await hostingsOf(platform, domain)) {
      last = await reconcileOne(platform, domain, hosting)
      if (last.retryAt !== null) due.push(last.retryAt)
    }
    const nextRunAt = due.sort((one, other) => one.getTime() - other.getTime())[0] ?? null
    return { ...last, nextRunAt }
  })
  if (outcome !== null) return outcome
  const retryAt = new Date(platform.clock.now().getTime() + dnsHostPolicy.busyRetryMs)
  return { ...settled, retryAt, nextRunAt: retryAt }
}

const settled: HostOutcome = { changes: [], conflicts: [], error: null, retryAt: null }

/** The same, after which the job comes by itself for what failed. */
export async function reconcileAndRetry(platform: Platform, domainId: string): Promise<ReconcileOutcome> {
  const outcome = await reconcileHost(platform, domainId)
  const { nextRunAt } = outcome
  if (nextRunAt !== null) {
    await transaction(platform.db, (tx) => addReconcileJobs(tx, [domainId], nextRunAt))
  }
  return outcome
}

const reconcilingLock = 7_302_032

/** The lock belongs to a connection, so that it ends with a node that ends. @returns null when another has it. */
async function alone<T>({ pool }: Platform, domainId: string, work: () => Promise<T>): Promise<T | null> {
  const client = await pool.connect()
  const lock = [reconcilingLock, domainId]
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_lock($1::int, hashtext($2)) as mine',
      lock,
    )
    if (rows[0]?.mine !== true) return null
    try {
      return await work()
    } finally {
      await client.query('select pg_advisory_unlock($1::int, hashtext($2))', lock)
    }
  } finally {
    client.release()
  }
}

async function reconcileOne(platform: Platform, domain: Domain, hosting: Hosting): Promise<HostOutcome> {
  const row = await platform.db
    .selectFrom('dns_hosts')
    .selectAll()
    .where('id', '=', hosting.dns_host_id)
    .executeTakeFirst()
  if (!row) return settled
  if (row.retry_at !== null && row.retry_at > platform.clock.now())
    return { ...settled, retryAt: row.retry_at }
  try {
    const host = openConnection(platform, row)
    const zone = await zoneFor(host, domain, hosting)
    const plan = await planFor(platform, domain, hosting, { host, zone })
    if (zone !== null && plan.sets.length > 0) {
      await noteIntent(platform, hosting, plan)
      await host.apply(zone, plan.sets)
    }
    await noteSuccess(platform, domain, hosting, { zone, plan })
    return { ...settled, changes: plan.changes, conflicts: plan.conflicts }
  } catch (error) {
    if (!(error instanceof DnsHostError)) throw error
    return { ...settled, error, retryAt: await noteFailure(platform, domain, hosting, error) }
  }
}

/** @returns null for a zone that is gone, of a domain that leaves: nothing of ours is left there. */
async function zoneFor(host: DnsHost, domain: Domain, hosting: Hosting): Promise<HostZone | null> {
  if (hosting.zone_id !== null && hosting.zone_name !== null) {
    return { id: hosting.zone_id, name: hosting.zone_name, nameservers: [] }
  }
  const zone = await locateZone(host, domain.name)
  if (zone !== null || hosting.leaving) return zone
  if (hosting.create_zone) return await host.createZone(domain.name)
  throw new DnsHostError('zone_missing', `The host has no zone for ${domain.name}.`)
}

async function planFor(
  platform: Platform,
  domain: Domain,
  hosting: Hosting,
  at: { host: DnsHost; zone: HostZone | null },
): Promise<HostPlan> {
  const records = await recordsAt(platform.db, domain.id, hosting.dns_host_id)
  const wanted = hosting.leaving ? [] : await wantedRecords(platform, platform.db, domain)
  const present = at.zone === null ? [] : await at.host.listRRsets(at.zone)
  const displaced = records.filter((one) => one.displaced && isPutBack(hosting, one))
  return planChanges(
    wanted,
    {
      zone: at.zone?.name ?? domain.name,
      present,
      written: records.filter((one) => !one.displaced),
      displaced,
    },
    { takeOver: hosting.take_over },
  )
}

/** SPF that ours was merged into is the owner's own; without it his other senders would be refused. */
function isPutBack(hosting: Hosting, { type, value }: HostRecordRow): boolean {
  return !hosting.leaving || hosting.put_back || (type === 'TXT' && isSpf(value))
}

/**
 * What a run would change, with nothing done.
 * @param hosting as it is, or as it would be.
 * @throws DnsHostError.
 */
export async function previewHost(
  platform: Platform,
  domain: Domain,
  hosting: Hosting,
  row: DnsHostRow,
): Promise<{ zone: HostZone | null; plan: HostPlan }> {
  const host = openConnection(platform, row)
  const zone = await locateZone(host, domain.name)
  return { zone, plan: await planFor(platform, domain, hosting, { host, zone }) }
}
