/** Stripe's objects in our words. */
import type Stripe from 'stripe'
import type { Card, Checkout, Payment, ProviderDispute, ProviderRefund } from '../provider.ts'
import { fromStripeAmount } from './amounts.ts'

/** The id of what may be expanded. */
function idOf(ref: string | { id: string } | null | undefined): string | null {
  return typeof ref === 'string' ? ref : (ref?.id ?? null)
}

export function readPayment(intent: Stripe.PaymentIntent): Payment {
  const error = intent.last_payment_error
  return {
    id: intent.id,
    status: statusOf(intent),
    received: fromStripeAmount(intent.amount_received, intent.currency),
    customerId: idOf(intent.customer),
    topUpId: intent.metadata['topup_id'] ?? null,
    decline: error
      ? {
          code: error.code ?? error.type,
          declineCode: error.decline_code ?? null,
          adviceCode: error.advice_code ?? null,
        }
      : null,
  }
}

function statusOf({ status, last_payment_error: error }: Stripe.PaymentIntent): Payment['status'] {
  if (status === 'succeeded') return 'succeeded'
  if (status === 'processing') return 'processing'
  if (status === 'canceled') return 'canceled'
  if (status === 'requires_action' || error?.code === 'authentication_required') return 'needs_customer'
  return status === 'requires_payment_method' && error ? 'declined' : 'open'
}

export function readCheckout(session: Stripe.Checkout.Session): Checkout {
  const intent = session.payment_intent
  return {
    id: session.id,
    status: session.status === 'complete' ? 'complete' : session.status === 'expired' ? 'expired' : 'open',
    customerId: idOf(session.customer),
    topUpId: session.client_reference_id,
    url: session.url,
    expiresAt: new Date(session.expires_at * 1000),
    payment: intent === null || typeof intent === 'string' ? null : readPayment(intent),
  }
}

/** @returns null for what is no card. */
export function readCard(method: Stripe.PaymentMethod): Card | null {
  const { card } = method
  if (!card) return null
  return {
    id: method.id,
    customerId: idOf(method.customer),
    brand: card.brand,
    last4: card.last4,
    expiresMonth: card.exp_month,
    expiresYear: card.exp_year,
  }
}

export function readRefund(refund: Stripe.Refund): ProviderRefund {
  const { status } = refund
  return {
    id: refund.id,
    status:
      status === 'succeeded' ? status : status === 'failed' || status === 'canceled' ? 'failed' : 'pending',
    failureCode: refund.failure_reason ?? (status === 'canceled' ? 'canceled' : null),
    money: fromStripeAmount(refund.amount, refund.currency),
    paymentId: idOf(refund.payment_intent),
    refundRowId: refund.metadata?.['refund_id'] ?? null,
  }
}

export function readDispute(dispute: Stripe.Dispute): ProviderDispute {
  const { status, balance_transactions: moves } = dispute
  return {
    id: dispute.id,
    paymentId: idOf(dispute.payment_intent),
    money: fromStripeAmount(dispute.amount, dispute.currency),
    status,
    reason: dispute.reason,
    phase: phaseOf(status),
    withdrawn: moves.some(({ amount }) => amount < 0),
    reinstated: moves.some(({ amount }) => amount > 0),
  }
}

function phaseOf(status: Stripe.Dispute.Status): ProviderDispute['phase'] {
  if (status === 'won') return 'won'
  if (status === 'lost') return 'lost'
  if (status === 'warning_closed' || status === 'prevented') return 'closed'
  return status.startsWith('warning_') ? 'inquiry' : 'open'
}
