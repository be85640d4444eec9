/** What the owner of a domain decides about its DNS and its web names. */
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { hasLeft } from './checks/delegation.ts'
import { startChecks } from './checks/start.ts'
import { storedCheck } from './checks/store.ts'
import { desiredRecords } from './desired-records.ts'
import { dkimKeysOf } from './dkim-keys.ts'
import { type Domain, getDomain, lockDomain, moveDomain } from './domains.ts'
import { isSandboxName } from './names.ts'
import { holdFormerZones, requireNameservers, wantedDnsMode } from './nameservers.ts'
import { waitingState } from './new-domain.ts'
import type { DesiredRecord } from './plan/record.ts'
import { checkSettings, type SettingsChanges } from './settings-input.ts'
import type { DnsMode } from './tables.ts'
import { touchZones } from './zones/serial.ts'

export type RecordChange = { action: 'add' | 'remove'; record: DesiredRecord }

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.settings_changed': { domain_id: string; name: string; changed: string[] }
  }
}

/**
 * Changes settings of a domain. Mail goes on meanwhile: a domain that is active stays so, and where its DNS is moved
 * both sides answer until the delegation has followed.
 * @param version the `settings_version` that the caller has seen; null: any.
 * @returns the domain as it is then, and what of its plan of records is different.
 * @throws Refusal domain_not_found, edit_conflict, domain_settings_invalid, nameservers_unavailable,
 * domain_state_conflict, forbidden.
 */
export async function changeSettings(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  changes: SettingsChanges,
  version: number | null,
): Promise<{ domain: Domain; records: RecordChange[] }> {
  const domain = await lockDomain(platform, tx, scope, ref)
  const { id } = domain
  if (version !== null && domain.settings_version !== version) throw new Refusal('edit_conflict')
  checkSettings(domain, changes)
  const wanted = { ...settingsOf(changes), ...(await modesOf(platform, tx, domain, changes.dnsMode)) }
  const changed = changedColumns(domain, wanted)
  if (changed.length === 0) return { domain, records: [] }
  const before = await planOf(platform, tx, domain)
  await tx
    .updateTable('domains')
    .set({ ...wanted, settings_version: domain.settings_version + 1, updated_at: platform.clock.now() })
    .where('id', '=', id)
    .execute()
  if ('dns_mode' in wanted || 'pending_dns_mode' in wanted) await applyMode(platform, tx, scope, domain)
  await touchZones(platform, tx, [id])
  await startChecks(tx, [id], platform.clock.now())
  await appendEvents(platform, tx, [
    {
      type: 'domain.settings_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: { domain_id: id, name: domain.name, changed },
    },
  ])
  const now = await getDomain(platform, scope, id, tx)
  return { domain: now, records: differences(before, await planOf(platform, tx, now)) }
}

type Columns = Partial<
  Pick<
    Domain,
    | 'dmarc_policy'
    | 'dmarc_report_address'
    | 'mta_sts_mode'
    | 'bimi_logo_url'
    | 'redirect_url'
    | 'redirect_status'
    | 'redirect_keeps_path'
    | 'product'
    | 'dns_mode'
    | 'pending_dns_mode'
  >
>

function settingsOf(changes: SettingsChanges): Columns {
  const { dmarcPolicy, dmarcReportAddress, mtaStsMode, bimiLogoUrl, redirect, product } = changes
  return {
    ...(product === undefined ? {} : { product }),
    ...(dmarcPolicy === undefined ? {} : { dmarc_policy: dmarcPolicy }),
    ...(dmarcReportAddress === undefined ? {} : { dmarc_report_address: dmarcReportAddress }),
    ...(mtaStsMode === undefined ? {} : { mta_sts_mode: mtaStsMode }),
    ...(bimiLogoUrl === undefined ? {} : { bimi_logo_url: bimiLogoUrl }),
    ...(redirect === undefined
      ? {}
      : redirect === null
        ? { redirect_url: null, redirect_status: 301, redirect_keeps_path: true }
        : {
            redirect_url: redirect.url,
            redirect_status: redirect.status,
            redirect_keeps_path: redirect.keepsPath,
          }),
  }
}

/**
 * Where the DNS of a domain goes. Towards our name servers from its owner's hands: at once, the zone is answered while
 * the delegation is awaited, and the records at the old host stay there. Away from them, or from a host that we drive:
 * when the delegation has followed, because what we answer or write would be gone before.
 */
async function modesOf(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  wanted: DnsMode | undefined,
): Promise<Columns> {
  if (wanted === undefined || wanted === wantedDnsMode(domain)) return {}
  if (wanted === domain.dns_mode) return { pending_dns_mode: null }
  requireNameservers(platform, wanted, domain.workspace_id)
  if (wanted === 'driven') {
    throw new Refusal('domain_state_conflict', `A DNS host has to be set for ${domain.name} first.`)
  }
  const hasNothingToLose =
    domain.state === 'pending_nameservers' || domain.state === 'pending_records' || isSandboxName(domain.name)
  const delegation = (await storedCheck(tx, domain.id))?.delegation ?? null
  const leavesUs = domain.dns_mode === 'served' && (delegation === null || !hasLeft(delegation))
  const leavesHost = domain.dns_mode === 'driven' && wanted === 'served'
  return !hasNothingToLose && (leavesUs || leavesHost)
    ? { pending_dns_mode: wanted }
    : { dns_mode: wanted, pending_dns_mode: null }
}

/** What follows of another `dns_mode`, or one that is pending, in the transaction that sets it. */
export async function applyMode(platform: Platform, tx: Tx, scope: Scope, before: Domain): Promise<void> {
  // A zone that is answered already has shown whose it is, or is held already.
  if (before.dns_mode !== 'served' && before.pending_dns_mode !== 'served') {
    await holdFormerZones(tx, [before.id])
  }
  if (before.state !== 'pending_nameservers' && before.state !== 'pending_records') return
  const domain = await getDomain(platform, scope, before.id, tx)
  const state = waitingState(wantedDnsMode(domain))
  if (state !== domain.state) await moveDomain(platform, tx, domain, state)
}

function changedColumns(domain: Domain, wanted: Columns): string[] {
  return Object.entries(wanted).flatMap(([column, value]) =>
    Reflect.get(domain, column) === value ? [] : [column],
  )
}

async function planOf({ config }: Platform, tx: Tx, domain: Domain): Promise<DesiredRecord[]> {
  const keys = await dkimKeysOf(tx, domain.id)
  return desiredRecords(config, { ...domain, dns_mode: wantedDnsMode(domain) }, keys)
}

function differences(before: readonly DesiredRecord[], after: readonly DesiredRecord[]): RecordChange[] {
  const key = ({ type, name, value }: DesiredRecord): string => `${type} ${name} ${value}`
  const [had, has] = [new Set(before.map(key)), new Set(after.map(key))]
  return [
    ...before
      .filter((record) => !has.has(key(record)))
      .map((record) => ({ action: 'remove' as const, record })),
    ...after.filter((record) => !had.has(key(record))).map((record) => ({ action: 'add' as const, record })),
  ]
}
