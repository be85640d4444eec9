/**
 * Names that are bought together: for one contact, and all or none of them paid at once, by the wallet or by a payment that
 * is asked for with them.
 */
import type { Scope } from '../../accounts/principals.ts'
import { notEnough, spendable } from '../../billing/bills.ts'
import { lockPayer } from '../../billing/payers.ts'
import { createTopUp, type TopUp } from '../../billing/payments/top-ups.ts'
import { isBilling } from '../../billing/settings.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { ensureContact } from '../contacts.ts'
import { domainsByName } from '../domains.ts'
import { parseDomainName } from '../names.ts'
import type { Product } from '../products.ts'
import type { ContactData } from '../registrars/driver.ts'
import { sellersOf } from '../registrars/registrars.ts'
import { findOffers, type Offer, type Price, suffixOf } from './offers.ts'
import { amountDue, holdOf, type WhenShort } from './payment.ts'
import { type Placed, placeRegistration, type RegistrationRequest } from './place.ts'
import { keepQuotes } from './quotes.ts'
import { lockDomainsOf, payOrders } from './settle-payment.ts'
import { latestOrders, priceOfOrder } from './store.ts'

export type WantedName = { name: string; years: number }
export type PricedName = WantedName & { price: Price }

const askMsMax = 20_000

/**
 * What names cost now. Not for a transaction: it waits for the world.
 * @throws Refusal domain_invalid, domain_taken, name_not_sold, registrar_unavailable, invalid_request for one that comes twice.
 */
export async function priceBasket(
  platform: Platform,
  { workspaceId }: Scope,
  wanted: readonly WantedName[],
): Promise<PricedName[]> {
  const named = wanted.map(({ name: text, years }) => {
    const name = parseDomainName(text)
    if (name === null) throw new Refusal('domain_invalid', `"${text}" is not a domain name.`)
    return { name, years }
  })
  const twice = named.find(({ name }, at) => named.findIndex((one) => one.name === name) !== at)
  if (twice) throw new Refusal('invalid_request', `${twice.name} occurs twice.`)
  const signal = AbortSignal.timeout(askMsMax)
  const offers = await Promise.all(
    [...Map.groupBy(named, ({ years }) => years)].map(([years, group]) =>
      findOffers(
        platform,
        workspaceId,
        group.map(({ name }) => name),
        years,
        signal,
      ),
    ),
  )
  const byName = new Map(offers.flat().map((offer) => [offer.name, offer]))
  return named.map((one) => ({ ...one, price: priceOf(platform, one.name, byName.get(one.name)) }))
}

function priceOf(platform: Platform, name: string, offer: Offer | undefined): Price {
  if (offer?.price) return offer.price
  if (offer?.availability === 'taken') throw new Refusal('domain_taken', `${name} is taken.`)
  const isSold = sellersOf(platform, suffixOf(name) ?? '').length > 0
  const code = offer?.availability === 'unsupported' || !isSold ? 'name_not_sold' : 'registrar_unavailable'
  throw new Refusal(code, `${name}: ${offer?.reason ?? 'it could not be looked up now.'}`)
}

export type Basket = {
  names: readonly PricedName[]
  contact: ContactData
  product?: Product
  /** Whether they are renewed by themselves where the workspace has said nothing. Default: they are. */
  autoRenewUnsaid?: boolean
}

/**
 * wallet: out of what there is; `whenShort` is what becomes of those that it has too little for, and the default is that
 * none is ordered. payment: nothing goes to a registrar before money has come that is asked for
 * now; `lessWallet`: so much less as the wallet has.
 */
export type PayBy =
  | { by: 'wallet'; whenShort?: 'refuse' | 'wait' }
  | { by: 'payment'; lessWallet: boolean; returnUrl: string | null }

export type BoughtBasket = {
  /** In the order of the names. */
  placed: Placed[]
  /** What all of it costs, with tax and discounts. */
  total: Money
  /** The payment that it waits for; its page is asked for after the commit (billing/payments/advance.ts). */
  topUp: TopUp | null
}

/**
 * Orders all of the names. One that was ordered before and still waits for its payment is not ordered anew: it is paid with
 * the others. Without billing nothing is to be paid.
 * @throws Refusal insufficient_funds, wallet_locked; payments_manual where a payment is wanted and this platform takes none,
 *   top_up_invalid, top_up_limit_reached; order_open for one that waits with other years; and those of `placeRegistration`.
 */
export async function buyBasket(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { names, contact, product, autoRenewUnsaid }: Basket,
  pay: PayBy,
): Promise<BoughtBasket> {
  const waits = pay.by === 'payment' && isBilling(platform)
  const whenShort = pay.by === 'wallet' ? (pay.whenShort ?? 'refuse') : 'later'
  const waiting = await waitingFor(tx, scope, names)
  const fresh = names.filter(({ name }) => !waiting.has(name))
  const { id: contactId } = await ensureContact(platform, tx, scope, contact)
  const prices = fresh.map(({ name, years, price }) => ({ name, kind: 'register' as const, years, price }))
  const placed = new Map(waiting)
  // In one order of names for all, so that two calls cannot lock each other out.
  for (const { id: quoteId, name, years } of (await keepQuotes(platform, tx, scope, prices)).toSorted(
    byName,
  )) {
    const request: RegistrationRequest = {
      name,
      years,
      shown: { quoteId },
      contact: contactId,
      autoRenew: null,
      ...(autoRenewUnsaid === undefined ? {} : { autoRenewUnsaid }),
      dnsMode: null,
      whenShort: waits ? 'later' : whenShort,
      ...(product === undefined ? {} : { product }),
    }
    placed.set(name, await placeRegistration(platform, tx, scope, request))
  }
  if (!waits && waiting.size > 0) await payNow(platform, tx, scope, waiting, placed, whenShort)
  const all = names.flatMap(({ name }) => placed.get(name) ?? [])
  const total = await totalOf(platform, tx, scope, all)
  if (!waits) return { placed: all, total, topUp: null }
  const { lessWallet, returnUrl } = pay
  return {
    placed: all,
    total,
    topUp: await askForMoney(platform, tx, scope, total, { lessWallet, returnUrl }),
  }
}

const byName = (one: { name: string }, other: { name: string }): number => (one.name < other.name ? -1 : 1)

/** Those of the names that wait for payment here, their domains locked. */
async function waitingFor(tx: Tx, scope: Scope, names: readonly PricedName[]): Promise<Map<string, Placed>> {
  const domains = await domainsByName(
    tx,
    scope,
    names.map(({ name }) => name),
  )
  const unpaid = [...domains.values()].filter(({ state }) => state === 'pending_payment')
  if (unpaid.length === 0) return new Map()
  const orders = await latestOrders(
    tx,
    unpaid.map(({ id }) => id),
  )
  const open = unpaid.flatMap((domain) => orders.get(domain.id)?.register ?? [])
  const locked = await lockDomainsOf(
    tx,
    open.map(({ id }) => id),
  )
  const waiting = new Map<string, Placed>()
  for (const order of open) {
    const domain = locked.get(order.domain_id)
    if (domain?.state !== 'pending_payment' || order.payment !== 'due') continue
    const years = names.find(({ name }) => name === order.name)?.years
    if (years !== order.years) {
      throw new Refusal(
        'order_open',
        `${order.name} is ordered for ${order.years} years, and waits for payment.`,
      )
    }
    waiting.set(order.name, { domain, order })
  }
  return waiting
}

/** Pays those that waited. @throws Refusal insufficient_funds, wallet_locked unless they may go on waiting. */
async function payNow(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  waiting: ReadonlyMap<string, Placed>,
  placed: Map<string, Placed>,
  whenShort: WhenShort,
): Promise<void> {
  const all = [...waiting.values()]
  const paid = await payOrders(
    platform,
    tx,
    all.map(({ order }) => order.id),
  )
  const unpaid = all.find(({ order }) => !paid.includes(order.id))
  if (unpaid && whenShort === 'refuse') {
    const payer = await lockPayer(platform, tx, scope, [])
    throw notEnough(payer, amountDue(holdOf(payer, unpaid.order)) - spendable(tx, payer))
  }
  for (const { domain, order } of all.filter((one) => paid.includes(one.order.id))) {
    const payment = isBilling(platform) ? ('held' as const) : ('unbilled' as const)
    placed.set(domain.name, { domain: { ...domain, state: 'registering' }, order: { ...order, payment } })
  }
}

async function totalOf(platform: Platform, tx: Tx, scope: Scope, placed: readonly Placed[]): Promise<Money> {
  const prices = placed.map(({ order }) => priceOfOrder(order))
  const currency = prices[0]?.currency ?? 'USD'
  if (!isBilling(platform)) {
    return { amount: prices.reduce((sum, { amount }) => sum + amount, 0), currency }
  }
  const payer = await lockPayer(platform, tx, scope, [])
  const amount = placed.reduce((sum, { order }) => sum + amountDue(holdOf(payer, order)), 0)
  return { amount, currency }
}

/** @throws Refusal payments_manual, wallet_locked, top_up_invalid, top_up_limit_reached. */
async function askForMoney(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  total: Money,
  { lessWallet, returnUrl }: { lessWallet: boolean; returnUrl: string | null },
): Promise<TopUp | null> {
  if (total.amount === 0) return null
  const payer = await lockPayer(platform, tx, scope, [])
  if (payer.wallet.locked_at !== null) throw notEnough(payer, total.amount)
  const there = lessWallet ? Math.max(0, spendable(tx, payer)) : 0
  // Money that came meanwhile is not counted: less than nothing cannot be asked for.
  const amount = there < total.amount ? total.amount - there : total.amount
  return await createTopUp(platform, tx, scope, {
    amount,
    currency: total.currency,
    method: 'checkout',
    returnUrl,
  })
}
