/** The tables of what is bought at registrars. */
import type { Generated } from 'kysely'
import type { ContactData, RegistrarName } from '../registrars/driver.ts'

export type OrderKind = 'register' | 'renew'

/**
 * intent: nothing was sent. sent: it was, and what became of it is not known yet. pending: the registry works on it.
 * review: nobody can tell what became of it; a person has to look.
 */
export const orderStates = ['intent', 'sent', 'pending', 'done', 'failed', 'review'] as const
export type OrderState = (typeof orderStates)[number]

/**
 * due: the wallet has too little, and the order waits for money. held: the money is put aside; it becomes paid when the
 * order is done, and released when it fails. unbilled: the platform had no billing when it was ordered.
 */
export const orderPayments = ['due', 'unbilled', 'held', 'paid', 'released'] as const
export type OrderPayment = (typeof orderPayments)[number]

/** Amounts are in minor units of the currency beside them. */
export type DomainOrdersTable = {
  id: string
  organization_id: string
  workspace_id: string
  domain_id: string
  name: string
  kind: OrderKind
  registrar: RegistrarName
  years: number
  state: OrderState
  /** What the registrar is to charge; null until its price is known. */
  cost_amount: number | null
  cost_currency: string | null
  /** What the customer was shown. */
  price_amount: number
  price_currency: string
  premium: boolean
  /** The price that was found in place of it, of an order that failed with price_changed. */
  actual_amount: Generated<number | null>
  /** Whether the price was shown with a cost of the registrar (a quote); else price and markup are reckoned anew. */
  quote_id: string | null
  contact_id: string | null
  automatic: boolean
  payment: OrderPayment
  expires_before: Date | null
  /** When the money came that it had waited for. */
  ready_at: Generated<Date | null>
  /** How often it went out and may have been carried out, and when it last went out. */
  sends: Generated<number>
  sent_at: Generated<Date | null>
  /** How often it was looked at since its state changed. */
  looks: Generated<number>
  next_at: Date
  /** Who works on it, until when by the database's clock. */
  lease_token: Generated<string | null>
  leased_until: Generated<Date | null>
  failure_code: Generated<string | null>
  /** The registrar's own words. */
  remote_message: Generated<string | null>
  remote_reference: Generated<string | null>
  created_at: Date
  updated_at: Date
  finished_at: Generated<Date | null>
}

/** Prices that were shown; they hold until `expires_at`. */
export type DomainQuotesTable = {
  id: string
  organization_id: string
  workspace_id: string
  name: string
  kind: OrderKind
  years: number
  registrar: RegistrarName
  cost_amount: number
  cost_currency: string
  price_amount: number
  price_currency: string
  /** What a year's renewal would be sold for; null when the registrar does not say. */
  renew_amount: number | null
  premium: boolean
  created_at: Date
  expires_at: Date
}

/** What is added to a registrar's price. `tld` is a suffix, or `*` for all without a row. */
export type DomainMarkupsTable = {
  tld: string
  /** In hundredths of a percent. */
  percent_basis_points: number
  fixed_amount: number
  /** Of `fixed_amount`; the row holds for prices in this currency only. */
  currency: string
  /** Prices are rounded up to a multiple of it, in minor units. */
  rounding_amount: number
  updated_at: Date
}

/** A domain that was bought here. */
export type DomainRegistrationsTable = {
  domain_id: string
  organization_id: string
  workspace_id: string
  registrar: RegistrarName
  auto_renew: boolean
  /** The price that an automatic renewal may have, for a year; null while none was shown. */
  renew_amount: number | null
  renew_currency: string
  contact_id: string | null
  registered_at: Date | null
  expires_at: Date | null
  /** Whether a transfer away is locked at the registrar; null when it does not say. */
  locked: boolean | null
  /** What it is to be delegated to; empty: whatever the registrar has. */
  nameservers: string[]
  nameservers_set_at: Date | null
  /** When the registrar was last asked, and why it could not be. */
  observed_at: Date | null
  problem: string | null
  updated_at: Date
}

export type RegistrantContactsTable = ContactData & {
  id: string
  organization_id: string
  workspace_id: string
  created_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    domain_orders: DomainOrdersTable
    domain_quotes: DomainQuotesTable
    domain_markups: DomainMarkupsTable
    domain_registrations: DomainRegistrationsTable
    registrant_contacts: RegistrantContactsTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'domain.order_created': OrderEvent
    'domain.order_state_changed': OrderEvent & { from: OrderState; failure_code: string | null }
    'domain.registration_changed': {
      domain_id: string
      name: string
      expires_at: string | null
      auto_renew: boolean
    }
    'domain.expires_soon': { domain_id: string; name: string; expires_at: string; auto_renew: boolean }
    /** An order waits for money, until then; `missing_amount` is what the wallet lacks, with tax. */
    'billing.order_unpaid': {
      order_id: string
      domain_id: string
      name: string
      kind: OrderKind
      missing_amount: number
      currency: string
      fails_at: string
    }
    'contact.created': { contact_id: string }
    'contact.deleted': { contact_id: string }
    'domain_markup.changed': { tld: string }
    'domain_markup.deleted': { tld: string }
  }
}

export type OrderEvent = {
  order_id: string
  domain_id: string
  name: string
  kind: OrderKind
  state: OrderState
  price_amount: number
  price_currency: string
}
