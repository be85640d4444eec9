/** Placing an order: the domain, its registration and the order are written first; a job goes to the registrar. */
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import { type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { domainAutoRenewDefault } from '../auto-renew.ts'
import { holdContact } from '../contacts.ts'
import { type Domain, lockDomain, moveDomain } from '../domains.ts'
import { parseDomainName } from '../names.ts'
import { requireNameservers } from '../nameservers.ts'
import { followNewDomains, newDomainRow, requireDomainRoom, serveZones } from '../new-domain.ts'
import type { Product } from '../products.ts'
import { getRegistration, type Registration, renewableUntil } from '../registrations.ts'
import { nameserversOf } from '../zones/own-names.ts'
import { insertOrder, type ShownPrice, termsOf } from './new-order.ts'
import { suffixOf } from './offers.ts'
import type { WhenShort } from './payment.ts'
import type { Order } from './store.ts'

export type Placed = { domain: Domain; order: Order }

export type RegistrationRequest = {
  name: string
  years: number
  shown: ShownPrice
  contact: string | null
  /** Null: as the workspace has said for domains to come (auto-renew.ts). */
  autoRenew: boolean | null
  /** What holds where it has said nothing. Default: true. */
  autoRenewUnsaid?: boolean
  /** null: served where this platform has name servers. */
  dnsMode: 'served' | 'manual' | null
  /** The only one that the domain is for. Default: any. */
  product?: Product
  whenShort: WhenShort
}

/**
 * @throws Refusal domain_invalid, domain_taken, domain_limit_reached, name_not_sold, nameservers_unavailable,
 *   quote_not_found, quote_expired, contact_not_found, insufficient_funds, wallet_locked, item_not_priced, forbidden.
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
  requireNameservers(platform, dnsMode, scope.workspaceId)
  const domain = await domainToRegister(platform, tx, scope, name, {
    dnsMode,
    product: request.product ?? null,
  })
  const registration = {
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    registrar: terms.registrar,
    auto_renew: await autoRenewOf(tx, scope, request),
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
    whenShort: request.whenShort,
  })
  const state = order.payment === 'due' ? 'pending_payment' : 'registering'
  if (domain.state !== state) await moveDomain(platform, tx, domain, state)
  return { domain: { ...domain, state }, order }
}

async function autoRenewOf(
  tx: Tx,
  { workspaceId }: Scope,
  { autoRenew, autoRenewUnsaid = true }: RegistrationRequest,
): Promise<boolean> {
  return autoRenew ?? (await domainAutoRenewDefault(tx, workspaceId)) ?? autoRenewUnsaid
}

/** A name that nobody here has, or one of this workspace whose registration failed. */
async function domainToRegister(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  name: string,
  { dnsMode, product }: { dnsMode: 'served' | 'manual'; product: Product | null },
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
    await tx.updateTable('domains').set({ dns_mode: dnsMode, product }).where('id', '=', failed.id).execute()
    if (dnsMode === 'served') await serveZones(platform, tx, [failed.id])
    return { ...failed, dns_mode: dnsMode, product }
  }
  await requireDomainRoom(platform, tx, scope)
  const domain = await tx
    .insertInto('domains')
    .values(newDomainRow(platform, scope, { name, state: 'pending_payment', dnsMode, product }))
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'domains_name') throw error
      throw new Refusal('domain_taken', `${name} is already connected.`, { cause: error })
    })
  await followNewDomains(platform, tx, [domain])
  return domain
}

export type RenewalRequest = { years: number; shown: ShownPrice; whenShort: WhenShort }

/**
 * @throws Refusal domain_not_found, domain_not_registered, domain_state_conflict, order_open, quote_not_found,
 *   quote_expired, insufficient_funds, wallet_locked, item_not_priced, forbidden.
 */
export async function placeRenewal(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { years, shown, whenShort }: RenewalRequest,
): Promise<Placed> {
  const domain = await lockDomain(platform, tx, scope, ref)
  const registration = await getRegistration(tx, domain)
  requireRenewable(platform, domain, registration)
  const wanted = { name: domain.name, kind: 'renew' as const, years }
  const terms = await termsOf(platform, tx, scope, shown, wanted, registration.registrar)
  const order = await insertOrder(platform, tx, domain, terms, {
    kind: 'renew',
    years,
    contactId: null,
    automatic: false,
    expiresBefore: registration.expires_at,
    whenShort,
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
