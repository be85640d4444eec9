/** What became of a run at a DNS host, in the database. */
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Domain } from '../domains.ts'
import type { HostPlan } from './changes.ts'
import type { DnsHostError, DnsHostErrorKind, HostZone } from './driver.ts'
import { type Hosting, isDrivenRow } from './hosting.ts'
import { dnsHostPolicy } from './policy.ts'

/** Before a change: what will be ours there, and what is about to go. */
export async function noteIntent(platform: Platform, hosting: Hosting, plan: HostPlan): Promise<void> {
  await transaction(platform.db, (tx) => insertRecords(platform, tx, hosting, plan))
}

async function insertRecords(platform: Platform, tx: Tx, hosting: Hosting, plan: HostPlan): Promise<void> {
  const rows = [
    ...plan.written.map((one) => ({ ...one, ttl: 0, displaced: false })),
    ...plan.displaced.map((one) => ({ ...one, displaced: true })),
  ].map(({ name, type, value, ttl, displaced }) => ({ name, type, value, ttl, displaced }))
  await sql`
    insert into dns_host_records (domain_id, dns_host_id, name, type, value, ttl, displaced, written_at)
    select ${hosting.domain_id}::uuid, ${hosting.dns_host_id}::uuid, name, type, value, ttl, displaced,
      ${platform.clock.now()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (name text, type text, value text, ttl integer, displaced boolean)
    where exists (select 1 from dns_host_domains
      where domain_id = ${hosting.domain_id}::uuid and dns_host_id = ${hosting.dns_host_id}::uuid)
    on conflict do nothing`.execute(tx)
}

/** A domain that has left a host is forgotten there. */
export async function noteSuccess(
  platform: Platform,
  domain: Domain,
  hosting: Hosting,
  { zone, plan }: { zone: HostZone | null; plan: HostPlan },
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await tx
      .updateTable('dns_hosts')
      .set({ state: 'working', last_error: null, retry_at: null, checked_at: platform.clock.now() })
      .where('id', '=', hosting.dns_host_id)
      .execute()
    if (hosting.leaving) await forget(tx, hosting)
    else await keep(platform, tx, hosting, { zone, plan })
    // Not as text: the database gives members back in an order of its own.
    const isNews = plan.changes.length > 0 || !isDeepStrictEqual(hosting.conflicts, plan.conflicts)
    if (!isNews) return
    await appendEvents(platform, tx, [
      {
        type: 'domain.dns_host_reconciled',
        organizationId: domain.organization_id,
        workspaceId: domain.workspace_id,
        data: {
          domain_id: domain.id,
          name: domain.name,
          dns_host_id: hosting.dns_host_id,
          changes: plan.changes.length,
          conflicts: plan.conflicts.length,
        },
      },
    ])
  })
}

async function keep(
  platform: Platform,
  tx: Tx,
  hosting: Hosting,
  { zone, plan }: { zone: HostZone | null; plan: HostPlan },
): Promise<void> {
  await ofHosting(tx.deleteFrom('dns_host_records'), hosting).execute()
  await insertRecords(platform, tx, hosting, plan)
  await ofHosting(
    tx.updateTable('dns_host_domains').set({
      zone_id: zone?.id ?? null,
      zone_name: zone?.name ?? null,
      state: plan.conflicts.length > 0 ? 'conflict' : 'in_sync',
      conflicts: JSON.stringify(plan.conflicts),
      error_kind: null,
      last_error: null,
      attempts: 0,
      checked_at: platform.clock.now(),
      next_attempt_at: null,
    }),
    hosting,
  ).execute()
}

/** The records go with the row. Should the host have been chosen again meanwhile, it stays for the job of that choice. */
async function forget(tx: Tx, hosting: Hosting): Promise<void> {
  await tx
    .updateTable('domains')
    .set({ dns_host_id: null })
    .where('id', '=', hosting.domain_id)
    .where('dns_host_id', '=', hosting.dns_host_id)
    .where(sql<boolean>`not ${isDrivenRow}`)
    .execute()
  await ofHosting(tx.deleteFrom('dns_host_records'), hosting).execute()
  await sql`
    delete from dns_host_domains where domain_id = ${hosting.domain_id}::uuid
      and dns_host_id = ${hosting.dns_host_id}::uuid
      and not exists (select 1 from domains where id = domain_id and ${isDrivenRow}
        and domains.dns_host_id = dns_host_domains.dns_host_id)`.execute(tx)
}

/** What concerns every domain at the host, not this one. */
const ofHost: ReadonlySet<DnsHostErrorKind> = new Set(['credentials', 'rate_limited', 'unreachable'])

/** @returns when to try again. */
export async function noteFailure(
  platform: Platform,
  domain: Domain,
  hosting: Hosting,
  error: DnsHostError,
): Promise<Date> {
  const now = platform.clock.now().getTime()
  const step = Math.min(hosting.attempts, dnsHostPolicy.retryMs.length - 1)
  const waitMs = Math.max(dnsHostPolicy.retryMs[step] ?? 0, error.retryAfterMs ?? 0)
  const retryAt = new Date(now + waitMs)
  await transaction(platform.db, async (tx) => {
    if (ofHost.has(error.kind)) {
      const pauseMs = error.retryAfterMs ?? dnsHostPolicy.hostPauseMs
      await tx
        .updateTable('dns_hosts')
        .set({
          state: 'failing',
          last_error: error.message,
          checked_at: new Date(now),
          // Credentials may be replaced at any moment; nobody is spared by waiting.
          retry_at: error.kind === 'credentials' ? null : new Date(now + pauseMs),
        })
        .where('id', '=', hosting.dns_host_id)
        .execute()
    }
    await ofHosting(
      tx.updateTable('dns_host_domains').set({
        state: 'failing',
        error_kind: error.kind,
        last_error: error.message,
        attempts: hosting.attempts + 1,
        next_attempt_at: retryAt,
        // It may have been made anew, with another id.
        ...(error.kind === 'zone_missing' ? { zone_id: null, zone_name: null } : {}),
      }),
      hosting,
    ).execute()
    if (hosting.state === 'failing') return
    await appendEvents(platform, tx, [
      {
        type: 'domain.dns_host_failed',
        organizationId: domain.organization_id,
        workspaceId: domain.workspace_id,
        data: {
          domain_id: domain.id,
          name: domain.name,
          dns_host_id: hosting.dns_host_id,
          kind: error.kind,
          problem: error.message,
        },
      },
    ])
  })
  return retryAt
}

function ofHosting<Q extends { where(column: 'domain_id' | 'dns_host_id', op: '=', value: string): Q }>(
  query: Q,
  hosting: Hosting,
): Q {
  return query.where('domain_id', '=', hosting.domain_id).where('dns_host_id', '=', hosting.dns_host_id)
}
