/** Delivery policies as callers see and change them: who may, and what each level may say. */
import { requireOrganization, requireWorkspace, requireWrite } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { findLevel, type LevelCaller, type LevelRef, type SenderLevel, subjectOf } from './levels.ts'
import {
  type DeliveryPolicy,
  type DeliveryPolicySettings,
  deliverySettings,
  deliverySettingsOf,
  type PolicyLevel,
  putDeliverySettings,
  readDeliveryPolicy,
} from './policies.ts'

export type SettingName = keyof typeof deliverySettings

/** What a level says itself, and what holds there. */
export type DeliveryPolicyReport = { settings: DeliveryPolicySettings; effective: DeliveryPolicy }

/** The settings that mean something at a level: a mailbox has no say in what its domain may send. */
export function settingsAt(scope: PolicyLevel['scope']): SettingName[] {
  const names = Object.keys(deliverySettings).filter((name) => name in deliverySettings) as SettingName[]
  return names.filter(
    (name) =>
      !(name.startsWith('workspace_') && scope !== 'workspace') &&
      !(name.startsWith('domain_') && scope === 'mailbox'),
  )
}

/**
 * What only a key of the whole organization changes at a workspace: what the workspace may send in all, and when it is
 * paused. These keep one tenant from harming the others; everything below them is the tenant's own affair.
 */
export const reservedSettings = [
  'workspace_per_hour',
  'workspace_per_day',
  'pause_bounce_percent',
  'pause_complaint_per_mille',
  'pause_minimum',
] as const satisfies readonly SettingName[]

/** @throws Refusal mailbox_not_found, domain_not_found, workspace_not_found, forbidden. */
export async function getDeliveryPolicy(
  platform: Platform,
  caller: LevelCaller,
  wanted: LevelRef,
): Promise<DeliveryPolicyReport> {
  return await reportOf(platform.db, await findLevel(platform, caller, wanted))
}

/**
 * Replaces what a level says. A key that is bound to a mailbox may not; at a workspace, a key of that workspace must leave
 * the reserved settings as they are.
 * @throws Refusal mailbox_not_found, domain_not_found, workspace_not_found, forbidden.
 */
export async function putDeliveryPolicy(
  platform: Platform,
  tx: Tx,
  caller: LevelCaller,
  wanted: LevelRef,
  settings: DeliveryPolicySettings,
): Promise<DeliveryPolicyReport> {
  requireWrite(caller.principal)
  requireWorkspace(caller.principal)
  const level = await findLevel(platform, caller, wanted, tx)
  if (level.scope === 'workspace') {
    const before = await deliverySettingsOf(tx, level.scopeId)
    const changed = reservedSettings.filter((name) => settings[name] !== before[name])
    if (changed.length > 0) requireOrganizationFor(caller, changed)
  }
  await putDeliverySettings(platform, tx, level, settings)
  return await reportOf(tx, level)
}

function requireOrganizationFor({ principal }: LevelCaller, names: readonly string[]): void {
  try {
    requireOrganization(principal)
  } catch (cause) {
    const detail = `Only a key of the whole organization may change ${names.join(', ')} of a workspace.`
    throw new Refusal('forbidden', detail, { cause })
  }
}

async function reportOf(db: Db, level: SenderLevel): Promise<DeliveryPolicyReport> {
  const settings = await deliverySettingsOf(db, level.scopeId)
  return { settings, effective: await readDeliveryPolicy(db, subjectOf(level)) }
}
