/** The tables of billing. Amounts are in minor units of the wallet's currency. */
import type { Generated } from 'kysely'

/** For how long something is paid at a time. */
export type Period = 'monthly' | 'yearly'

/**
 * Accounts of the ledger, each kept for each workspace. A positive entry is what the platform then owes or has earned:
 * `wallet` and `held` are the customer's, `revenue` and `tax` what was sold, `payments` the other side of money that
 * came in, `promotions` of what was given away, `disputes` of what a bank took back, `corrections` of all else.
 */
export type Account =
  | 'wallet'
  | 'held'
  | 'revenue'
  | 'tax'
  | 'payments'
  | 'promotions'
  | 'disputes'
  | 'corrections'

export type TransferKind =
  | 'top_up'
  | 'promotion'
  | 'correction'
  | 'charge'
  | 'hold'
  | 'capture'
  | 'release'
  | 'credit'
  | 'refund'
  | 'refund_failed'
  | 'dispute'
  | 'dispute_reversal'

/** What a transfer is about. */
export type Cause =
  | 'mailbox'
  | 'domain'
  | 'order'
  | 'subscription'
  | 'invoice'
  | 'renewal'
  | 'top_up'
  | 'refund'
  | 'dispute'
  | 'coupon'
  | 'correction'

/** What has a price. */
export type Item = 'mailbox' | 'domain_register' | 'domain_renew' | 'plan' | 'plan_slot'

export type WalletsTable = {
  workspace_id: string
  organization_id: string
  currency: string
  /** What can be spent. The database moves it with the entries of the account `wallet`. */
  balance: Generated<number>
  /** What is kept for orders in progress: the entries of the account `held`. */
  held: Generated<number>
  /** How far below zero spending may take the balance: for customers who pay later. */
  credit_limit: Generated<number>
  /** Under which the balance is low; null: nobody is told. */
  low_balance: Generated<number | null>
  /** Under which it is topped up by itself (payments/auto-top-up.ts); null: it is not. */
  auto_top_up_below: Generated<number | null>
  /** Nothing is sold to a locked wallet, as after a dispute. */
  locked_at: Generated<Date | null>
  lock_reason: Generated<string | null>
  created_at: Date
  updated_at: Date
}

export type LedgerTransfersTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** Of two transfers with one key the first is made, and the second is nothing. */
  key: string
  kind: TransferKind
  cause: Cause
  cause_id: string | null
  invoice_id: string | null
  currency: string
  /** Whether it may take the wallet below its limit: what a bank has taken is gone. */
  forced: boolean
  description: string
  actor: string | null
  created_at: Date
}

export type LedgerEntriesTable = {
  transfer_id: string
  account: Account
  workspace_id: string
  amount: number
}

export type BillingDetailsTable = {
  workspace_id: string
  name: string | null
  company: string | null
  email: string | null
  tax_id: string | null
  address_lines: Generated<string[]>
  postal_code: string | null
  city: string | null
  region: string | null
  /** ISO 3166-1 alpha-2. */
  country: string | null
  tax_rate_basis_points: Generated<number>
  /** As invoices call it: VAT, GST. */
  tax_name: string | null
  updated_at: Date
}

/** Who an invoice is for or from, as it was when it was written. */
export type InvoiceParty = {
  name?: string
  company?: string
  email?: string
  tax_id?: string
  address_lines?: string[]
  postal_code?: string
  city?: string
  region?: string
  country?: string
  tax_name?: string
}

export type InvoicesTable = {
  id: string
  organization_id: string
  workspace_id: string
  kind: 'invoice' | 'credit_note'
  /** Given by a job soon after, one behind the other: purchases need not wait for each other. */
  number: Generated<string | null>
  sequence: Generated<number | null>
  credited_invoice_id: string | null
  currency: string
  /** The sum of the lines. Of a credit note all amounts are negative. */
  subtotal: number
  discount: number
  tax: number
  total: number
  tax_rate_basis_points: number
  reason: string | null
  issuer: Generated<InvoiceParty | null>
  customer: InvoiceParty
  created_at: Date
  numbered_at: Generated<Date | null>
}

export type InvoiceLineKind = 'period' | 'proration' | 'once' | 'credit'

export type InvoiceLinesTable = {
  id: string
  invoice_id: string
  workspace_id: string
  kind: InvoiceLineKind
  item: Item
  /** The mailbox, domain or subscription. */
  subject_id: string | null
  description: string
  quantity: number
  unit_amount: number
  amount: number
  discount: number
  tax: number
  /** What it costs the platform, where that is known. */
  cost: number | null
  period_started_at: Date | null
  period_ends_at: Date | null
  credited_line_id: Generated<string | null>
}

/** A line of a bill before it is written, with what it comes to. */
export type PricedLine = {
  kind: InvoiceLineKind
  item: Item
  subject_id: string | null
  description: string
  quantity: number
  unit_amount: number
  discount: number
  tax: number
  cost: number | null
  /** ISO 8601; of a period that has not begun, null. */
  period_started_at: string | null
  period_ends_at: string | null
}

export type WalletHoldsTable = {
  id: string
  organization_id: string
  workspace_id: string
  cause: Cause
  cause_id: string
  state: 'held' | 'captured' | 'released'
  /** Priced when the money was put aside, and billed so. */
  lines: PricedLine[]
  tax_rate_basis_points: number
  total: number
  currency: string
  invoice_id: string | null
  created_at: Date
  ended_at: Date | null
}

export type BillingSettingsTable = {
  is_only: Generated<boolean>
  /** In which new wallets are opened. */
  currency: string
  /** Who writes the invoices. */
  issuer: InvoiceParty
  invoice_prefix: string
  credit_note_prefix: string
  /** How many days before a period's end its renewal is announced, the largest first. */
  notice_days: number[]
  /** When a renewal that was not paid is tried again, in hours after the period's end. */
  retry_hours: number[]
  /** Days after the period's end until what is not paid is suspended, and until it is deleted. */
  suspend_after_days: number
  delete_after_days: number
  /** How many days before the deletion it is announced. */
  delete_notice_days: number
  /** How long something may wait for its first payment. */
  payment_wait_days: number
  updated_at: Date | null
}

export type PlansTable = {
  id: string
  code: string
  name: string
  description: string | null
  /** Mailboxes of `services` that it pays for. */
  slots: number
  services: string[]
  archived_at: Date | null
  created_at: Date
  updated_at: Date
}

/** From this count on a unit costs so much. */
export type PriceStep = { from: number; unit_amount: number }

export type PricesTable = {
  id: string
  item: Item
  /** Of this workspace alone; null: of all that have none of their own. */
  workspace_id: string | null
  plan_id: string | null
  service: string | null
  period: Period | null
  /** A suffix, or `*`. Without a price of its own a domain costs what its registrar says, with the markup. */
  tld: string | null
  currency: string
  unit_amount: number
  steps: PriceStep[]
  valid_from: Date
  valid_until: Date | null
  created_at: Date
}

export type CouponsTable = {
  id: string
  /** In upper case. */
  code: string
  kind: 'percent' | 'amount'
  percent_basis_points: number | null
  amount: number | null
  currency: string | null
  /** What it is off; null: everything. */
  items: Item[] | null
  /** For how long after it was redeemed; null: for ever. */
  months: number | null
  redemptions_max: number | null
  redemptions: Generated<number>
  valid_from: Date
  valid_until: Date | null
  created_at: Date
}

export type CouponRedemptionsTable = {
  workspace_id: string
  coupon_id: string
  redeemed_at: Date
  ends_at: Date | null
}

export type SubscriptionState = 'active' | 'past_due' | 'suspended' | 'canceled'

/** Subscriptions of plans. What a mailbox pays for is its own period (mailboxes/period-ends.ts). */
export type SubscriptionsTable = {
  id: string
  organization_id: string
  workspace_id: string
  plan_id: string
  /** Slots beyond those of the plan. */
  extra_slots: number
  state: SubscriptionState
  period: Period
  /** What changes when the period ends; null: nothing. */
  next_period: Period | null
  next_plan_id: string | null
  next_extra_slots: number | null
  period_anchor_at: Date
  period_started_at: Date
  period_ends_at: Date
  cancel_at_period_end: boolean
  /** The invoices on which the rest of the present period was paid last; null: it cost nothing. */
  plan_invoice_id: Generated<string | null>
  slots_invoice_id: Generated<string | null>
  /** The end of the last paid period, when the next one is not paid. */
  unpaid_since: Date | null
  payment_attempts: Generated<number>
  /** When to look at it before its period ends, or to try again; null: when the period ends. */
  next_payment_at: Date | null
  /** When it is deleted, since that was announced. */
  deletion_at: Generated<Date | null>
  /** Of the present period: the smallest number of days before its end that was announced. */
  noticed_days: number | null
  /** Of whoever pays, for themselves. */
  notes: Generated<string | null>
  version: number
  created_at: Date
  updated_at: Date
  ended_at: Date | null
}

declare module '../platform/database.ts' {
  interface Tables {
    wallets: WalletsTable
    ledger_transfers: LedgerTransfersTable
    ledger_entries: LedgerEntriesTable
    billing_details: BillingDetailsTable
    invoices: InvoicesTable
    invoice_lines: InvoiceLinesTable
    wallet_holds: WalletHoldsTable
    billing_settings: BillingSettingsTable
    plans: PlansTable
    prices: PricesTable
    coupons: CouponsTable
    coupon_redemptions: CouponRedemptionsTable
    subscriptions: SubscriptionsTable
  }
}
