/** The job that brings a domain's records to its DNS host. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'dns_hosts.reconcile': { domain_id: string }
  }
}

/**
 * For the transaction that changes what these domains' records should be, and for whoever finds that they are not there.
 * Does nothing for those that no host is driven for, or has anything left of.
 */
export async function addReconcileJobs(
  tx: Tx,
  domainIds: readonly string[],
  runAt: Date | null = null,
): Promise<void> {
  if (domainIds.length === 0) return
  const { rows } = await sql<{ domain_id: string; dns_host_id: string }>`
    select id as domain_id, dns_host_id from domains
    where id = any(${domainIds}::uuid[]) and dns_host_id is not null
    union
    select domain_id, dns_host_id from dns_host_domains where domain_id = any(${domainIds}::uuid[])
    order by domain_id`.execute(tx)
  const hosts = new Map(rows.map((row) => [row.domain_id, row.dns_host_id]))
  await addJobs(
    tx,
    [...hosts].map(([domainId, hostId]) => ({
      name: 'dns_hosts.reconcile' as const,
      payload: { domain_id: domainId },
      key: `dns_hosts.reconcile:${domainId}`,
      queue: `dns_hosts:${hostId}`, // a host that does not answer must not keep all workers waiting
      ...(runAt === null ? {} : { runAt }),
    })),
  )
}
