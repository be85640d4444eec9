/**
 * One top-up's next step at the provider. The row is committed before the first call, and each call that makes something
 * has a key of that row: whoever died between a call and its writing is followed by somebody who finds the same.
 */
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { ensureCustomer, replaceCustomer } from './customers.ts'
import { type Checkout, type OnlinePayments, type Payment, PaymentFailure } from './provider.ts'
import { onlinePayments } from './providers.ts'
import { endTopUp, failTopUp, notCharged, settleCheckout, settlePayment, unnamed } from './settle-payment.ts'
import { alone } from './top-up-lock.ts'
import { findTopUp, lockTopUp, ownerOf, type TopUp, writeTopUp } from './top-ups.ts'

/** How long the provider remembers an idempotency key, less an hour: later the outcome is looked up, never asked for again. */
const resendMsMax = 23 * 3600_000

/** Steps of one call: a charge that the bank declines until the customer is there, and the page for them. */
const stepsMax = 3

/**
 * Does what there is to do: charges, opens a page, or looks what became of it.
 * @throws PaymentFailure when the provider does not say; then nothing is decided, and a job asks again.
 */
export async function advanceTopUp(platform: Platform, topUpId: string): Promise<TopUp> {
  return await alone(platform, topUpId, async () => {
    let topUp = await findTopUp(platform.db, topUpId)
    for (let step = 0; step < stepsMax && topUp.ended_at === null; step++) {
      topUp = await nextStep(platform, topUp)
      if (topUp.state !== 'needs_customer' || topUp.session_id !== null) break
    }
    return topUp
  })
}

/** The same for who has called: @throws Refusal payment_provider_failed, payment_refused. */
export async function advanceForCaller(platform: Platform, topUpId: string): Promise<TopUp> {
  try {
    const topUp = await advanceTopUp(platform, topUpId)
    if (topUp.method === 'checkout' && topUp.state === 'failed' && topUp.session_id === null) {
      throw new Refusal('payment_refused', `The payment provider says ${topUp.failure_code}.`)
    }
    return topUp
  } catch (error) {
    throw refusalOf(platform, error)
  }
}

/** What a caller is told of a failure. */
export function refusalOf(platform: Platform, error: unknown): unknown {
  if (!(error instanceof PaymentFailure)) return error
  platform.log.warn({ event: 'payments.failed', kind: error.kind, cause: error })
  return error.isFinal
    ? new Refusal('payment_refused', `The payment provider says ${error.decline.code}.`, { cause: error })
    : new Refusal('payment_provider_failed', undefined, { cause: error })
}

async function nextStep(platform: Platform, topUp: TopUp): Promise<TopUp> {
  const online = onlinePayments(platform)
  const { session_id, payment_intent_id, method, state } = topUp
  if (session_id !== null) return await takeCheckout(platform, topUp, await online.getCheckout(session_id))
  if (state === 'needs_customer') return await openForCustomer(platform, online, topUp)
  if (method === 'checkout') return await openCheckout(platform, online, topUp)
  if (payment_intent_id !== null)
    return await takePayment(platform, topUp, await online.getPayment(payment_intent_id))
  return await charge(platform, online, topUp)
}

const takePayment = (platform: Platform, { id }: TopUp, payment: Payment): Promise<TopUp> =>
  transaction(platform.db, (tx) => settlePayment(platform, tx, id, payment))

const takeCheckout = (platform: Platform, { id }: TopUp, checkout: Checkout): Promise<TopUp> =>
  transaction(platform.db, (tx) => settleCheckout(platform, tx, id, checkout))

const fail = (platform: Platform, { id }: TopUp, failure: PaymentFailure): Promise<TopUp> =>
  transaction(platform.db, async (tx) => failTopUp(platform, tx, await lockTopUp(tx, id), failure.decline))

/** The customer is written to the row before the call, so that what comes back can be checked against it. */
async function withCustomer(platform: Platform, topUp: TopUp): Promise<{ topUp: TopUp; customerId: string }> {
  const customerId = topUp.customer_id ?? (await ensureCustomer(platform, ownerOf(topUp)))
  if (topUp.customer_id !== null) return { topUp, customerId }
  const known = await transaction(platform.db, (tx) =>
    writeTopUp(platform, tx, topUp.id, { customer_id: customerId }),
  )
  return { topUp: known, customerId }
}

async function charge(platform: Platform, online: OnlinePayments, row: TopUp): Promise<TopUp> {
  const { topUp, customerId } = await withCustomer(platform, row)
  const { id, workspace_id: workspaceId, amount, currency, reason, card_id: cardId, attempt } = topUp
  if (cardId === null) throw new Error('a charge without a card')
  if (platform.clock.now().getTime() - topUp.created_at.getTime() > resendMsMax) {
    const found = await online.findPayment(customerId, id, new Date(topUp.created_at.getTime() - 3600_000))
    if (found !== null) return await takePayment(platform, topUp, found)
    return await transaction(platform.db, async (tx) =>
      failTopUp(platform, tx, await lockTopUp(tx, id), unnamed(notCharged)),
    )
  }
  const money = { amount, currency }
  const wanted = { topUpId: id, workspaceId, customerId, cardId, money, isAutomatic: reason === 'auto' }
  try {
    return await takePayment(platform, topUp, await online.chargeCard(wanted, `${reason}:${id}:${attempt}`))
  } catch (error) {
    if (!(error instanceof PaymentFailure) || !error.isFinal) throw error
    if (error.paymentId === null) return await fail(platform, topUp, error)
    const isAsking = error.decline.code === 'authentication_required'
    return await takePayment(platform, topUp, {
      id: error.paymentId,
      status: isAsking ? 'needs_customer' : 'declined',
      received: { amount: 0, currency },
      customerId,
      topUpId: id,
      decline: error.decline,
    })
  }
}

/** Cancels what the bank would not take without the customer, and opens a page for the same top-up. */
async function openForCustomer(platform: Platform, online: OnlinePayments, topUp: TopUp): Promise<TopUp> {
  const { payment_intent_id: paymentId } = topUp
  if (paymentId === null) return await openCheckout(platform, online, topUp)
  const payment = await cancelled(online, paymentId)
  if (payment.status === 'succeeded') return await takePayment(platform, topUp, payment)
  if (payment.status !== 'canceled') {
    throw new PaymentFailure('unknown', `a payment that is ${payment.status} could not be cancelled`)
  }
  const free = await transaction(platform.db, (tx) =>
    writeTopUp(platform, tx, topUp.id, { payment_intent_id: null }),
  )
  return await openCheckout(platform, online, free)
}

async function cancelled(online: OnlinePayments, paymentId: string): Promise<Payment> {
  try {
    return await online.cancelPayment(paymentId)
  } catch (error) {
    if (!(error instanceof PaymentFailure && error.kind === 'refused')) throw error
    return await online.getPayment(paymentId) // it has ended already, one way or the other
  }
}

async function openCheckout(
  platform: Platform,
  online: OnlinePayments,
  row: TopUp,
  isAgain = false,
): Promise<TopUp> {
  const { topUp, customerId } = await withCustomer(platform, row)
  const { id, workspace_id: workspaceId, amount, currency, attempt, return_url: returnUrl } = topUp
  const { session_expires_at: expiresAt } = topUp
  if (expiresAt === null) throw new Error('a page that never ends')
  const wanted = { topUpId: id, workspaceId, customerId, money: { amount, currency }, returnUrl, expiresAt }
  try {
    return await takeCheckout(
      platform,
      topUp,
      await online.createCheckout(wanted, `checkout:${id}:${attempt}`),
    )
  } catch (error) {
    if (!(error instanceof PaymentFailure) || !error.isFinal) throw error
    if (error.kind === 'gone' && !isAgain) {
      const other = await replaceCustomer(platform, ownerOf(topUp), customerId)
      const next = await transaction(platform.db, (tx) =>
        writeTopUp(platform, tx, id, { customer_id: other, attempt: attempt + 1 }),
      )
      return await openCheckout(platform, online, next, true)
    }
    return await fail(platform, topUp, error)
  }
}

/**
 * Ends a top-up that is not wanted any more, and its page with it: an old tab cannot be paid.
 * @throws Refusal top_up_state_conflict when it has ended or is under way, payment_provider_failed.
 */
export async function cancelTopUp(platform: Platform, topUpId: string): Promise<TopUp> {
  return await alone(platform, topUpId, async () => {
    const topUp = await findTopUp(platform.db, topUpId)
    const { session_id, state, method } = topUp
    const isOpen = state === 'pending' || state === 'needs_customer'
    if (!isOpen || (method === 'saved' && session_id === null)) throw new Refusal('top_up_state_conflict')
    const online = onlinePayments(platform)
    try {
      // What never got a page may have one that nobody saw: it is asked for by its key, so that it can be ended.
      const opened = session_id === null ? await openCheckout(platform, online, topUp) : topUp
      if (opened.session_id === null) return opened
      return await takeCheckout(platform, opened, await expired(online, opened.session_id))
    } catch (error) {
      throw refusalOf(platform, error)
    }
  }).then((topUp) => {
    if (topUp.state === 'expired' || topUp.state === 'failed') return topUp
    throw new Refusal('top_up_state_conflict')
  })
}

async function expired(online: OnlinePayments, sessionId: string): Promise<Checkout> {
  try {
    return await online.expireCheckout(sessionId)
  } catch (error) {
    if (!(error instanceof PaymentFailure && error.kind === 'refused')) throw error
    return await online.getCheckout(sessionId) // it is complete, or has expired by itself
  }
}

/** Ends what is still open of a top-up whose page is gone at the provider's. */
export async function giveUp(platform: Platform, topUpId: string): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const topUp = await lockTopUp(tx, topUpId)
    if (topUp.ended_at === null) await endTopUp(platform, tx, topUp, 'failed', { failure_code: 'gone' })
  })
}
