/** Registrations that end: listed, priced, renewed, and renewed by themselves. */

import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { type ExpiringDomain, pageExpiring } from '../../domains/expiring.ts'
import { askForMissing } from '../../domains/orders/missing.ts'
import type { Price } from '../../domains/orders/offers.ts'
import { type Placed, placeRenewal } from '../../domains/orders/place.ts'
import { renewalPrice } from '../../domains/orders/price-now.ts'
import { keepQuotes } from '../../domains/orders/quotes.ts'
import { updateRegistration } from '../../domains/registrations.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { linkIfAny } from './domain-purchases.ts'
import { priceText } from './domain-search.ts'
import { Contains, selectDomains } from './domain-selection.ts'
import { type Provider, productsOf, providerOf, providers } from './providers.ts'
import {
  DataOf,
  DoneView,
  dataOf,
  done,
  errors,
  Ids,
  Moment,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
} from './schemas.ts'

const soonMs = 61 * 24 * 3600_000
/** Domains of one call, each of which its registrar is asked about. */
const renewalsMax = 100
const askedAtOnce = 10

const filters = { contains: Type.Optional(Contains), tagIds: Type.Optional(Ids) } as const
const SoonBody = Type.Object(filters)
const Renewals = Type.Object({ domainIds: Type.Optional(Ids), ...filters })
type Renewals = Static<typeof Renewals>

const SoonView = Type.Object(
  {
    ...pageOutput,
    totalCount: Type.Integer(),
    domains: Type.Array(
      Type.Object({
        id: Type.String(),
        domain: Type.String(),
        registeredOn: Moment,
        expireOn: Moment,
        serviceProvider: OneOf(providers),
      }),
    ),
  },
  { title: 'RenewableDomains' },
)

const PriceView = Type.Object(
  {
    domainId: Type.String(),
    domainName: Type.String(),
    domainPrice: Type.String({ description: 'What a year costs now.' }),
    isPremiumDomain: Type.Boolean(),
    renewPrice: Type.String({ description: 'The same.' }),
    status: Type.Literal('UNAVAILABLE', { description: 'It is registered: for its owner.' }),
  },
  { title: 'RenewalPrice' },
)

const RenewedView = Type.Object({
  paymentLink: Nullable(Type.String(), 'Where to pay what the wallet lacks.'),
  domains: Type.Array(Type.String()),
  domainIds: Type.Array(Type.String()),
  useWallet: Type.Literal(true),
})

const tags = ['domains']

export function domainRenewalRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  renewRoute(app, platform)
  app.post(
    '/v2/domains/update-auto-renew',
    {
      schema: {
        summary: 'Renew domains by themselves, or not',
        description:
          'Those that are named, or those bought here that the filters find; all of them, or none.',
        tags,
        body: Type.Object({ ...filters, domainIds: Ids, autoRenew: Type.Boolean() }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { autoRenew, ...selection } = request.body
      requireWrite(caller.scope)
      const domains = await selectDomains(platform, caller.scope, providerOf(request), selection)
      const isNamed = selection.domainIds.length > 0
      await transact(platform, caller, async (tx) => {
        for (const { id } of domains) {
          try {
            await updateRegistration(platform, tx, caller.scope, id, { autoRenew })
          } catch (error) {
            const isOther = error instanceof Refusal && error.code === 'domain_not_registered'
            if (isNamed || !isOther) throw error
          }
        }
      })
      return done('Auto renewal updated successfully')
    },
  )
}

function readRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/renewal-soon',
    {
      preValidation: emptyBodyIsObject,
      config: { tellsForms: true },
      schema: {
        summary: 'List the domains bought here that end within two months',
        tags,
        querystring: Type.Object(pageInput),
        body: SoonBody,
        response: { 200: DataOf(SoonView), ...errors(422) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const provider = providerOf(request)
      const page = pageOf(request.query)
      const [found, all] = await Promise.all([
        expiring(platform, scope, provider, request.body, page),
        expiring(platform, scope, provider, {}, { number: 1, size: 1 }),
      ])
      return dataOf('Domains fetched successfully', {
        ...pageFields(found, page),
        totalCount: all.total,
        domains: found.rows.map((row) => soonView(provider, row)),
      })
    },
  )
  app.post(
    '/v2/domains/get-renewal-price',
    {
      schema: {
        summary: 'Get the prices of renewals',
        description:
          'Of the domains that are named, or that end within two months and that the filters find; what was not bought here has none.',
        tags,
        body: Renewals,
        response: { 200: DataOf(Type.Array(PriceView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const domains = await toRenew(platform, scope, providerOf(request), request.body)
      const priced = await pricesOf(platform, scope, domains)
      return dataOf(
        'Renewal price fetched successfully',
        priced.flatMap(({ domain, price }) => {
          if (price instanceof Refusal && price.code !== 'registrar_unavailable') return []
          const text = priceText(price instanceof Refusal ? null : price.price)
          return [
            {
              domainId: domain.id,
              domainName: domain.name,
              domainPrice: text,
              isPremiumDomain: price instanceof Refusal ? false : price.premium,
              renewPrice: text,
              status: 'UNAVAILABLE' as const,
            },
          ]
        }),
      )
    },
  )
}

function renewRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/renew',
    {
      schema: {
        summary: 'Renew domains for a year',
        description:
          'Those that are named, or that end within two months and that the filters find; all of them, or none. The wallet pays; what it lacks is asked for with a link, and the renewals wait for it.',
        tags,
        body: Renewals,
        response: { 200: DataOf(RenewedView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      requireWrite(scope)
      const { domainIds = [], contains = '', tagIds = [] } = request.body
      if (domainIds.length === 0 && contains.trim() === '' && tagIds.length === 0) {
        throw new Refusal('invalid_request', 'domainIds or a filter is required')
      }
      const domains = await toRenew(platform, scope, providerOf(request), request.body)
      if (domains.length === 0) throw new Refusal('invalid_request', 'The filters find no domain.')
      const prices = (await pricesOf(platform, scope, domains)).map(({ domain, price }) => {
        if (price instanceof Refusal) throw price
        return { name: domain.name, kind: 'renew' as const, years: 1, price }
      })
      const topUp = await transact(platform, caller, async (tx) => {
        const quotes = await keepQuotes(platform, tx, scope, prices)
        const placed: Placed[] = []
        for (const [index, { id: quoteId }] of quotes.entries()) {
          const renewal = { years: 1, shown: { quoteId }, whenShort: 'wait' as const }
          placed.push(await placeRenewal(platform, tx, scope, domains[index]?.id ?? '', renewal))
        }
        return await askForMissing(
          platform,
          tx,
          scope,
          placed.map(({ order }) => order),
        )
      })
      return dataOf('Domain renewal started', {
        paymentLink: await linkIfAny(platform, topUp),
        domains: domains.map(({ name }) => name),
        domainIds: domains.map(({ id }) => id),
        useWallet: true as const,
      })
    },
  )
}

async function expiring(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  { contains = '', tagIds = [] }: Pick<Renewals, 'contains' | 'tagIds'>,
  page: NumberedPage,
) {
  const filter = {
    before: new Date(platform.clock.now().getTime() + soonMs),
    search: contains.trim() || null,
    products: productsOf[provider],
    tagIds: tagIds.length === 0 ? null : tagIds.filter(isId),
  }
  return await pageExpiring(platform, scope, filter, page)
}

/** Those that are named; where none are, those that end soon and fit the filters. @throws Refusal domain_not_found. */
async function toRenew(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  { domainIds = [], ...rest }: Renewals,
): Promise<Domain[]> {
  if (domainIds.length > renewalsMax) {
    throw new Refusal('invalid_request', `A call takes ${renewalsMax} domains at most.`)
  }
  if (domainIds.length > 0) return await selectDomains(platform, scope, provider, { domainIds })
  const { rows, total } = await expiring(platform, scope, provider, rest, { number: 1, size: renewalsMax })
  if (total > renewalsMax) {
    throw new Refusal('invalid_request', `${total} domains end soon; a call takes ${renewalsMax} at most.`)
  }
  return rows.map(({ domain }) => domain).sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** What each costs for a year, or why that cannot be said. Not for a transaction: it waits for the world. */
async function pricesOf(
  platform: Platform,
  scope: Scope,
  domains: readonly Domain[],
): Promise<{ domain: Domain; price: Price | Refusal }[]> {
  const priced: { domain: Domain; price: Price | Refusal }[] = []
  for (let at = 0; at < domains.length; at += askedAtOnce) {
    const some = domains.slice(at, at + askedAtOnce).map(async (domain) => {
      const price = await renewalPrice(platform, scope, domain.id, 1).then(
        (found) => found.price,
        (error: unknown) => {
          if (error instanceof Refusal) return error
          throw error
        },
      )
      return { domain, price }
    })
    priced.push(...(await Promise.all(some)))
  }
  return priced
}

function soonView(serviceProvider: Provider, { domain, registration }: ExpiringDomain) {
  return {
    id: domain.id,
    domain: domain.name,
    registeredOn: (registration.registered_at ?? domain.created_at).toISOString(),
    expireOn: (registration.expires_at ?? domain.created_at).toISOString(),
    serviceProvider,
  }
}
