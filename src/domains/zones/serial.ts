/** Zone serials: they rise with every change, so that secondaries know when to transfer (RFC 1982, RFC 1996). */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { addReconcileJobs } from '../dns-hosts/jobs.ts'

/**
 * Says that what the zones of these domains answer has changed: gives each a new serial, and writes the event that
 * makes name servers, secondaries and DNS hosts follow. Whoever changes a record, a key or a setting that a record is
 * made of calls it in the same transaction. A serial is the second of its change, or one more than the last.
 */
export async function touchZones(platform: Platform, tx: Tx, domainIds: readonly string[]): Promise<void> {
  if (domainIds.length === 0) return
  const seconds = Math.floor(platform.clock.now().getTime() / 1000)
  const { rows } = await sql<{
    id: string
    name: string
    organization_id: string
    workspace_id: string
    zone_serial: number
  }>`update domains set zone_serial = greatest(zone_serial + 1, ${seconds}::bigint)
    where id in (select id from domains where id = any(${domainIds}::uuid[]) and state <> 'deleted'
      order by id for update)
    returning id, name, organization_id, workspace_id, zone_serial`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'domain.zone_changed' as const,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { domain_id: row.id, name: row.name, serial: row.zone_serial },
    })),
  )
  await addReconcileJobs(
    tx,
    rows.map(({ id }) => id),
  )
}
