/** Names that can be bought, and at which price. */
import { type Static, Type } from 'typebox'
import { parseDomainName } from '../../domains/names.ts'
import { type Offer, offersFor } from '../../domains/orders/offers.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { formatMoney, type Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { namesOfKeywords, relatedNames } from './name-ideas.ts'
import { DataOf, dataOf, errors } from './schemas.ts'

const namesMax = 20
/** Names of one search, whose registrars are asked at once. */
const ideasMax = 50
export const yearsMax = 10

const Name = Type.String({ minLength: 1, maxLength: 253 })
const Tld = Type.String({ minLength: 1, maxLength: 63, description: 'With or without the dot before it.' })
const SearchBody = Type.Object({
  domainName: Name,
  tlds: Type.Optional(Type.Array(Tld, { maxItems: namesMax })),
  years: Type.Optional(Type.Integer({ minimum: 1, maximum: yearsMax })),
})
const BulkBody = Type.Object({ domainNames: Type.Array(Name, { minItems: 1, maxItems: namesMax }) })
const FinderBody = Type.Object({
  keywords: Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: 10 }),
  tlds: Type.Array(Tld, { maxItems: namesMax }),
  desiredCount: Type.Integer({ minimum: 1, maximum: 1000 }),
})

const QuoteView = Type.Object(
  {
    domainName: Type.String(),
    status: OneOf(['AVAILABLE', 'UNAVAILABLE'], 'UNAVAILABLE also: not sold here, or not known just now.'),
    isPremiumDomain: Type.Boolean(),
    domainPrice: Type.String({ description: 'Of all years that were asked for.' }),
    renewPrice: Type.String({ description: 'Of a year.' }),
  },
  { title: 'DomainQuote' },
)

const Quotes = Type.Array(QuoteView)
const tags = ['domains']

export function domainSearchRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/available',
    {
      schema: {
        summary: 'Find out whether a name can be bought, and names like it',
        tags,
        body: SearchBody,
        response: {
          200: DataOf(
            Type.Object({
              exactMatch: Type.Union([QuoteView, Type.Null()]),
              availableDomains: Quotes,
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { domainName, tlds = [], years = 1 } = request.body
      const { exact, others } = relatedNames(domainName, tlds, ideasMax - 1)
      const wanted = [...(exact === null ? [] : [exact]), ...others]
      if (wanted.length === 0) throw new Refusal('domain_invalid', `"${domainName}" is not a domain name.`)
      const offers = await offersFor(platform, callerOf(request).scope, wanted, years)
      const match = offers.find(({ name }) => name === exact)
      return dataOf('Available domains fetched successfully', {
        exactMatch: match ? quoteView(match) : null,
        availableDomains: offers.filter((offer) => offer !== match && offer.price !== null).map(quoteView),
      })
    },
  )
  app.post(
    '/v2/domains/available-bulk',
    {
      schema: {
        summary: 'Find out whether names can be bought',
        tags,
        body: BulkBody,
        response: {
          200: DataOf(
            Type.Object({
              domains: Quotes,
              total: Type.Integer(),
              available: Type.Integer(),
              unavailable: Type.Integer(),
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const texts = request.body.domainNames
      const names = texts.flatMap((text) => parseDomainName(text) ?? [])
      const offers = await offersFor(platform, callerOf(request).scope, names, 1)
      const found = new Map(offers.map((offer) => [offer.name, offer]))
      const domains = texts.map((text) => {
        const offer = found.get(parseDomainName(text) ?? '')
        return offer ? quoteView(offer) : unavailable(text)
      })
      const available = domains.filter(({ status }) => status === 'AVAILABLE').length
      const total = domains.length
      return dataOf('Domain availability fetched successfully', {
        domains,
        total,
        available,
        unavailable: total - available,
      })
    },
  )
  app.post(
    '/v2/domains/ai-finder',
    {
      config: { providerRequired: true },
      schema: {
        summary: 'Find names that can be bought by keywords',
        description: 'Put together from the keywords and common words; each call is answered whole.',
        tags,
        body: FinderBody,
        response: {
          200: DataOf(
            Type.Object({
              status: Type.Literal('completed'),
              progress: Type.Literal(100),
              domains: Quotes,
              totalDomains: Type.Integer(),
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { keywords, tlds, desiredCount } = request.body
      const names = namesOfKeywords(keywords, tlds, ideasMax)
      if (names.length === 0) throw new Refusal('domain_invalid', 'No name can be made of these keywords.')
      const offers = await offersFor(platform, callerOf(request).scope, names, 1)
      const domains = offers
        .filter(({ price }) => price !== null)
        .slice(0, desiredCount)
        .map(quoteView)
      return dataOf('Domains generated successfully', {
        status: 'completed' as const,
        progress: 100 as const,
        domains,
        totalDomains: domains.length,
      })
    },
  )
}

function quoteView({ name, premium, price }: Offer): Static<typeof QuoteView> {
  if (price === null) return { ...unavailable(name), isPremiumDomain: premium }
  return {
    domainName: name,
    status: 'AVAILABLE',
    isPremiumDomain: premium,
    domainPrice: formatMoney(price.price),
    renewPrice: priceText(price.renewPrice),
  }
}

function unavailable(domainName: string): Static<typeof QuoteView> {
  const status = 'UNAVAILABLE' as const
  return { domainName, status, isPremiumDomain: false, domainPrice: '0.00', renewPrice: '0.00' }
}

/** Decimal text; what is not known is told as the contract tells it of endings that are not sold. */
export function priceText(money: Money | null): string {
  return money === null ? 'NaN' : formatMoney(money)
}
