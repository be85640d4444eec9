/**
 * What the provider tells by webhook: written down, answered, and then looked at by a job. An event is only the news that
 * something has changed; what it is now is read from the provider, so that neither order nor repetition matters.
 */
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { advanceTopUp } from './advance.ts'
import { syncCards, workspaceOfCard } from './cards.ts'
import { takeInDispute } from './disputes.ts'
import { PaymentFailure, type ProviderEvent } from './provider.ts'
import { onlinePayments } from './providers.ts'
import { takeInRefund } from './refunds.ts'
import { isOf, settleCheckout, settlePayment } from './settle-payment.ts'
import { handledEvents } from './stripe/events.ts'
import { alone } from './top-up-lock.ts'
import type { TopUp } from './top-ups.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'payments.handle_event': { event_id: string }
  }
}

/** Takes a signed event. @throws Refusal payments_manual, payment_event_refused. */
export async function receiveEvent(platform: Platform, body: Buffer, signature: string): Promise<void> {
  const event = await onlinePayments(platform).readEvent(body, signature)
  await transaction(platform.db, (tx) => takeInEvents(platform, tx, [event]))
}

/** @returns how many are new. */
export async function takeInEvents(
  platform: Platform,
  tx: Tx,
  events: readonly ProviderEvent[],
): Promise<number> {
  if (events.length === 0) return 0
  const handled: readonly string[] = handledEvents
  const now = platform.clock.now()
  const rows = await tx
    .insertInto('stripe_events')
    .values(
      events.map(({ id, type, objectId, createdAt }) => {
        const isHandled = handled.includes(type) && objectId !== ''
        return {
          id,
          type,
          object_id: objectId,
          state: isHandled ? ('received' as const) : ('ignored' as const),
          created_at: createdAt,
          received_at: now,
          handled_at: isHandled ? null : now,
        }
      }),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning(['id', 'state'])
    .execute()
  const news = rows.filter(({ state }) => state === 'received')
  await addEventJobs(
    tx,
    news.map(({ id }) => id),
  )
  return news.length
}

export async function addEventJobs(tx: Tx, eventIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    eventIds.map((id) => ({
      name: 'payments.handle_event' as const,
      payload: { event_id: id },
      key: `payments.handle_event:${id}`,
    })),
  )
}

/** Looks at what an event is about. One that fails stays, and is looked at again. */
export async function handleEvent(platform: Platform, eventId: string): Promise<void> {
  const event = await platform.db
    .updateTable('stripe_events')
    .set({ attempts: sql`attempts + 1` })
    .where('id', '=', eventId)
    .where('state', '=', 'received')
    .returningAll()
    .executeTakeFirst()
  if (!event) return
  try {
    await follow(platform, event.type, event.object_id)
  } catch (error) {
    // What is not there any more has nothing to say.
    if (!(error instanceof PaymentFailure && error.isFinal)) throw error
    platform.log.warn({ event: 'payments.event_without_object', type: event.type, cause: error })
  }
  await platform.db
    .updateTable('stripe_events')
    .set({ state: 'done', handled_at: platform.clock.now() })
    .where('id', '=', eventId)
    .execute()
}

async function follow(platform: Platform, type: string, objectId: string): Promise<void> {
  if (type.startsWith('checkout.session.')) return await followCheckout(platform, objectId)
  if (type.startsWith('payment_intent.')) return await followPayment(platform, objectId)
  if (type.startsWith('payment_method.')) return await followCard(platform, objectId)
  if (type.startsWith('refund.')) return await followRefund(platform, objectId)
  if (type.startsWith('charge.dispute.')) return await followDispute(platform, objectId)
}

async function followCheckout(platform: Platform, sessionId: string): Promise<void> {
  const known = await topUpBy(platform.db, 'session_id', sessionId)
  if (known?.ended_at === null) return void (await advanceTopUp(platform, known.id))
  const checkout = await onlinePayments(platform).getCheckout(sessionId)
  const topUp = known ?? (await hinted(platform.db, checkout.topUpId))
  if (!topUp || !isOf(topUp, checkout)) return
  await alone(platform, topUp.id, async () => {
    const now = await onlinePayments(platform).getCheckout(sessionId)
    await transaction(platform.db, (tx) => settleCheckout(platform, tx, topUp.id, now))
  })
}

async function followPayment(platform: Platform, paymentId: string): Promise<void> {
  const payment = await onlinePayments(platform).getPayment(paymentId)
  const topUp =
    (await topUpBy(platform.db, 'payment_intent_id', paymentId)) ??
    (await hinted(platform.db, payment.topUpId))
  if (!topUp || !isOf(topUp, payment)) return
  await alone(platform, topUp.id, async () => {
    const now = await onlinePayments(platform).getPayment(paymentId)
    await transaction(platform.db, (tx) => settlePayment(platform, tx, topUp.id, now))
  })
}

async function followCard(platform: Platform, cardId: string): Promise<void> {
  const known = await workspaceOfCard(platform.db, cardId)
  if (known !== null) return await syncCards(platform, known)
  const card = await onlinePayments(platform).getCard(cardId)
  if (card?.customerId == null) return
  const customer = await platform.db
    .selectFrom('payment_customers')
    .select('workspace_id')
    .where('customer_id', '=', card.customerId)
    .executeTakeFirst()
  if (customer) await syncCards(platform, customer.workspace_id)
}

async function followRefund(platform: Platform, refundId: string): Promise<void> {
  const { paymentId } = await onlinePayments(platform).getRefund(refundId)
  const topUp = await topUpOfPayment(platform, paymentId)
  if (topUp) await takeInRefund(platform, topUp, refundId)
}

async function followDispute(platform: Platform, disputeId: string): Promise<void> {
  const { paymentId } = await onlinePayments(platform).getDispute(disputeId)
  const topUp = await topUpOfPayment(platform, paymentId)
  if (topUp) await takeInDispute(platform, topUp, disputeId)
}

/** News of a refund or a dispute may come before those of the payment itself, which is then taken in first. */
async function topUpOfPayment(platform: Platform, paymentId: string | null): Promise<TopUp | null> {
  if (paymentId === null) return null
  const known = await topUpBy(platform.db, 'payment_intent_id', paymentId)
  if (known?.state === 'paid') return known
  await followPayment(platform, paymentId)
  return await topUpBy(platform.db, 'payment_intent_id', paymentId)
}

async function topUpBy(
  db: Db,
  column: 'session_id' | 'payment_intent_id',
  id: string,
): Promise<TopUp | null> {
  return (await db.selectFrom('top_ups').selectAll().where(column, '=', id).executeTakeFirst()) ?? null
}

/** By what the metadata say, which whoever looks at it checks. */
async function hinted(db: Db, topUpId: string | null): Promise<TopUp | null> {
  if (topUpId === null) return null
  const row = await db
    .selectFrom('top_ups')
    .selectAll()
    .where(sql<boolean>`id::text = ${topUpId}`)
    .executeTakeFirst()
  return row ?? null
}
