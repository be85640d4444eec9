/**
 * Disputes: a customer's bank takes a payment back. The wallet is locked while it is open, is debited when the money goes,
 * also below its limit, and gets it back when the dispute is won. A lost one stays locked until the operator unlocks it.
 */
import { type Selectable, sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { addSettleJob, credit } from '../credits.ts'
import { lockPayer, type Payer } from '../payers.ts'
import { switchOff } from './auto-off.ts'
import type { ProviderDispute } from './provider.ts'
import { onlinePayments } from './providers.ts'
import type { PaymentDisputesTable } from './tables.ts'
import { alone } from './top-up-lock.ts'
import { lockTopUp, ownerOf, type TopUp } from './top-ups.ts'

export type PaymentDispute = Selectable<PaymentDisputesTable>

type DisputeEvent = {
  dispute_id: string
  top_up_id: string
  amount: number
  currency: string
  reason: string
  status: string
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    /** The wallet is locked with it, unless the bank only asks. */
    'billing.disputed': DisputeEvent
    'billing.dispute_updated': DisputeEvent
    'billing.dispute_closed': DisputeEvent
  }
}

const lockReason = 'dispute'
const checkHours = 12

/** Reads a dispute at the provider's, and follows it. @param topUp of its payment. */
export async function takeInDispute(platform: Platform, topUp: TopUp, providerId: string): Promise<void> {
  await alone(platform, topUp.id, async () => {
    const seen = await onlinePayments(platform).getDispute(providerId)
    if (seen.money.currency !== topUp.currency || seen.money.amount <= 0) {
      platform.log.error({ event: 'payments.wrong_money', topUpId: topUp.id, disputeId: seen.id })
      return
    }
    await transaction(platform.db, (tx) => settleDispute(platform, tx, topUp, seen))
  })
}

async function settleDispute(platform: Platform, tx: Tx, topUp: TopUp, seen: ProviderDispute): Promise<void> {
  await lockTopUp(tx, topUp.id)
  const payer = await lockPayer(platform, tx, ownerOf(topUp), [])
  const known = await tx
    .selectFrom('payment_disputes')
    .selectAll()
    .where('dispute_id', '=', seen.id)
    .executeTakeFirst()
  const dispute = known ?? (await insertDispute(platform, tx, topUp, seen))
  const isAgainstUs = seen.phase === 'open' || seen.phase === 'lost'
  if (isAgainstUs && dispute.ended_at === null) await lockWallet(platform, tx, payer)
  await moveMoney(platform, tx, payer, dispute, seen)
  const isOver = seen.phase === 'won' || seen.phase === 'lost' || seen.phase === 'closed'
  const now = platform.clock.now()
  const written = await tx
    .updateTable('payment_disputes')
    .set({
      status: seen.status,
      next_check_at: isOver ? null : new Date(now.getTime() + checkHours * 3600_000),
      ended_at: dispute.ended_at ?? (isOver ? now : null),
      updated_at: now,
    })
    .where('id', '=', dispute.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  const owner = ownerOf(topUp)
  const data = eventOf(written)
  if (!known) await appendEvents(platform, tx, [{ type: 'billing.disputed', ...owner, data }])
  if (isOver && dispute.ended_at === null) {
    await appendEvents(platform, tx, [{ type: 'billing.dispute_closed', ...owner, data }])
  } else if (known && known.status !== seen.status) {
    await appendEvents(platform, tx, [{ type: 'billing.dispute_updated', ...owner, data }])
  }
  if (isOver && seen.phase !== 'lost') await unlockWallet(platform, tx, payer)
}

async function insertDispute(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  seen: ProviderDispute,
): Promise<PaymentDispute> {
  const now = platform.clock.now()
  return await tx
    .insertInto('payment_disputes')
    .values({
      id: newId(),
      organization_id: topUp.organization_id,
      workspace_id: topUp.workspace_id,
      top_up_id: topUp.id,
      dispute_id: seen.id,
      status: seen.status,
      reason: seen.reason,
      amount: seen.money.amount,
      currency: seen.money.currency,
      withdrawn_at: null,
      reversed_at: null,
      next_check_at: null,
      created_at: now,
      updated_at: now,
      ended_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Once each way: the ledger's keys see to it, whatever order the news come in. */
async function moveMoney(
  platform: Platform,
  tx: Tx,
  payer: Payer,
  { id, amount, withdrawn_at, reversed_at }: PaymentDispute,
  seen: ProviderDispute,
): Promise<void> {
  const common = { payer, from: 'disputes', cause: 'dispute', causeId: id } as const
  const at = platform.clock.now()
  if (seen.withdrawn && withdrawn_at === null) {
    const description = 'Taken back by the bank: a payment is disputed'
    await credit(platform, tx, {
      ...common,
      kind: 'dispute',
      amount: -amount,
      key: `dispute:${seen.id}`,
      description,
    })
    await tx.updateTable('payment_disputes').set({ withdrawn_at: at }).where('id', '=', id).execute()
  }
  if (!seen.withdrawn || reversed_at !== null || !(seen.reinstated || seen.phase === 'won')) return
  const key = `dispute_reversal:${seen.id}`
  const description = 'Given back by the bank: a dispute was won'
  await credit(platform, tx, { ...common, kind: 'dispute_reversal', amount, key, description })
  await tx.updateTable('payment_disputes').set({ reversed_at: at }).where('id', '=', id).execute()
}

async function lockWallet(platform: Platform, tx: Tx, payer: Payer): Promise<void> {
  const { wallet, workspaceId } = payer
  await switchOff(platform, tx, payer, 'dispute')
  if (wallet.locked_at !== null) return
  const locked = { locked_at: platform.clock.now(), lock_reason: lockReason }
  await tx
    .updateTable('wallets')
    .set({ ...locked, updated_at: locked.locked_at })
    .where('workspace_id', '=', workspaceId)
    .execute()
  Object.assign(wallet, locked)
}

/** Unless another dispute is open or was lost, or the operator has locked it. */
async function unlockWallet(platform: Platform, tx: Tx, { workspaceId }: Payer): Promise<void> {
  const { numAffectedRows } = await sql`update wallets
    set locked_at = null, lock_reason = null, updated_at = ${platform.clock.now()}
    where workspace_id = ${workspaceId}::uuid and lock_reason = ${lockReason} and not exists (
      select from payment_disputes as dispute where dispute.workspace_id = wallets.workspace_id
        and (ended_at is null and status not like 'warning_%' or status = 'lost'))`.execute(tx)
  if (Number(numAffectedRows ?? 0) > 0) await addSettleJob(tx, workspaceId)
}

function eventOf({ id, top_up_id, amount, currency, reason, status }: PaymentDispute): DisputeEvent {
  return { dispute_id: id, top_up_id, amount, currency, reason, status }
}
