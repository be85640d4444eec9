/** POST /v1/domains/search: which names can be had, and at which price. */
import { type Static, Type } from 'typebox'
import { parseDomainName } from '../domains/names.ts'
import { type Offer, offersFor } from '../domains/orders/offers.ts'
import { keepQuotes, type Quote } from '../domains/orders/quotes.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { NullableMoney } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, Moment, Nullable, OneOf } from './schemas.ts'

const namesMax = 50

export const Years = Type.Integer({ minimum: 1, maximum: 10, description: '1 if not given.' })

const Name = Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax })

const SearchBody = Type.Object(
  {
    names: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: namesMax })),
    query: Type.Optional(
      Type.String({ minLength: 1, maxLength: 63, description: 'A label that is put before each of `tlds`.' }),
    ),
    tlds: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: namesMax })),
    years: Type.Optional(Years),
  },
  closed,
)

const OfferView = Type.Object({
  name: Type.String(),
  availability: OneOf(
    ['available', 'taken', 'unsupported', 'unknown'],
    'unsupported: it is not sold here, or not for so long. unknown: it could not be found out now.',
  ),
  premium: Type.Boolean(),
  price: NullableMoney,
  renew_price: NullableMoney,
  quote_id: Nullable(Type.String({ format: 'uuid' }), 'What to order it with, at this price.'),
  quote_expires_at: Nullable(Moment),
  reason: Nullable(Type.String()),
})

const SearchView = Type.Object({ data: Type.Array(OfferView) }, { title: 'DomainSearch' })

export function domainSearchRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/search',
    {
      schema: {
        summary: 'Search domains that can be registered',
        description:
          'Either `names`, or `query` with `tlds`; at most 50 names. What is shown is what is charged: order with the quote, which holds for 30 minutes.',
        tags: ['domains'],
        body: SearchBody,
        response: { 200: SearchView, ...postProblems() },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { years = 1 } = request.body
      const texts = namesOf(request.body)
      const names = texts.flatMap((text) => parseDomainName(text) ?? [])
      const offers = await offersFor(platform, scope, names, years)
      const priced = offers.flatMap(({ name, price }) => (price === null ? [] : [{ name, price }]))
      return mutate(platform, request, reply, async (tx) => {
        const quotes = await keepQuotes(
          platform,
          tx,
          scope,
          priced.map(({ name, price }) => ({ name, kind: 'register', years, price })),
        )
        const byName = new Map(quotes.map((quote) => [quote.name, quote]))
        const found = new Map(offers.map((offer) => [offer.name, offer]))
        const data = texts.map((text) => {
          const name = parseDomainName(text)
          const offer = name === null ? undefined : found.get(name)
          return offer === undefined ? invalidView(text) : offerView(offer, byName.get(offer.name))
        })
        return { status: 200, body: { data } }
      })
    },
  )
}

/** @throws Refusal invalid_request. */
function namesOf({ names, query, tlds }: Static<typeof SearchBody>): string[] {
  if (names !== undefined && query === undefined && tlds === undefined) return names
  if (names === undefined && query !== undefined && tlds !== undefined) {
    return tlds.map((tld) => `${query}.${tld.replace(/^\./, '')}`)
  }
  throw new Refusal('invalid_request', 'Give either names, or query and tlds.')
}

function offerView(offer: Offer, quote: Quote | undefined): Static<typeof OfferView> {
  const { name, availability, premium, price, reason } = offer
  return {
    name,
    availability,
    premium,
    price: price?.price ?? null,
    renew_price: price?.renewPrice ?? null,
    quote_id: quote?.id ?? null,
    quote_expires_at: quote?.expires_at.toISOString() ?? null,
    reason,
  }
}

function invalidView(name: string): Static<typeof OfferView> {
  const nothing = { premium: false, price: null, renew_price: null, quote_id: null, quote_expires_at: null }
  return { name, availability: 'unsupported', ...nothing, reason: 'It is not a domain name.' }
}
