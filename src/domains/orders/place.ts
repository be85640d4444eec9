/** Placing an order: the domain, its registration and the order are written first; a job goes to the registrar. */
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import { type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { holdContact } from '../contacts.ts'
import { type Domain, lockDomain, moveDomain } from '../domains.ts'
import { parseDomainName } from '../names.ts'
import { followNewDomains, newDomainRow, requireDomainRoom, serveZones } from '../new-domain.ts'
import type { RegistrarName } from '../registrars/driver.ts'
import { sellersOf } from '../registrars/registrars.ts'
import { getRegistration, type Registration, renewableUntil } from '../registrations.ts'
import { nameserversOf } from '../zones/own-names.ts'
import { suffixOf } from './offers.ts'
import { charge } from './payment.ts'
import { useQuote } from './quotes.ts'
import { addOrderJobs, type Order, orderEvent } from './store.ts'
import type { OrderKind } from './tables.ts'

/** Which price was shown: that of a quote, or one that the caller names and the order must find. */
export type ShownPrice = { quoteId: string } | { expected: Money }

export type Placed = { domain: Domain; order: Order }

type Terms = {
  registrar: RegistrarName
  cost: Money | null
  price: Money
  premium: boolean
  quoteId: string | null
  renewAmount: number | null
}

export type RegistrationRequest = {
  name: string
  years: number
  shown: ShownPrice
  contact: string | null
  autoRenew: boolean
  /** null: served where this platform has name servers. */
  dnsMode: 'served' | 'manual' | null
}

/**
 * @throws Refusal domain_invalid, domain_taken, domain_limit_reached, name_not_sold, quote_not_found, quote_expired,
 *   contact_not_found, invalid_request, forbidden.
 */
export async function placeRegistration(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  request: RegistrationRequest,
): Promise<Placed> {
  requireWrite(scope)
  requireWorkspace(scope)
  const name = parseDomainName(request.name)
  if (name === null || suffixOf(name) === null) {
    throw new Refusal('domain_invalid', `"${request.name}" is not a name that can be registered.`)
  }
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const { years } = request
  const terms = await termsOf(platform, tx, scope, request.shown, { name, kind: 'register', years })
  const contact = request.contact === null ? null : await holdContact(platform, tx, scope, request.contact)
  const nameservers = nameserversOf(platform.config, scope.workspaceId)
  const dnsMode = request.dnsMode ?? (nameservers.length > 0 ? 'served' : 'manual')
  if (dnsMode === 'served' && nameservers.length === 0) {
    throw new Refusal('nameservers_unavailable')
  }
  const domain = await domainToRegister(platform, tx, scope, name, dnsMode)
  const registration = {
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    registrar: terms.registrar,
    auto_renew: request.autoRenew,
    renew_amount: terms.renewAmount,
    renew_currency: terms.price.currency,
    contact_id: contact?.id ?? null,
    nameservers: dnsMode === 'served' ? nameservers : [],
    updated_at: platform.clock.now(),
  }
  await tx
    .insertInto('domain_registrations')
    .values({ ...registration, domain_id: domain.id })
    .onConflict((conflict) => conflict.column('domain_id').doUpdateSet(registration))
    .execute()
  const order = await insertOrder(platform, tx, domain, terms, {
    kind: 'register',
    years,
    contactId: contact?.id ?? null,
    automatic: false,
    expiresBefore: null,
  })
  if (order.payment === 'due') return { domain, order }
  if (domain.state === 'pending_payment') await moveDomain(platform, tx, domain, 'registering')
  return { domain: { ...domain, state: 'registering' }, order }
}

/** A name that nobody here has, or one of this workspace whose registration failed. */
async function domainToRegister(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  name: string,
  dnsMode: 'served' | 'manual',
): Promise<Domain> {
  const failed = await tx
    .selectFrom('domains')
    .selectAll()
    .where('name', '=', name)
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', '=', 'failed')
    .forUpdate()
    .executeTakeFirst()
  if (failed) {
    await tx.updateTable('domains').set({ dns_mode: dnsMode }).where('id', '=', failed.id).execute()
    await moveDomain(platform, tx, failed, 'registering')
    if (dnsMode === 'served') await serveZones(platform, tx, [failed.id])
    return { ...failed, dns_mode: dnsMode, state: 'registering' }
  }
  await requireDomainRoom(platform, tx, scope)
  const domain = await tx
    .insertInto('domains')
    .values(newDomainRow(platform, scope, { name, state: 'pending_payment', dnsMode }))
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'domains_name') throw error
      throw new Refusal('domain_taken', `${name} is already connected.`, { cause: error })
    })
  await followNewDomains(platform, tx, [domain])
  return domain
}

export type RenewalRequest = { years: number; shown: ShownPrice }

/**
 * @throws Refusal domain_not_found, domain_not_registered, domain_state_conflict, order_open, quote_not_found,
 *   quote_expired, forbidden.
 */
export async function placeRenewal(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { years, shown }: RenewalRequest,
): Promise<Placed> {
  const domain = await lockDomain(platform, tx, scope, ref)
  const registration = await getRegistration(tx, domain)
  requireRenewable(platform, domain, registration)
  const found = await termsOf(platform, tx, scope, shown, { name: domain.name, kind: 'renew', years })
  const terms = { ...found, registrar: registration.registrar }
  const order = await insertOrder(platform, tx, domain, terms, {
    kind: 'renew',
    years,
    contactId: null,
    automatic: false,
    expiresBefore: registration.expires_at,
  })
  return { domain, order }
}

export function requireRenewable(platform: Platform, domain: Domain, registration: Registration): void {
  const until = renewableUntil(platform, registration)
  const isEnding = ['deletion_scheduled', 'failed', 'registering', 'pending_payment'].includes(domain.state)
  if (isEnding || until === null || until <= platform.clock.now()) {
    throw new Refusal('domain_state_conflict', `${domain.name} is ${domain.state} and cannot be renewed.`)
  }
}

async function termsOf(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  shown: ShownPrice,
  wanted: { name: string; kind: OrderKind; years: number },
): Promise<Terms> {
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
  const [seller] = sellersOf(platform, suffixOf(wanted.name) ?? '')
  if (!seller) throw new Refusal('name_not_sold', `No registrar here sells ${wanted.name}.`)
  return {
    registrar: seller.name,
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
}

/** The intent, what is to be paid for it, and the job that takes it to the registrar. @throws Refusal order_open. */
async function insertOrder(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  terms: Terms,
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
  const order = await charge(tx, row)
  if (order.payment !== 'due') await addOrderJobs(tx, [order.id])
  return order
}

/** The order that renews a domain by itself, at the price that was shown before; the domain is locked. */
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
  })
}
