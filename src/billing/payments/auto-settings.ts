/** What a workspace has said of automatic top-ups, and that it has agreed to them. */
import type { Selectable } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { addAutoTopUpJobs } from '../low-balance.ts'
import { lockPayer, type Wallet } from '../payers.ts'
import { switchOff } from './auto-off.ts'
import { defaultCard } from './cards.ts'
import { onlinePayments } from './providers.ts'
import type { AutoTopUpsTable } from './tables.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.auto_top_up_updated': {
      enabled: boolean
      threshold: number
      amount: number | null
      target: number | null
      daily_cap: number
      monthly_cap: number
    }
  }
}

export type AutoTopUp = Selectable<AutoTopUpsTable>

/** What a customer agrees to: the mandate for charges without them. Other words are another version. */
export const consentWording = {
  version: '2026-12',
  text:
    'I agree that my saved card is charged without my being there whenever the balance of this wallet falls below the ' +
    'threshold, or is too little for what is due or for what I have ordered, with the amounts and up to the daily and monthly limits that I have set, until I switch this off.',
} as const

export type AutoTopUpChange = Partial<
  Pick<
    AutoTopUp,
    'enabled' | 'threshold' | 'amount' | 'target' | 'daily_cap' | 'monthly_cap' | 'interval_minutes'
  >
> & { consent?: string }

/** Those of a workspace that has never set any; amounts in minor units. */
const presets = {
  enabled: false,
  threshold: 1000,
  amount: 5000,
  target: null,
  daily_cap: 20_000,
  monthly_cap: 100_000,
  interval_minutes: 10,
  off_reason: null,
  off_at: null,
} as const

export type ShownAutoTopUp = Pick<AutoTopUp, keyof typeof presets>

export async function getAutoTopUp(db: Db, scope: Scope): Promise<ShownAutoTopUp & { currency: string }> {
  requireWorkspace(scope)
  const row = await find(db, scope.workspaceId)
  const wallet = await db
    .selectFrom('wallets')
    .select('currency')
    .where('workspace_id', '=', scope.workspaceId)
    .executeTakeFirst()
  const settings =
    wallet ?? (await db.selectFrom('billing_settings').select('currency').executeTakeFirstOrThrow())
  return { ...(row ?? presets), currency: settings.currency }
}

async function find(db: Db, workspaceId: string): Promise<AutoTopUp | undefined> {
  return await db
    .selectFrom('auto_top_ups')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
}

/**
 * Changes them; switching them on takes the customer's consent to the present wording, and a saved card.
 * @param ip of who agrees.
 * @throws Refusal auto_top_up_invalid, auto_top_up_consent_required, payment_method_missing, payments_manual, forbidden.
 */
export async function updateAutoTopUp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  change: AutoTopUpChange,
  ip: string,
): Promise<ShownAutoTopUp & { currency: string }> {
  requireWorkspace(scope)
  requireWrite(scope)
  const { wallet } = await lockPayer(platform, tx, scope, [])
  const before = await find(tx, scope.workspaceId)
  const { consent, ...wanted } = change
  // Who names one of the two means it in place of the other.
  const instead = { ...(wanted.amount ? { target: null } : {}), ...(wanted.target ? { amount: null } : {}) }
  const next = { ...presets, ...before, ...instead, ...wanted }
  requireSense(platform, next, wallet, change.enabled !== false)
  // Who agrees to newer words need not switch it off before.
  if (next.enabled && (before?.enabled !== true || consent !== undefined))
    await switchOn(platform, tx, scope, consent, ip)
  if (!next.enabled && before?.enabled === true) await switchOff(platform, tx, scope, 'customer')
  const isTurned = next.enabled !== (before?.enabled ?? false)
  const { enabled, threshold, amount, target, daily_cap, monthly_cap, interval_minutes } = next
  const values = {
    organization_id: scope.organizationId,
    enabled,
    threshold,
    amount,
    target,
    daily_cap,
    monthly_cap,
    interval_minutes,
    updated_at: platform.clock.now(),
    ...(isTurned && enabled ? { off_reason: null, off_at: null, declines: 0, not_before: null } : {}),
  }
  const row = await tx
    .insertInto('auto_top_ups')
    .values({
      workspace_id: scope.workspaceId,
      off_reason: null,
      off_at: null,
      not_before: null,
      capped_at: null,
      ...values,
    })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(values))
    .returningAll()
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('wallets')
    .set({ auto_top_up_below: enabled ? threshold : null })
    .where('workspace_id', '=', scope.workspaceId)
    .execute()
  const { organizationId, workspaceId } = scope
  const data = { enabled, threshold, amount, target, daily_cap, monthly_cap }
  await appendEvents(platform, tx, [
    { type: 'billing.auto_top_up_updated', organizationId, workspaceId, data },
  ])
  if (enabled) await addAutoTopUpJobs(tx, [workspaceId])
  return { ...row, currency: wallet.currency }
}

type Sums = Pick<AutoTopUp, 'threshold' | 'amount' | 'target' | 'daily_cap' | 'monthly_cap'>

function requireSense(platform: Platform, next: Sums, wallet: Wallet, isCharged: boolean): void {
  const { threshold, amount, target, daily_cap, monthly_cap } = next
  const refuse = (detail: string): never => {
    throw new Refusal('auto_top_up_invalid', detail)
  }
  if ((amount === null) === (target === null)) refuse('Either amount or target has to be given.')
  if (target !== null && target <= threshold) refuse('target has to be above threshold.')
  if (monthly_cap < daily_cap) refuse('monthly_cap is below daily_cap.')
  const least = amount ?? (target ?? 0) - threshold
  if (daily_cap < least) refuse('daily_cap is below what one top-up would be.')
  if (isCharged) onlinePayments(platform).checkAmount({ amount: least, currency: wallet.currency })
}

async function switchOn(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  consent: string | undefined,
  ip: string,
): Promise<void> {
  onlinePayments(platform)
  if ((await defaultCard(tx, scope.workspaceId)) === null) throw new Refusal('payment_method_missing')
  if (consent !== consentWording.version) throw new Refusal('auto_top_up_consent_required')
  await tx
    .insertInto('auto_top_up_consents')
    .values({
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      wording_version: consentWording.version,
      wording: consentWording.text,
      actor: scope.actor,
      ip,
      agreed_at: platform.clock.now(),
    })
    .execute()
}
