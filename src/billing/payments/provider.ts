/**
 * Payment providers: who moves money between customers' banks and the platform. The rules of top-ups, refunds and disputes
 * stand beside this file and know no provider; a provider translates, and decides nothing.
 */
import type { Money } from '../../platform/money.ts'

/** A payment as the provider shows it now. */
export type Payment = {
  id: string
  status: 'succeeded' | 'processing' | 'needs_customer' | 'declined' | 'canceled' | 'open'
  /** What really came. */
  received: Money
  customerId: string | null
  /** What its metadata say: a hint, which is checked against our own row. */
  topUpId: string | null
  decline: Decline | null
}

export type Decline = { code: string; declineCode: string | null; adviceCode: string | null }

/** A page of the provider on which a customer pays. */
export type Checkout = {
  id: string
  status: 'open' | 'complete' | 'expired'
  customerId: string | null
  topUpId: string | null
  url: string | null
  expiresAt: Date
  /** null: nobody has tried to pay. */
  payment: Payment | null
}

export type Card = {
  id: string
  customerId: string | null
  brand: string
  last4: string
  expiresMonth: number
  expiresYear: number
}

export type ProviderRefund = {
  id: string
  status: 'pending' | 'succeeded' | 'failed'
  failureCode: string | null
  money: Money
  paymentId: string | null
  /** The row of ours that its metadata name: a hint. */
  refundRowId: string | null
}

export type ProviderDispute = {
  id: string
  paymentId: string | null
  money: Money
  status: string
  reason: string
  /** open: evidence is asked for or looked at. inquiry: the bank only asks, nothing is taken. */
  phase: 'inquiry' | 'open' | 'won' | 'lost' | 'closed'
  withdrawn: boolean
  reinstated: boolean
}

/** Something that has happened at the provider, once its sender is proved. */
export type ProviderEvent = { id: string; type: string; objectId: string; createdAt: Date }

export type NewCheckout = {
  topUpId: string
  workspaceId: string
  customerId: string
  money: Money
  returnUrl: string
  expiresAt: Date
}

export type NewCharge = {
  topUpId: string
  workspaceId: string
  customerId: string
  cardId: string
  money: Money
  isAutomatic: boolean
}

export type NewRefund = { refundRowId: string; paymentId: string; money: Money }

/** Calls throw PaymentFailure. Those that make something take an idempotency key, derived from a row and its attempt. */
export type OnlinePayments = {
  name: 'stripe'
  /** @throws Refusal top_up_invalid for what it cannot charge. */
  checkAmount(money: Money): void
  createCustomer(workspaceId: string, key: string): Promise<string>
  createCheckout(wanted: NewCheckout, key: string): Promise<Checkout>
  getCheckout(id: string): Promise<Checkout>
  /** Ends an open page. @throws PaymentFailure refused when it is not open any more. */
  expireCheckout(id: string): Promise<Checkout>
  chargeCard(wanted: NewCharge, key: string): Promise<Payment>
  getPayment(id: string): Promise<Payment>
  /** The payment of a top-up, where the answer that had its id was lost. */
  findPayment(customerId: string, topUpId: string, since: Date): Promise<Payment | null>
  cancelPayment(id: string): Promise<Payment>
  /** All cards of a customer, with the id of the default one; null: the customer is gone. */
  listCards(customerId: string): Promise<{ cards: Card[]; defaultId: string | null } | null>
  getCard(id: string): Promise<Card | null>
  detachCard(id: string): Promise<void>
  /** Where a customer manages cards; made when asked for, and not kept. */
  createPortal(customerId: string, returnUrl: string): Promise<string>
  refund(wanted: NewRefund, key: string): Promise<ProviderRefund>
  getRefund(id: string): Promise<ProviderRefund>
  findRefund(paymentId: string, refundRowId: string): Promise<ProviderRefund | null>
  getDispute(id: string): Promise<ProviderDispute>
  /** What was posted to us. @throws Refusal payment_event_refused unless it is signed, fresh and of our mode. */
  readEvent(body: Buffer, signature: string): Promise<ProviderEvent>
  /** Events of a time that were told in vain, the newest first, with a bound. */
  missedEvents(since: Date): Promise<ProviderEvent[]>
}

/** Nobody but an operator moves money: credits stand in the ledger, and what they are for is outside. */
export type ManualPayments = { name: 'manual' }

export type PaymentProvider = OnlinePayments | ManualPayments

/**
 * declined: final, by the bank. refused: final, by the provider. gone: what was asked for is not there. unknown: it may
 * have been done or not. busy: it was not done, and may be asked again.
 */
export type FailureKind = 'declined' | 'refused' | 'gone' | 'unknown' | 'busy'

/** A call to a provider did not end well. Its message is for the log. */
export class PaymentFailure extends Error {
  readonly kind: FailureKind
  readonly decline: Decline
  /** Of a payment that was made and declined. */
  readonly paymentId: string | null

  constructor(
    kind: FailureKind,
    message: string,
    more: { decline?: Decline; paymentId?: string | null; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.name = 'PaymentFailure'
    this.kind = kind
    this.decline = more.decline ?? { code: kind, declineCode: null, adviceCode: null }
    this.paymentId = more.paymentId ?? null
  }

  /** Whether asking again would answer the same. */
  get isFinal(): boolean {
    return this.kind === 'declined' || this.kind === 'refused' || this.kind === 'gone'
  }
}
