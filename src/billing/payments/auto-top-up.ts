/**
 * Automatic top-ups: a wallet whose balance is below its threshold, or too little for what is due, is topped up by the saved
 * card, within what the customer has allowed. What starts them may come many times at once; the wallet's lock, the interval and a unique index make one.
 */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { addAutoTopUpJobs, addLaterAutoTopUp } from '../low-balance.ts'
import { lockPayer, type Owner, type Payer } from '../payers.ts'
import { isBilling } from '../settings.ts'
import { automaticAmount } from './auto-amount.ts'
import { type AutoTopUp, consentWording } from './auto-settings.ts'
import { defaultCard } from './cards.ts'
import { paymentProvider } from './providers.ts'
import { returnAddress } from './return-address.ts'
import { addAdvanceJob } from './settle-payment.ts'
import { insertTopUp } from './top-ups.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    /** Told once a day: the balance is low, and the customer's own limits let nothing be charged. */
    'billing.auto_top_up_capped': {
      balance: number
      daily_cap: number
      monthly_cap: number
      currency: string
    }
  }
}

const minuteMs = 60_000
const dayMs = 24 * 3600_000

/** What a workspace would pay at this moment if it had enough, in minor units by currency. */
export type DueAmounts = (platform: Platform, workspaceId: string) => Promise<ReadonlyMap<string, number>>

/** Tops a workspace's wallet up, if it is due: the row is committed here, and the charge is a job's. */
export async function topUpIfLow(
  platform: Platform,
  workspaceId: string,
  dueAmounts: DueAmounts,
): Promise<void> {
  if (!isBilling(platform) || paymentProvider(platform).name === 'manual') return
  const wallet = await platform.db
    .selectFrom('wallets')
    .select(['organization_id', 'currency'])
    .where('workspace_id', '=', workspaceId)
    .where('auto_top_up_below', 'is not', null)
    .where('locked_at', 'is', null)
    .executeTakeFirst()
  if (!wallet) return
  const owner = { organizationId: wallet.organization_id, workspaceId }
  const agreed = await agreesToShortfalls(platform, workspaceId)
  const due = agreed ? ((await dueAmounts(platform, workspaceId)).get(wallet.currency) ?? 0) : 0
  await transaction(platform.db, (tx) => plan(platform, tx, owner, due))
}

/** Older words were of the threshold alone. */
async function agreesToShortfalls({ db }: Platform, workspaceId: string): Promise<boolean> {
  const row = await db
    .selectFrom('auto_top_up_consents')
    .select('wording_version')
    .where('workspace_id', '=', workspaceId)
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row?.wording_version === consentWording.version
}

async function plan(platform: Platform, tx: Tx, owner: Owner, due: number): Promise<void> {
  const { workspaceId } = owner
  const payer = await lockPayer(platform, tx, owner, [])
  const settings = await tx
    .selectFrom('auto_top_ups')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('enabled', '=', true)
    .executeTakeFirst()
  const { balance, credit_limit, locked_at, currency } = payer.wallet
  const lack = due === 0 ? 0 : Math.max(0, due - balance - credit_limit)
  if (!settings || locked_at !== null || (balance >= settings.threshold && lack === 0)) return
  const past = await pastOf(platform, tx, workspaceId)
  if (past.is_open) return
  const waitUntil = Math.max(
    settings.not_before?.getTime() ?? 0,
    (past.last_at?.getTime() ?? 0) + settings.interval_minutes * minuteMs,
  )
  if (waitUntil > payer.now.getTime()) return await addLaterAutoTopUp(tx, workspaceId, new Date(waitUntil))
  const room = Math.min(settings.daily_cap - past.day, settings.monthly_cap - past.month)
  const amount = automaticAmount(settings, { balance, lack, room })
  if (amount === null) return await tellCapped(platform, tx, payer, settings)
  const card = await defaultCard(tx, workspaceId)
  if (card === null) return
  const topUp = await insertTopUp(platform, tx, payer, {
    amount,
    currency,
    method: 'saved',
    reason: 'auto',
    cardId: card.provider_id,
    returnUrl: returnAddress(platform, null),
    actor: null,
  })
  await addAdvanceJob(tx, topUp.id)
}

type Past = { is_open: boolean; last_at: Date | null; day: number; month: number }

/** Those that are paid or may be, since the beginning of the day and of the month in UTC. */
async function pastOf(platform: Platform, tx: Tx, workspaceId: string): Promise<Past> {
  const now = platform.clock.now()
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()))
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))
  const { rows } = await sql<Past>`
    select coalesce(bool_or(ended_at is null), false) as is_open, max(created_at) as last_at,
      coalesce(sum(coalesce(received_amount, amount)) filter (where created_at >= ${day}
        and state not in ('failed', 'expired')), 0)::bigint as day,
      coalesce(sum(coalesce(received_amount, amount)) filter (where created_at >= ${month}
        and state not in ('failed', 'expired')), 0)::bigint as month
    from top_ups
    where workspace_id = ${workspaceId}::uuid and reason = 'auto' and (created_at >= ${month} or ended_at is null
      or id = (select id from top_ups as last where last.workspace_id = ${workspaceId}::uuid and last.reason = 'auto'
        order by id desc limit 1))`.execute(tx)
  const [past] = rows
  if (!past) throw new Error('a sum has no row')
  return past
}

async function tellCapped(platform: Platform, tx: Tx, payer: Payer, settings: AutoTopUp): Promise<void> {
  if (settings.capped_at !== null && payer.now.getTime() - settings.capped_at.getTime() < dayMs) return
  const { organizationId, workspaceId, wallet } = payer
  await tx
    .updateTable('auto_top_ups')
    .set({ capped_at: payer.now })
    .where('workspace_id', '=', workspaceId)
    .execute()
  const { daily_cap, monthly_cap } = settings
  const data = { balance: wallet.balance, daily_cap, monthly_cap, currency: wallet.currency }
  await appendEvents(platform, tx, [
    { type: 'billing.auto_top_up_capped', organizationId, workspaceId, data },
  ])
}

const dueMax = 1000

/** Those that are below their threshold, whatever has kept them from being topped up. */
export async function topUpLowWallets(platform: Platform): Promise<void> {
  if (!isBilling(platform) || paymentProvider(platform).name === 'manual') return
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ workspace_id: string }>`
      select workspace_id from wallets
      where auto_top_up_below is not null and balance < auto_top_up_below and locked_at is null
        and not exists (select from top_ups where top_ups.workspace_id = wallets.workspace_id
          and reason = 'auto' and ended_at is null)
      order by updated_at limit ${dueMax}`.execute(tx)
    await addAutoTopUpJobs(
      tx,
      rows.map((row) => row.workspace_id),
    )
  })
}
