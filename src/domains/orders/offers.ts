/** Offers: whether a name can be bought, and at which price; and what renewing one costs. */
import { parse } from 'tldts'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Availability, CheckResult, Registrar, RegistrarName } from '../registrars/driver.ts'
import { RegistrarFailure } from '../registrars/driver.ts'
import { rdapOf } from '../registrars/rdap.ts'
import { findRegistrar, sellersOf } from '../registrars/registrars.ts'
import { type Pricer, pricerFor } from './pricers.ts'

export type Price = {
  registrar: RegistrarName
  /** What the registrar charges. */
  cost: Money
  /** What it is sold for. */
  price: Money
  /** What a year's renewal would be sold for. */
  renewPrice: Money | null
  premium: boolean
}

export type Offer = {
  name: string
  availability: Availability
  premium: boolean
  /** null unless it is available. */
  price: Price | null
  reason: string | null
}

/** The suffix that a name is registered under; null when nobody could sell the name itself (`a.b.example`). */
export function suffixOf(name: string): string | null {
  const { domain, publicSuffix } = parse(name, { allowPrivateDomains: false })
  return domain === name ? publicSuffix : null
}

/** How long somebody who looks at names waits for registrars. */
const lookMsMax = 20_000

/** The same for a caller who waits for it. @throws Refusal forbidden for a key that is bound to one mailbox. */
export async function offersFor(
  platform: Platform,
  scope: Scope,
  names: readonly string[],
  years: number,
): Promise<Offer[]> {
  requireWorkspace(scope)
  return await findOffers(platform, scope.workspaceId, names, years, AbortSignal.timeout(lookMsMax))
}

/**
 * Asks registries and registrars for all names at once.
 * @param workspaceId for whom: it may have prices of its own.
 * @param signal ends it: what was not answered by then is unknown.
 */
export async function findOffers(
  platform: Platform,
  workspaceId: string,
  names: readonly string[],
  years: number,
  signal: AbortSignal,
): Promise<Offer[]> {
  const bySuffix = Map.groupBy(new Set(names), (name) => suffixOf(name) ?? '')
  const offers = await Promise.all(
    [...bySuffix].map(async ([suffix, group]) =>
      suffix === ''
        ? group.map((name) => offerOf(name, 'unsupported', 'It is not a name that can be registered.'))
        : await offersUnder(platform, workspaceId, { suffix, names: group }, years, signal),
    ),
  )
  const found = new Map(offers.flat().map((offer) => [offer.name, offer]))
  return names.flatMap((name) => found.get(name) ?? [])
}

function offerOf(name: string, availability: Availability, reason: string | null = null): Offer {
  return { name, availability, premium: false, price: null, reason }
}

async function offersUnder(
  platform: Platform,
  workspaceId: string,
  { suffix, names }: { suffix: string; names: readonly string[] },
  years: number,
  signal: AbortSignal,
): Promise<Offer[]> {
  const sellers = sellersOf(platform, suffix)
  const listed = suffix === 'test' ? [] : await takenByRdap(platform, names, signal)
  const offers = new Map(listed.map((name) => [name, offerOf(name, 'taken')]))
  const pricer = await pricerFor(platform, workspaceId, suffix)
  for (const seller of sellers) {
    // One that the first does not sell may be sold by the next.
    const open = names.filter((name) => (offers.get(name)?.availability ?? 'unsupported') === 'unsupported')
    if (open.length === 0) break
    for (const result of await askSeller(seller, open, years, signal)) {
      offers.set(result.name, priced(seller.name, result, pricer, years))
    }
  }
  return names.map(
    (name) => offers.get(name) ?? offerOf(name, 'unknown', 'No registrar here sells this suffix.'),
  )
}

// The registries' share of a search's time: the rest is the registrars', who alone know prices.
const rdapMsMax = 4000

async function takenByRdap(
  platform: Platform,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const rdap = rdapOf(platform)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(rdapMsMax)])
  const answers = await Promise.all(
    names.map(async (name) => ({ name, answer: await rdap.ask(name, deadline) })),
  )
  return answers.flatMap(({ name, answer }) => (answer === 'taken' ? [name] : []))
}

/** What it answered by the end of the time; the rest is unknown. */
async function askSeller(
  seller: Registrar,
  names: readonly string[],
  years: number,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  let isOver = false
  for (const part of partsOf(names, seller.namesPerCheck)) {
    try {
      results.push(...(isOver ? part.map(unanswered) : await seller.check(part, years, signal)))
    } catch (error) {
      if (!(error instanceof RegistrarFailure)) throw error
      isOver = error.kind !== 'refused'
      results.push(...part.map(unanswered))
    }
  }
  return results
}

function partsOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  )
}

function unanswered(name: string): CheckResult {
  const reason = 'The registrar did not answer in time; ask again.'
  return { name, availability: 'unknown', premium: false, cost: null, renewalCost: null, reason }
}

function priced(registrar: RegistrarName, result: CheckResult, pricer: Pricer, years: number): Offer {
  const { name, availability, premium, cost, renewalCost, reason } = result
  const offer = { name, availability, premium, price: null, reason }
  if (availability !== 'available' || cost === null) return offer
  const price = pricer.register(cost, { years, premium })
  if (price === null) {
    return {
      ...offer,
      availability: 'unsupported',
      reason: 'The markup is of another currency than the price.',
    }
  }
  const renewPrice = renewalCost === null ? null : pricer.renew(renewalCost, { years: 1, premium })
  // An order has one currency.
  const isOfOne = renewPrice?.currency === price.currency
  return { ...offer, price: { registrar, cost, price, renewPrice: isOfOne ? renewPrice : null, premium } }
}

/**
 * What one registrar sells a name for now. Not for a transaction: it waits for the world.
 * @throws RegistrarFailure.
 */
export async function priceOf(
  platform: Platform,
  { workspaceId, registrar: registrarName, name, kind, years }: PriceQuestion,
): Promise<Price | 'unavailable' | 'not_sold'> {
  const registrar = findRegistrar(platform, registrarName)
  if (registrar === null) throw new RegistrarFailure('busy', `The account at ${registrarName} is not set up.`)
  const pricer = await pricerFor(platform, workspaceId, suffixOf(name) ?? '')
  if (kind === 'renew') {
    const found = await registrar.renewalCost(name, years)
    const price = found === null ? null : pricer.renew(found.cost, { years, premium: found.premium })
    if (found === null || price === null) return 'not_sold'
    return { registrar: registrarName, cost: found.cost, price, renewPrice: null, premium: found.premium }
  }
  const [result] = await registrar.check([name], years, AbortSignal.timeout(priceMsMax))
  if (!result || result.availability === 'unknown')
    throw new RegistrarFailure('busy', result?.reason ?? 'No answer.')
  if (result.availability === 'taken') return 'unavailable'
  return priced(registrarName, result, pricer, years).price ?? 'not_sold'
}

export type PriceQuestion = {
  /** For whom. */
  workspaceId: string
  registrar: RegistrarName
  name: string
  kind: 'register' | 'renew'
  years: number
}

const priceMsMax = 30_000
