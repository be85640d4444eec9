/** What happens in the local Stripe beyond its API: customers pay or do not, banks decline, dispute and settle. */
import {
  type CardName,
  cardOutcomes,
  existing,
  type StripeDispute,
  type StripeIntent,
  type StripePaymentMethod,
  type StripeSession,
  type StripeState,
  stripeId,
} from './stripe-state.ts'

export type StripeActors = {
  /** A customer pays on the page. @returns the id of the payment. */
  pay(sessionId: string, card?: CardName): string
  /** The same with a bank that takes its time. */
  payLater(sessionId: string): string
  settleLater(paymentId: string, isPaid: boolean): void
  expire(sessionId: string): void
  saveCard(customerId: string, card: CardName): string
  detachCard(methodId: string): void
  deleteCustomer(customerId: string): void
  /** A bank takes a payment back: asked for, and taken if `withdraws`. */
  dispute(paymentId: string, options?: { withdraws?: boolean; isInquiry?: boolean }): string
  withdraw(disputeId: string): void
  closeDispute(disputeId: string, status: 'won' | 'lost' | 'warning_closed'): void
  settleRefund(refundId: string, status: 'succeeded' | 'failed'): void
  /** A refund that somebody makes in the Dashboard. */
  refundInDashboard(paymentId: string, amount: number): string
}

export function stripeActors(state: StripeState): StripeActors {
  const { emit } = state
  const session = (id: string): StripeSession => existing(state.sessions, id)
  const intent = (id: string): StripeIntent => existing(state.intents, id)
  const move = (dispute: StripeDispute, amount: number): void => {
    const { currency } = dispute
    dispute.balance_transactions.push({
      id: stripeId('txn'),
      object: 'balance_transaction',
      amount,
      currency,
    })
  }
  const withdraw = (dispute: StripeDispute): void => {
    move(dispute, -dispute.amount)
    emit('charge.dispute.funds_withdrawn', dispute)
  }
  return {
    pay(sessionId, card = 'pm_card_visa') {
      const page = session(sessionId)
      if (page.status !== 'open') throw new Error(`the page is ${page.status}`)
      const paid = openIntent(state, page)
      const method = addCard(state, card, page.customer)
      paid.payment_method = method.id
      succeed(state, paid)
      page.status = 'complete'
      page.payment_status = 'paid'
      page.url = null
      emit('checkout.session.completed', page)
      return paid.id
    },
    payLater(sessionId) {
      const page = session(sessionId)
      const slow = openIntent(state, page)
      slow.status = 'processing'
      page.status = 'complete'
      page.url = null
      emit('payment_intent.processing', slow)
      emit('checkout.session.completed', page)
      return slow.id
    },
    settleLater(paymentId, isPaid) {
      const slow = intent(paymentId)
      const page = [...state.sessions.values()].find((one) => one.payment_intent === paymentId)
      if (isPaid) succeed(state, slow)
      else decline(state, slow, 'pm_card_chargeDeclinedInsufficientFunds')
      if (!page) return
      page.payment_status = isPaid ? 'paid' : 'unpaid'
      emit(`checkout.session.async_payment_${isPaid ? 'succeeded' : 'failed'}`, page)
    },
    expire(sessionId) {
      const page = session(sessionId)
      page.status = 'expired'
      page.url = null
      emit('checkout.session.expired', page)
    },
    saveCard: (customerId, card) => addCard(state, card, customerId).id,
    detachCard: (methodId) => detach(state, existing(state.methods, methodId)),
    deleteCustomer(customerId) {
      existing(state.customers, customerId).deleted = true
      for (const method of state.methods.values()) if (method.customer === customerId) method.customer = null
    },
    dispute(paymentId, { withdraws = false, isInquiry = false } = {}) {
      const { amount, currency } = intent(paymentId)
      const dispute: StripeDispute = {
        id: stripeId('du'),
        object: 'dispute',
        livemode: state.livemode,
        amount,
        currency,
        payment_intent: paymentId,
        reason: 'fraudulent',
        status: isInquiry ? 'warning_needs_response' : 'needs_response',
        balance_transactions: [],
        created: state.now(),
      }
      state.disputes.set(dispute.id, dispute)
      emit('charge.dispute.created', dispute)
      if (withdraws) withdraw(dispute)
      return dispute.id
    },
    withdraw: (disputeId) => withdraw(existing(state.disputes, disputeId)),
    closeDispute(disputeId, status) {
      const dispute = existing(state.disputes, disputeId)
      dispute.status = status
      emit('charge.dispute.closed', dispute)
      if (status !== 'won' || dispute.balance_transactions.length === 0) return
      move(dispute, dispute.amount)
      emit('charge.dispute.funds_reinstated', dispute)
    },
    settleRefund(refundId, status) {
      const refund = existing(state.refunds, refundId)
      refund.status = status
      if (status === 'failed') refund.failure_reason = 'expired_or_canceled_card'
      emit(status === 'failed' ? 'refund.failed' : 'refund.updated', refund)
    },
    refundInDashboard(paymentId, amount) {
      const { currency } = intent(paymentId)
      return makeRefund(state, { paymentId, amount, currency, metadata: {} })
    },
  }
}

function openIntent(state: StripeState, page: StripeSession): StripeIntent {
  const made = newIntent(state, {
    amount: page.amount_total,
    currency: page.currency,
    customer: page.customer,
    metadata: state.intentMetadata.get(page.id) ?? {},
  })
  page.payment_intent = made.id
  return made
}

export function newIntent(
  state: StripeState,
  wanted: Pick<StripeIntent, 'amount' | 'currency' | 'customer' | 'metadata'>,
): StripeIntent {
  const intent: StripeIntent = {
    id: stripeId('pi'),
    object: 'payment_intent',
    livemode: state.livemode,
    created: state.now(),
    amount_received: 0,
    payment_method: null,
    latest_charge: null,
    status: 'requires_payment_method',
    last_payment_error: null,
    ...wanted,
  }
  state.intents.set(intent.id, intent)
  return intent
}

export function succeed({ emit }: StripeState, intent: StripeIntent): void {
  intent.status = 'succeeded'
  intent.amount_received = intent.amount
  intent.latest_charge = stripeId('ch')
  intent.last_payment_error = null
  emit('payment_intent.succeeded', intent)
}

export function decline({ emit }: StripeState, intent: StripeIntent, card: CardName): void {
  const outcome = cardOutcomes[card]
  if (outcome === null) throw new Error(`${card} is not declined`)
  intent.status = 'requires_payment_method'
  intent.payment_method = null
  intent.last_payment_error = { type: 'card_error', ...outcome }
  emit('payment_intent.payment_failed', intent)
}

export function makeRefund(
  state: StripeState,
  wanted: { paymentId: string; amount: number; currency: string; metadata: Record<string, string> },
): string {
  const id = stripeId('re')
  const { paymentId: payment_intent, ...rest } = wanted
  const refund = {
    id,
    object: 'refund' as const,
    payment_intent,
    status: 'succeeded' as const,
    created: state.now(),
  }
  state.refunds.set(id, { ...refund, ...rest })
  state.emit('refund.created', existing(state.refunds, id))
  return id
}

function addCard(state: StripeState, name: CardName, customer: string | null): StripePaymentMethod {
  const method: StripePaymentMethod = {
    id: stripeId('pm'),
    object: 'payment_method',
    type: 'card',
    livemode: state.livemode,
    customer,
    card: { brand: 'visa', last4: String(4242 + state.methods.size), exp_month: 12, exp_year: 2034 },
    metadata: {},
  }
  state.methods.set(method.id, method)
  state.cardNames.set(method.id, name)
  state.emit('payment_method.attached', method)
  return method
}

export function detach({ emit }: StripeState, method: StripePaymentMethod): void {
  method.customer = null
  emit('payment_method.detached', method)
}
