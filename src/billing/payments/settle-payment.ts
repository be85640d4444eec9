/**
 * What a payment or a page means for its top-up. All who learn something of one, by webhook, by its return, by a job, come
 * here with what the provider shows now; whichever is first moves the money, and the others find it done.
 */
import type { Tx } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { credit } from '../credits.ts'
import { lockPayer } from '../payers.ts'
import { afterAutomatic } from './auto-outcome.ts'
import { addSyncCardsJob } from './cards.ts'
import type { Checkout, Decline, Payment } from './provider.ts'
import { eventOf, lockTopUp, ownerOf, type TopUp, writeTopUp } from './top-ups.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Asks the provider what there is to do for a top-up, and does it. */
    'payments.advance': { top_up_id: string }
  }
}

/** How long the customer has, when the bank asks for them. The provider takes no more than a day. */
const customerHours = 23

/** Why a top-up has failed of which the provider, a day later, shows no payment. */
export const notCharged = 'not_charged'

const open: readonly TopUp['state'][] = ['pending', 'processing', 'needs_customer']

/** Whether the payment is really of this top-up: metadata alone prove nothing, they can be edited at the provider's. */
export function isOf(topUp: TopUp, { id, customerId }: Pick<Payment, 'id' | 'customerId'>): boolean {
  return topUp.payment_intent_id === id || topUp.session_id === id || topUp.customer_id === customerId
}

export async function settlePayment(
  platform: Platform,
  tx: Tx,
  topUpId: string,
  payment: Payment,
): Promise<TopUp> {
  const topUp = await lockTopUp(tx, topUpId)
  if (!isOf(topUp, payment)) {
    platform.log.error({ event: 'payments.foreign', topUpId, paymentId: payment.id })
    return topUp
  }
  if (payment.status === 'succeeded') return await creditTopUp(platform, tx, topUp, payment)
  const isCurrent =
    open.includes(topUp.state) && (topUp.payment_intent_id === null || topUp.payment_intent_id === payment.id)
  if (!isCurrent) return topUp
  if (payment.status === 'processing') return await markProcessing(platform, tx, topUp, payment)
  // On the provider's page a customer may try one card after another: it is the page that ends.
  if (topUp.session_id !== null || topUp.method === 'checkout' || topUp.state === 'needs_customer')
    return topUp
  if (payment.status === 'needs_customer') return await askCustomer(platform, tx, topUp, payment)
  if (payment.status === 'open') return await remember(platform, tx, topUp, payment)
  return await failTopUp(platform, tx, topUp, payment.decline ?? unnamed(payment.status), payment.id)
}

export async function settleCheckout(
  platform: Platform,
  tx: Tx,
  topUpId: string,
  checkout: Checkout,
): Promise<TopUp> {
  const topUp = await lockTopUp(tx, topUpId)
  if (!isOf(topUp, checkout) || (topUp.session_id !== null && topUp.session_id !== checkout.id)) return topUp
  const { id, url, expiresAt, payment, status } = checkout
  const page = { session_id: id, session_url: status === 'open' ? url : null, session_expires_at: expiresAt }
  const known = await writeTopUp(platform, tx, topUp.id, page)
  if (payment?.status === 'succeeded') return await creditTopUp(platform, tx, known, payment)
  if (!open.includes(known.state) || status === 'open') return known
  if (status === 'expired') return await endTopUp(platform, tx, known, 'expired')
  if (payment === null || payment.status === 'processing' || payment.status === 'open') {
    return await markProcessing(platform, tx, known, payment)
  }
  return await failTopUp(platform, tx, known, payment.decline ?? unnamed(payment.status), payment.id)
}

/** The amount is what came, and the wallet is that of our own row. */
async function creditTopUp(platform: Platform, tx: Tx, topUp: TopUp, payment: Payment): Promise<TopUp> {
  const { amount, currency } = payment.received
  const owner = ownerOf(topUp)
  const payer = await lockPayer(platform, tx, owner, [])
  if (currency !== topUp.currency || currency !== payer.wallet.currency || amount <= 0) {
    platform.log.error({
      event: 'payments.wrong_money',
      topUpId: topUp.id,
      paymentId: payment.id,
      currency,
      amount,
    })
    return topUp.ended_at === null
      ? await failTopUp(platform, tx, topUp, unnamed('currency_mismatch'), payment.id)
      : topUp
  }
  const isNew = await credit(platform, tx, {
    payer,
    kind: 'top_up',
    amount,
    from: 'payments',
    key: `payment:${payment.id}`,
    cause: 'top_up',
    causeId: topUp.id,
    description: topUp.reason === 'auto' ? 'Automatic top-up' : 'Top-up',
  })
  if (!isNew) return topUp
  const isSecond = topUp.state === 'paid'
  if (isSecond || topUp.ended_at !== null) {
    platform.log.error({
      event: 'payments.late',
      topUpId: topUp.id,
      paymentId: payment.id,
      state: topUp.state,
    })
  }
  const paid = isSecond
    ? topUp
    : await writeTopUp(platform, tx, topUp.id, {
        state: 'paid',
        payment_intent_id: payment.id,
        received_amount: amount,
        session_url: null,
        failure_code: null,
        decline_code: null,
        next_check_at: null,
        ended_at: platform.clock.now(),
      })
  const data = { ...eventOf(paid), amount, balance: payer.wallet.balance }
  await appendEvents(platform, tx, [{ type: 'billing.topped_up', ...owner, data }])
  if (paid.reason === 'auto') await afterAutomatic(platform, tx, paid, null)
  await addSyncCardsJob(tx, paid.workspace_id)
  return paid
}

async function markProcessing(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  payment: Payment | null,
): Promise<TopUp> {
  if (topUp.state === 'processing') return topUp
  return await move(platform, tx, topUp, 'billing.top_up_processing', {
    state: 'processing',
    session_url: null,
    ...(payment ? { payment_intent_id: payment.id } : {}),
  })
}

/** The payment is cancelled before the page is opened, by the job, so that not both can be paid. */
async function askCustomer(platform: Platform, tx: Tx, topUp: TopUp, payment: Payment): Promise<TopUp> {
  const ends = new Date(platform.clock.now().getTime() + customerHours * 3600_000)
  await addAdvanceJob(tx, topUp.id)
  return await move(platform, tx, topUp, 'billing.top_up_needs_customer', {
    state: 'needs_customer',
    payment_intent_id: payment.id,
    session_expires_at: ends,
    failure_code: payment.decline?.code ?? 'authentication_required',
    attempt: topUp.attempt + 1,
  })
}

async function move(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  type: 'billing.top_up_processing' | 'billing.top_up_needs_customer',
  values: Parameters<typeof writeTopUp>[3],
): Promise<TopUp> {
  const moved = await writeTopUp(platform, tx, topUp.id, values)
  await appendEvents(platform, tx, [{ type, ...ownerOf(moved), data: eventOf(moved) }])
  return moved
}

async function remember(platform: Platform, tx: Tx, topUp: TopUp, payment: Payment): Promise<TopUp> {
  return await writeTopUp(platform, tx, topUp.id, { payment_intent_id: payment.id })
}

/** It has ended without money. @param paymentId null: there is no payment, as nobody was asked or it was refused at once. */
export async function failTopUp(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  decline: Decline,
  paymentId: string | null = null,
): Promise<TopUp> {
  const failed = await endTopUp(platform, tx, topUp, 'failed', {
    failure_code: decline.code,
    decline_code: decline.declineCode,
    ...(paymentId === null ? {} : { payment_intent_id: paymentId }),
  })
  if (failed.reason === 'auto') {
    const isRefused = paymentId === null && decline.code !== notCharged
    await afterAutomatic(platform, tx, failed, decline, isRefused)
  }
  return failed
}

export async function endTopUp(
  platform: Platform,
  tx: Tx,
  topUp: TopUp,
  state: 'expired' | 'failed',
  values: Parameters<typeof writeTopUp>[3] = {},
): Promise<TopUp> {
  const ended = await writeTopUp(platform, tx, topUp.id, {
    ...values,
    state,
    session_url: null,
    next_check_at: null,
    ended_at: platform.clock.now(),
  })
  const { failure_code, decline_code } = ended
  const data = eventOf(ended)
  const event: NewEvent =
    state === 'expired'
      ? { type: 'billing.top_up_expired', ...ownerOf(ended), data }
      : {
          type: 'billing.top_up_failed',
          ...ownerOf(ended),
          data: { ...data, failure_code: failure_code ?? 'unknown', decline_code },
        }
  await appendEvents(platform, tx, [event])
  return ended
}

export function unnamed(code: string): Decline {
  return { code, declineCode: null, adviceCode: null }
}

export async function addAdvanceJob(tx: Tx, topUpId: string, runAt?: Date): Promise<void> {
  const key = `payments.advance:${topUpId}`
  await addJob(tx, 'payments.advance', { top_up_id: topUpId }, { key, ...(runAt ? { runAt } : {}) })
}
