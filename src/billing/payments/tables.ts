/** The tables of payments. Amounts are in minor units as platform/money.ts has them, not as the provider counts. */
import type { Generated } from 'kysely'

export const topUpStates = ['pending', 'processing', 'needs_customer', 'paid', 'expired', 'failed'] as const

/**
 * `pending`: asked for, and not known to be paid. `processing`: the bank takes its time. `needs_customer`: the bank asks
 * for the customer, who has to pay on the provider's page. An expired or failed one may still turn paid: a page that was
 * open in an old tab, or news in an odd order.
 */
export type TopUpState = (typeof topUpStates)[number]

export type TopUpsTable = {
  id: string
  organization_id: string
  workspace_id: string
  provider: 'stripe'
  method: 'checkout' | 'saved'
  reason: 'manual' | 'auto'
  state: TopUpState
  amount: number
  currency: string
  /** Ids of the provider. */
  customer_id: string | null
  card_id: string | null
  return_url: string
  session_id: string | null
  session_url: string | null
  session_expires_at: Date | null
  payment_intent_id: string | null
  /** Of the call to the provider; part of its idempotency key, and one more only after a final answer. */
  attempt: Generated<number>
  received_amount: number | null
  failure_code: string | null
  decline_code: string | null
  actor: string | null
  /** When the provider is asked again what became of it; null: never. */
  next_check_at: Date | null
  created_at: Date
  updated_at: Date
  ended_at: Date | null
}

export type PaymentCustomersTable = {
  workspace_id: string
  organization_id: string
  customer_id: string
  /** One more when the provider has lost the one before. */
  generation: Generated<number>
  created_at: Date
}

/** Cards: what may be kept of them, and nothing else. */
export type PaymentMethodsTable = {
  id: string
  organization_id: string
  workspace_id: string
  provider_id: string
  brand: string
  last4: string
  expires_month: number
  expires_year: number
  is_default: boolean
  created_at: Date
  removed_at: Date | null
}

export type AutoOffReason = 'customer' | 'declined' | 'card_removed' | 'dispute' | 'refused'

export type AutoTopUpsTable = {
  workspace_id: string
  organization_id: string
  enabled: boolean
  /** Below which balance it acts. */
  threshold: number
  /** How much each time, or up to which balance: one of the two. */
  amount: number | null
  target: number | null
  daily_cap: number
  monthly_cap: number
  interval_minutes: number
  off_reason: AutoOffReason | null
  off_at: Date | null
  /** Those in a row. */
  declines: Generated<number>
  /** Not before this moment again, after a decline. */
  not_before: Date | null
  /** When a cap was last in the way, and told. */
  capped_at: Date | null
  updated_at: Date
}

export type AutoTopUpConsentsTable = {
  id: string
  organization_id: string
  workspace_id: string
  wording_version: string
  wording: string
  actor: string
  ip: string
  agreed_at: Date
}

export type TopUpRefundsTable = {
  id: string
  organization_id: string
  workspace_id: string
  top_up_id: string
  state: 'pending' | 'succeeded' | 'failed'
  amount: number
  currency: string
  refund_id: string | null
  failure_code: string | null
  reason: string | null
  /** Null: it was made at the provider's. */
  actor: string | null
  next_check_at: Date | null
  created_at: Date
  updated_at: Date
  ended_at: Date | null
}

export type PaymentDisputesTable = {
  id: string
  organization_id: string
  workspace_id: string
  top_up_id: string
  dispute_id: string
  /** The provider's own word. */
  status: string
  reason: string
  amount: number
  currency: string
  /** When the bank's taking of the money was booked, and when its return. */
  withdrawn_at: Date | null
  reversed_at: Date | null
  next_check_at: Date | null
  created_at: Date
  updated_at: Date
  ended_at: Date | null
}

/** What was told by webhook: not what it said, as the object itself is read when it is handled. */
export type StripeEventsTable = {
  id: string
  type: string
  object_id: string
  state: 'received' | 'done' | 'ignored'
  attempts: Generated<number>
  created_at: Date
  received_at: Date
  handled_at: Date | null
}

declare module '../../platform/database.ts' {
  interface Tables {
    top_ups: TopUpsTable
    payment_customers: PaymentCustomersTable
    payment_methods: PaymentMethodsTable
    auto_top_ups: AutoTopUpsTable
    auto_top_up_consents: AutoTopUpConsentsTable
    top_up_refunds: TopUpRefundsTable
    payment_disputes: PaymentDisputesTable
    stripe_events: StripeEventsTable
  }
}
