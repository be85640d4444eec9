/** Domains bought: by the wallet, or by a payment whose page is linked. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { advanceForCaller } from '../../billing/payments/advance.ts'
import { newestContact } from '../../domains/contacts.ts'
import { parseDomainName } from '../../domains/names.ts'
import { askForMissing } from '../../domains/orders/missing.ts'
import type { Offer, Price } from '../../domains/orders/offers.ts'
import { placeRegistration } from '../../domains/orders/place.ts'
import { keepQuotes } from '../../domains/orders/quotes.ts'
import type { Order } from '../../domains/orders/store.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { offersFor, yearsMax } from './domain-search.ts'
import { productOf, providerOf } from './providers.ts'
import { errors } from './schemas.ts'

const namesMax = 50

const BuyBody = Type.Object({
  domains: Type.Array(
    Type.Object({
      domainName: Type.String({ minLength: 1, maxLength: 253 }),
      years: Type.Integer({ minimum: 1, maximum: yearsMax }),
    }),
    { minItems: 1, maxItems: namesMax },
  ),
  useWallet: Type.Optional(Type.Boolean({ description: 'false if not given.' })),
  enableDnsShield: Type.Optional(Type.Boolean()),
})

const BoughtView = Type.Object(
  {
    status: Type.Literal(200),
    message: Type.String(),
    paymentLink: Type.Optional(Type.String({ description: 'Where to pay all of it.' })),
    invoiceLink: Type.Optional(Type.String({ description: 'Where to pay what the wallet lacks.' })),
    data: Type.Object({
      paymentLink: Type.Optional(Type.String()),
      invoiceLink: Type.Optional(Type.String()),
    }),
  },
  { title: 'DomainsBought' },
)

export function domainPurchaseRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/buy',
    {
      schema: {
        summary: 'Buy domains',
        description:
          'All of them, or none, for the newest registrant contact of the workspace. With `useWallet` the wallet pays, and what it has too little for waits for money. Without it, they wait for the payment that the link is for.',
        tags: ['domains'],
        body: BuyBody,
        response: { 200: BoughtView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { domains, useWallet = false, enableDnsShield = false } = request.body
      requireWrite(caller.scope)
      if (enableDnsShield) throw new Refusal('invalid_request', 'DNS Shield is not offered: leave it out.')
      const contact = await newestContact(platform.db, caller.scope)
      if (contact === null) {
        throw new Refusal(
          'invalid_request',
          'A domain is registered for a person: give billing details with a phone number first.',
        )
      }
      const priced = await pricesOf(platform, caller.scope, domains)
      const topUp = await transact(platform, caller, async (tx) => {
        const quotes = await keepQuotes(platform, tx, caller.scope, priced)
        const orders: Order[] = []
        for (const { id: quoteId, name, years } of quotes) {
          const { order } = await placeRegistration(platform, tx, caller.scope, {
            name,
            years,
            shown: { quoteId },
            contact: contact.id,
            autoRenew: false,
            dnsMode: null,
            product: productOf[providerOf(request)],
            whenShort: useWallet ? 'wait' : 'later',
          })
          orders.push(order)
        }
        return await askForMissing(platform, tx, caller.scope, orders, { lessWallet: useWallet })
      })
      const url = topUp === null ? null : (await advanceForCaller(platform, topUp.id)).session_url
      return boughtView(url, useWallet)
    },
  )
}

function boughtView(url: string | null, useWallet: boolean): Static<typeof BoughtView> {
  const status = 200 as const
  if (url === null) return { status, message: 'Domains purchased', data: {} }
  const link = useWallet ? { invoiceLink: url } : { paymentLink: url }
  const message = useWallet ? 'Domains wait for what the wallet lacks' : 'Payment link created successfully'
  return { status, message, ...link, data: link }
}

type Wanted = Static<typeof BuyBody>['domains']
type Priced = { name: string; kind: 'register'; years: number; price: Price }

/**
 * What they cost now, in the order of their names, in which all calls take them.
 * @throws Refusal domain_invalid, domain_taken, name_not_sold, registrar_unavailable, invalid_request.
 */
async function pricesOf(platform: Platform, scope: Scope, wanted: Wanted): Promise<Priced[]> {
  const named = wanted.map(({ domainName, years }) => {
    const name = parseDomainName(domainName)
    if (name === null) throw new Refusal('domain_invalid', `"${domainName}" is not a domain name.`)
    return { name, years }
  })
  if (new Set(named.map(({ name }) => name)).size < named.length) {
    throw new Refusal('invalid_request', 'A name occurs twice.')
  }
  const groups = [...Map.groupBy(named, ({ years }) => years)].map(async ([years, group]) => {
    const names = group.map(({ name }) => name)
    const offers = await offersFor(platform, scope, names, years)
    return offers.map((offer) => ({
      name: offer.name,
      kind: 'register' as const,
      years,
      price: requirePrice(offer),
    }))
  })
  return (await Promise.all(groups)).flat().sort((a, b) => (a.name < b.name ? -1 : 1))
}

function requirePrice({ name, availability, price, reason }: Offer): Price {
  if (price !== null) return price
  if (availability === 'taken') throw new Refusal('domain_taken', `${name} is taken.`)
  const code = availability === 'unsupported' ? 'name_not_sold' : 'registrar_unavailable'
  throw new Refusal(code, `${name}: ${reason ?? 'it could not be looked up now.'}`)
}
