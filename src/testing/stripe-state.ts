/** What the local Stripe knows: its objects, in the shapes of the API's version, and the events that they have caused. */
import { randomBytes } from 'node:crypto'

export type StripeCustomer = {
  id: string
  object: 'customer'
  livemode: boolean
  metadata: Record<string, string>
  invoice_settings: { default_payment_method: string | null }
  deleted?: true
}

/** How a card behaves when it is charged: Stripe's names of its test cards. */
export const cardOutcomes = {
  pm_card_visa: null,
  pm_card_chargeDeclined: {
    code: 'card_declined',
    decline_code: 'generic_decline',
    advice_code: 'try_again_later',
  },
  pm_card_chargeDeclinedInsufficientFunds: {
    code: 'card_declined',
    decline_code: 'insufficient_funds',
    advice_code: 'try_again_later',
  },
  pm_card_chargeDeclinedLostCard: {
    code: 'card_declined',
    decline_code: 'lost_card',
    advice_code: 'do_not_try_again',
  },
  pm_card_chargeDeclinedExpiredCard: {
    code: 'expired_card',
    decline_code: 'expired_card',
    advice_code: 'do_not_try_again',
  },
  pm_card_authenticationRequired: {
    code: 'authentication_required',
    decline_code: 'authentication_required',
    advice_code: null,
  },
  /** Ours: a payment that takes its time. */
  pm_card_slow: null,
} as const

export type CardName = keyof typeof cardOutcomes

export type StripePaymentMethod = {
  id: string
  object: 'payment_method'
  type: 'card'
  livemode: boolean
  customer: string | null
  card: { brand: string; last4: string; exp_month: number; exp_year: number }
  metadata: Record<string, string>
}

export type StripeLastError = {
  type: 'card_error'
  code: string
  decline_code: string
  advice_code: string | null
}

export type StripeIntent = {
  id: string
  object: 'payment_intent'
  livemode: boolean
  created: number
  amount: number
  amount_received: number
  currency: string
  customer: string | null
  payment_method: string | null
  latest_charge: string | null
  status: 'requires_payment_method' | 'requires_action' | 'processing' | 'succeeded' | 'canceled'
  metadata: Record<string, string>
  last_payment_error: StripeLastError | null
}

export type StripeSession = {
  id: string
  object: 'checkout.session'
  livemode: boolean
  created: number
  expires_at: number
  mode: 'payment'
  status: 'open' | 'complete' | 'expired'
  payment_status: 'paid' | 'unpaid'
  client_reference_id: string | null
  customer: string | null
  currency: string
  amount_total: number
  metadata: Record<string, string>
  payment_intent: string | null
  url: string | null
  success_url: string
}

export type StripeRefund = {
  id: string
  object: 'refund'
  amount: number
  currency: string
  payment_intent: string
  status: 'pending' | 'succeeded' | 'failed' | 'canceled'
  failure_reason?: string
  metadata: Record<string, string>
  created: number
}

export type StripeDispute = {
  id: string
  object: 'dispute'
  livemode: boolean
  amount: number
  currency: string
  payment_intent: string
  reason: string
  status: string
  balance_transactions: { id: string; object: 'balance_transaction'; amount: number; currency: string }[]
  created: number
}

export type StripeObject =
  | StripeCustomer
  | StripePaymentMethod
  | StripeIntent
  | StripeSession
  | StripeRefund
  | StripeDispute

export type StripeEvent = {
  id: string
  type: string
  created: number
  livemode: boolean
  /** Frozen at its making: the object goes on. */
  payload: string
  delivered: boolean
}

export type StripeState = {
  livemode: boolean
  /** Unix seconds. */
  now(): number
  customers: Map<string, StripeCustomer>
  methods: Map<string, StripePaymentMethod>
  /** What a card does when it is charged. */
  cardNames: Map<string, CardName>
  intents: Map<string, StripeIntent>
  sessions: Map<string, StripeSession>
  /** What a session's payment gets. */
  intentMetadata: Map<string, Record<string, string>>
  refunds: Map<string, StripeRefund>
  disputes: Map<string, StripeDispute>
  events: StripeEvent[]
  emit(type: string, object: StripeObject): void
  onEvent: ((event: StripeEvent) => void) | null
}

export function stripeId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`
}

export function createStripeState(apiVersion: string, now: () => number): StripeState {
  const events: StripeEvent[] = []
  const state: StripeState = {
    livemode: false,
    now,
    customers: new Map(),
    methods: new Map(),
    cardNames: new Map(),
    intents: new Map(),
    sessions: new Map(),
    intentMetadata: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    events,
    onEvent: null,
    emit(type, object) {
      const id = stripeId('evt')
      const created = now()
      const { livemode } = state
      const body = { id, object: 'event', api_version: apiVersion, created, livemode, type, data: { object } }
      const event = { id, type, created, livemode, payload: JSON.stringify(body, null, 2), delivered: false }
      events.push(event)
      state.onEvent?.(event)
    },
  }
  return state
}

/** An object that a test is sure of. */
export function existing<T>(map: ReadonlyMap<string, T>, id: string): T {
  const found = map.get(id)
  if (found === undefined) throw new Error(`the stand-in has no ${id}`)
  return found
}
