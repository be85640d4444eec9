/** What a host's job would do, asked of the host itself, or does while a caller waits. Not for transactions: it waits for the world. */
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Domain, getDomain } from '../domains.ts'
import type { HostChange, HostConflict } from './changes.ts'
import { getDnsHost, refusing } from './connections.ts'
import type { WantedHosting } from './drive.ts'
import { getHosting, type Hosting, hostingOf, newHosting } from './hosting.ts'
import { dnsHostPolicy } from './policy.ts'
import { previewHost, reconcileAndRetry } from './reconcile.ts'

export type HostPreview = {
  /** The zone that is written into; null: it would be made, or is gone. */
  zone: string | null
  changes: HostChange[]
  conflicts: HostConflict[]
}

/**
 * Of `setDnsHost`.
 * @throws Refusal dns_zone_not_found, dns_host_credentials_refused, dns_host_failed, dns_host_not_found,
 * domain_not_found, forbidden.
 */
export async function previewSetting(
  platform: Platform,
  scope: Scope,
  ref: string,
  wanted: WantedHosting,
): Promise<HostPreview> {
  requireWrite(scope)
  const domain = await getDomain(platform, scope, ref)
  const host = await getDnsHost(platform, scope, wanted.dnsHostId)
  const present = await hostingOf(platform.db, domain.id, host.id)
  const hosting: Hosting = {
    ...(present ?? { ...newHosting(platform, domain.id, host.id), conflicts: [] }),
    take_over: wanted.takeOver,
    create_zone: wanted.createZone,
    leaving: false,
  }
  const driven = { ...domain, dns_mode: 'driven' as const, dns_host_id: host.id }
  const preview = await ask(platform, scope, driven, hosting)
  if (preview.zone === null && !wanted.createZone) {
    throw new Refusal('dns_zone_not_found', `The host has no zone for ${domain.name}, nor for one above it.`)
  }
  return preview
}

/** Of `leaveDnsHost`. @throws Refusal domain_dns_not_driven, and as above. */
export async function previewLeaving(
  platform: Platform,
  scope: Scope,
  ref: string,
  putBack: boolean,
): Promise<HostPreview> {
  requireWrite(scope)
  const { domain, hosting } = await getHosting(platform, scope, ref)
  return await ask(platform, scope, domain, { ...hosting, leaving: true, put_back: putBack })
}

/** Of the next run. @throws Refusal domain_dns_not_driven, and as above. */
export async function previewRun(platform: Platform, scope: Scope, ref: string): Promise<HostPreview> {
  requireWrite(scope)
  const { domain, hosting } = await getHosting(platform, scope, ref)
  return await ask(platform, scope, domain, hosting)
}

let awaitedRuns = 0

/** A run now, for a caller who waits for it. @throws Refusal rate_limited, and as above. */
export async function runNow(platform: Platform, scope: Scope, ref: string): Promise<HostPreview> {
  requireWrite(scope)
  const { domain } = await getHosting(platform, scope, ref)
  if (awaitedRuns >= dnsHostPolicy.awaitedRunsMax) {
    throw new Refusal('rate_limited', 'Many domains are being brought to their hosts just now.')
  }
  awaitedRuns++
  const { changes, conflicts, error, retryAt } = await reconcileAndRetry(platform, domain.id).finally(() => {
    awaitedRuns--
  })
  if (error !== null) {
    await refusing(() => {
      throw error
    })
  }
  if (retryAt !== null) {
    throw new Refusal('dns_host_failed', `It is tried again at ${retryAt.toISOString()}.`)
  }
  const { hosting } = await getHosting(platform, scope, ref)
  return { zone: hosting.zone_name, changes, conflicts }
}

async function ask(platform: Platform, scope: Scope, domain: Domain, hosting: Hosting): Promise<HostPreview> {
  const row = await getDnsHost(platform, scope, hosting.dns_host_id)
  const { zone, plan } = await refusing(() => previewHost(platform, domain, hosting, row))
  return { zone: zone?.name ?? null, changes: plan.changes, conflicts: plan.conflicts }
}
