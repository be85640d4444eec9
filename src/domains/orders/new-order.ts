/** The terms of an order and its row: the intent, what is to be paid for it, and the job that takes it to the registrar. */
import type { Scope } from '../../accounts/principals.ts'
import { type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Domain } from '../domains.ts'
import type { RegistrarName } from '../registrars/driver.ts'
import { sellersOf } from '../registrars/registrars.ts'
import type { Registration } from '../registrations.ts'
import { suffixOf } from './offers.ts'
import { charge, type WhenShort } from './payment.ts'
import { useQuote } from './quotes.ts'
import { addOrderJobs, type Order, orderEvent } from './store.ts'
import type { OrderKind } from './tables.ts'

/** Which price was shown: that of a quote, or one that the caller names and the order must find. */
export type ShownPrice = { quoteId: string } | { expected: Money }

export type OrderTerms = {
  registrar: RegistrarName
  cost: Money | null
  price: Money
  premium: boolean
  quoteId: string | null
  renewAmount: number | null
}

/**
 * @param registrar who the name is with; not given for a new one, which the first seller of its suffix gets.
 * @throws Refusal quote_not_found, quote_expired, name_not_sold.
 */
export async function termsOf(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  shown: ShownPrice,
  wanted: { name: string; kind: OrderKind; years: number },
  registrar = sellersOf(platform, suffixOf(wanted.name) ?? '')[0]?.name,
): Promise<OrderTerms> {
  if ('quoteId' in shown) {
    const quote = await useQuote(platform, tx, scope, shown.quoteId, wanted)
    return {
      registrar: quote.registrar,
      cost: { amount: quote.cost_amount, currency: quote.cost_currency },
      price: { amount: quote.price_amount, currency: quote.price_currency },
      premium: quote.premium,
      quoteId: quote.id,
      renewAmount: quote.renew_amount,
    }
  }
  if (registrar === undefined) {
    throw new Refusal('name_not_sold', `No registrar here sells ${wanted.name}.`)
  }
  return {
    registrar,
    cost: null,
    price: shown.expected,
    premium: false,
    quoteId: null,
    renewAmount: null,
  }
}

type OrderRest = {
  kind: OrderKind
  years: number
  contactId: string | null
  automatic: boolean
  expiresBefore: Date | null
  /** What an order does that the wallet has too little for. */
  whenShort: WhenShort
}

/**
 * The intent, what is to be paid for it, and the job that takes it to the registrar.
 * @throws Refusal order_open, insufficient_funds, wallet_locked, item_not_priced.
 */
export async function insertOrder(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  terms: OrderTerms,
  rest: OrderRest,
): Promise<Order> {
  const now = platform.clock.now()
  const row = await tx
    .insertInto('domain_orders')
    .values({
      id: newId(),
      organization_id: domain.organization_id,
      workspace_id: domain.workspace_id,
      domain_id: domain.id,
      name: domain.name,
      kind: rest.kind,
      registrar: terms.registrar,
      years: rest.years,
      state: 'intent',
      cost_amount: terms.cost?.amount ?? null,
      cost_currency: terms.cost?.currency ?? null,
      price_amount: terms.price.amount,
      price_currency: terms.price.currency,
      premium: terms.premium,
      quote_id: terms.quoteId,
      contact_id: rest.contactId,
      automatic: rest.automatic,
      payment: 'due',
      expires_before: rest.expiresBefore,
      next_at: now,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'domain_orders_open') throw error
      throw new Refusal('order_open', `An order of ${domain.name} is under way.`, { cause: error })
    })
  await appendEvents(platform, tx, [
    {
      type: 'domain.order_created',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: orderEvent(row),
    },
  ])
  const order = await charge(platform, tx, row, rest.whenShort)
  if (order.payment !== 'due') await addOrderJobs(tx, [order.id])
  return order
}

/**
 * The order that renews a domain by itself, at the price that was shown before; the domain is locked. It waits for money
 * until the registration ends.
 * @throws Refusal insufficient_funds, wallet_locked, item_not_priced for one that has ended.
 */
export async function placeAutomaticRenewal(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  registration: Registration & { renew_amount: number },
): Promise<Order> {
  const terms = {
    registrar: registration.registrar,
    cost: null,
    price: { amount: registration.renew_amount, currency: registration.renew_currency },
    premium: false,
    quoteId: null,
    renewAmount: null,
  }
  return await insertOrder(platform, tx, domain, terms, {
    kind: 'renew',
    years: 1,
    contactId: null,
    automatic: true,
    expiresBefore: registration.expires_at,
    whenShort: (registration.expires_at ?? platform.clock.now()) > platform.clock.now() ? 'wait' : 'refuse',
  })
}
