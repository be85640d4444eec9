/**
 * Refunds of top-ups: unspent money goes back to the card that it came from. The wallet is debited first, in the
 * transaction that writes the refund down; then a job asks the provider, and what fails there is credited again.
 */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import { addJob } from '../../platform/jobs.ts'
import { formatMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { credit } from '../credits.ts'
import { lockPayer } from '../payers.ts'
import { PaymentFailure, type ProviderRefund } from './provider.ts'
import { onlinePayments } from './providers.ts'
import type { TopUpRefundsTable } from './tables.ts'
import { alone } from './top-up-lock.ts'
import { findTopUp, lockTopUp, ownerOf, type TopUp } from './top-ups.ts'

export type TopUpRefund = Selectable<TopUpRefundsTable>

type RefundEvent = { refund_id: string; top_up_id: string; amount: number; currency: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.refund_created': RefundEvent
    'billing.refunded': RefundEvent
    'billing.refund_failed': RefundEvent & { failure_code: string }
  }
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Asks the provider for a refund, or what became of it. */
    'payments.refund': { refund_id: string }
  }
}

const minuteMs = 60_000
const resendMsMax = 23 * 60 * minuteMs
const refundsMax = 100

/** The refunds of a top-up, the oldest first. */
export async function listRefunds(db: Db, topUpId: string): Promise<TopUpRefund[]> {
  return await db
    .selectFrom('top_up_refunds')
    .selectAll()
    .where('top_up_id', '=', topUpId)
    .orderBy('id')
    .limit(refundsMax)
    .execute()
}

/**
 * For operators.
 * @param wanted amount in minor units; null: all that can be refunded.
 * @throws Refusal top_up_not_found, top_up_state_conflict, refund_too_large, payments_manual.
 */
export async function createRefund(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  topUpId: string,
  wanted: { amount: number | null; reason: string | null },
): Promise<TopUpRefund> {
  await findTopUp(tx, topUpId)
  const topUp = await lockTopUp(tx, topUpId)
  if (topUp.state !== 'paid' || topUp.received_amount === null) throw new Refusal('top_up_state_conflict')
  const payer = await lockPayer(platform, tx, ownerOf(topUp), [])
  const left = topUp.received_amount - (await refundedOf(tx, topUpId))
  const most = Math.max(0, Math.min(left, payer.wallet.balance))
  const amount = wanted.amount ?? most
  const { currency } = topUp
  if (amount > most || amount === 0) {
    throw new Refusal(
      'refund_too_large',
      `At most ${formatMoney({ amount: most, currency })} ${currency} can be refunded.`,
    )
  }
  onlinePayments(platform).checkAmount({ amount, currency })
  const refund = await insertRefund(platform, tx, topUp, {
    amount,
    refund_id: null,
    reason: wanted.reason,
    actor: scope.actor,
  })
  await addRefundJob(tx, refund.id)
  return refund
}

async function refundedOf(tx: Tx, topUpId: string): Promise<number> {
  const { rows } = await sql<{
    sum: number
  }>`select coalesce(sum(amount), 0)::bigint as sum from top_up_refunds
    where top_up_id = ${topUpId}::uuid and state <> 'failed'`.execute(tx)
  return rows[0]?.sum ?? 0
}

/** Writes a refund down, and takes its money from the wallet. */
async function insertRefund(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  values: Pick<TopUpRefund, 'amount' | 'refund_id' | 'reason' | 'actor'>,
): Promise<TopUpRefund> {
  const now = platform.clock.now()
  const owner = ownerOf(topUp)
  const refund = await tx
    .insertInto('top_up_refunds')
    .values({
      id: newId(),
      organization_id: topUp.organization_id,
      workspace_id: topUp.workspace_id,
      top_up_id: topUp.id,
      state: 'pending',
      currency: topUp.currency,
      failure_code: null,
      next_check_at: new Date(now.getTime() + 5 * minuteMs),
      created_at: now,
      updated_at: now,
      ended_at: null,
      ...values,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await credit(platform, tx, {
    payer: await lockPayer(platform, tx, owner, []),
    kind: 'refund',
    amount: -refund.amount,
    from: 'payments',
    key: `refund:${refund.id}`,
    cause: 'refund',
    causeId: refund.id,
    description: 'Refund of a top-up',
  })
  await appendEvents(platform, tx, [{ type: 'billing.refund_created', ...owner, data: eventOf(refund) }])
  return refund
}

/** Asks the provider for it, or what became of it. @throws PaymentFailure when it does not say. */
export async function advanceRefund(platform: Platform, refundId: string): Promise<void> {
  const found = await findRefund(platform.db, refundId)
  if (!found) return
  await alone(platform, found.top_up_id, async () => {
    const refund = await findRefund(platform.db, refundId)
    if (refund?.state !== 'pending') return
    const topUp = await findTopUp(platform.db, refund.top_up_id)
    try {
      const seen = await ask(platform, refund, topUp)
      await transaction(platform.db, (tx) => writeRefund(platform, tx, refund.id, seen))
    } catch (error) {
      if (!(error instanceof PaymentFailure) || !error.isFinal) throw error
      await transaction(platform.db, (tx) => failRefund(platform, tx, refund.id, error.decline.code))
    }
  })
}

async function findRefund(db: Db, id: string): Promise<TopUpRefund | undefined> {
  return await db.selectFrom('top_up_refunds').selectAll().where('id', '=', id).executeTakeFirst()
}

async function ask(platform: Platform, refund: TopUpRefund, topUp: TopUp): Promise<ProviderRefund> {
  const online = onlinePayments(platform)
  if (refund.refund_id !== null) return await online.getRefund(refund.refund_id)
  const { payment_intent_id: paymentId } = topUp
  if (paymentId === null) throw new Error('a paid top-up without a payment')
  if (platform.clock.now().getTime() - refund.created_at.getTime() > resendMsMax) {
    const found = await online.findRefund(paymentId, refund.id)
    if (found !== null) return found
    throw new PaymentFailure('refused', 'the provider shows no such refund', {
      decline: { code: 'not_refunded', declineCode: null, adviceCode: null },
    })
  }
  const { amount, currency } = refund
  return await online.refund(
    { refundRowId: refund.id, paymentId, money: { amount, currency } },
    `refund:${refund.id}:1`,
  )
}

/**
 * The provider has told of a refund: one of ours, or one that was made there, whose money is gone all the same.
 * @param topUp of its payment.
 */
export async function takeInRefund(platform: Platform, topUp: TopUp, providerId: string): Promise<void> {
  await alone(platform, topUp.id, async () => {
    const seen = await onlinePayments(platform).getRefund(providerId)
    await transaction(platform.db, async (tx) => {
      await lockTopUp(tx, topUp.id)
      const refund = await rowOf(tx, topUp, seen)
      if (refund) return await writeRefund(platform, tx, refund.id, seen)
      if (
        seen.status === 'failed' ||
        seen.money.currency !== topUp.currency ||
        topUp.received_amount === null
      )
        return
      const made = await insertRefund(platform, tx, topUp, {
        amount: seen.money.amount,
        refund_id: seen.id,
        reason: null,
        actor: null,
      })
      await writeRefund(platform, tx, made.id, seen)
    })
  })
}

async function rowOf(tx: Tx, topUp: TopUp, seen: ProviderRefund): Promise<TopUpRefund | undefined> {
  const ours = tx.selectFrom('top_up_refunds').selectAll().where('top_up_id', '=', topUp.id)
  const known = await ours.where('refund_id', '=', seen.id).executeTakeFirst()
  if (known || seen.refundRowId === null) return known
  return await ours
    .where(sql<boolean>`id::text = ${seen.refundRowId}`)
    .where('refund_id', 'is', null)
    .where('amount', '=', seen.money.amount)
    .executeTakeFirst()
}

/** A refund may fail after it has succeeded; then nothing follows. */
async function writeRefund(platform: Platform, tx: Tx, id: string, seen: ProviderRefund): Promise<void> {
  const refund = await tx
    .selectFrom('top_up_refunds')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()
  const now = platform.clock.now()
  if (refund.refund_id === null) {
    await tx
      .updateTable('top_up_refunds')
      .set({ refund_id: seen.id, updated_at: now })
      .where('id', '=', id)
      .execute()
  }
  if (seen.status === 'failed') return await failRefund(platform, tx, id, seen.failureCode ?? 'failed')
  if (seen.status !== 'succeeded' || refund.state !== 'pending') return
  await tx
    .updateTable('top_up_refunds')
    .set({ state: 'succeeded', next_check_at: null, updated_at: now, ended_at: now })
    .where('id', '=', id)
    .execute()
  await appendEvents(platform, tx, [{ type: 'billing.refunded', ...ownerOf(refund), data: eventOf(refund) }])
}

/** The money is the wallet's again. */
async function failRefund(platform: Platform, tx: Tx, id: string, code: string): Promise<void> {
  const now = platform.clock.now()
  const refund = await tx
    .updateTable('top_up_refunds')
    .set({ state: 'failed', failure_code: code, next_check_at: null, updated_at: now, ended_at: now })
    .where('id', '=', id)
    .where('state', '<>', 'failed')
    .returningAll()
    .executeTakeFirst()
  if (!refund) return
  const owner = ownerOf(refund)
  await credit(platform, tx, {
    payer: await lockPayer(platform, tx, owner, []),
    kind: 'refund_failed',
    amount: refund.amount,
    from: 'payments',
    key: `refund_failed:${refund.id}`,
    cause: 'refund',
    causeId: refund.id,
    description: 'A refund that did not reach the card',
  })
  const data = { ...eventOf(refund), failure_code: code }
  await appendEvents(platform, tx, [{ type: 'billing.refund_failed', ...owner, data }])
}

export async function addRefundJob(tx: Tx, refundId: string): Promise<void> {
  await addJob(tx, 'payments.refund', { refund_id: refundId }, { key: `payments.refund:${refundId}` })
}

function eventOf({ id, top_up_id, amount, currency }: TopUpRefund): RefundEvent {
  return { refund_id: id, top_up_id, amount, currency }
}
