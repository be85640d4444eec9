/** POST /v1/domains/register and POST /v1/domains/{domain}/renew: what costs money, at the price that was shown. */
import { type Static, Type } from 'typebox'
import type { ShownPrice } from '../domains/orders/new-order.ts'
import type { WhenShort } from '../domains/orders/payment.ts'
import { placeRegistration, placeRenewal, type RegistrationRequest } from '../domains/orders/place.ts'
import { registrationPrice, renewalPrice } from '../domains/orders/price-now.ts'
import { keepQuotes } from '../domains/orders/quotes.ts'
import { priceOfOrder } from '../domains/orders/store.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { Years } from './domain-search.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { apiLimits } from './limits.ts'
import { MoneyView } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { OrderView, orderView } from './order-view.ts'
import { PreviewView, preview } from './preview.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, OneOf } from './schemas.ts'

const tags = ['domains']
const unpaid = ['insufficient_funds', 'wallet_locked', 'item_not_priced'] as const

const shownFields = {
  quote_id: Type.Optional(
    Type.String({ format: 'uuid', maxLength: 36, description: 'Of a search or a renewal quote.' }),
  ),
  expected_price: Type.Optional(MoneyView),
  wait_for_payment: Type.Optional(
    Type.Boolean({
      description:
        'Where the wallet has too little: order it all the same, and go on when money comes; it fails after some days. Without it, it is refused.',
    }),
  ),
  preview: Type.Optional(Type.Boolean({ description: 'Only say what it would cost.' })),
}

const RegisterBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }),
    years: Type.Optional(Years),
    ...shownFields,
    contact_id: Type.Optional(
      Type.String({
        format: 'uuid',
        maxLength: 36,
        description: 'Who it is registered for; else the account’s own.',
      }),
    ),
    auto_renew: Type.Optional(
      Type.Boolean({
        description: 'Renewed by itself; if not given as the workspace’s domain settings say, else true.',
      }),
    ),
    dns_mode: Type.Optional(
      OneOf(
        ['served', 'manual'],
        'served: by this platform’s name servers, which is the default where it has some.',
      ),
    ),
  },
  closed,
)

const RegisteredView = Type.Object({ domain: DomainView, order: OrderView }, { title: 'DomainOrdered' })

const RenewBody = Type.Object({ years: Type.Optional(Years), ...shownFields }, closed)

const QuoteView = Type.Object(
  { id: Id, name: Type.String(), years: Type.Integer(), price: MoneyView, expires_at: Moment },
  { title: 'RenewalQuote' },
)

export function domainPurchaseRoutes(app: Api, platform: Platform): void {
  registerRoute(app, platform)
  renewRoutes(app, platform)
}

function registerRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/register',
    {
      schema: {
        summary: 'Register a domain',
        description:
          'At the price of a quote, or at `expected_price`: if the registrar asks for another one by then, the order fails with price_changed and nothing is bought. The reply does not wait for the registrar: `state` of the domain and of GET /v1/domain-orders/{order} tell how it goes.',
        tags,
        body: RegisterBody,
        response: {
          200: PreviewView,
          201: RegisteredView,
          ...postProblems(
            'domain_invalid',
            'domain_taken',
            'domain_limit_reached',
            'name_not_sold',
            'nameservers_unavailable',
            'quote_not_found',
            'quote_expired',
            'contact_not_found',
            'registrar_unavailable',
            ...unpaid,
          ),
        },
      },
      config: { documented: { replies: { 200: PreviewView } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const {
        name,
        years = 1,
        contact_id: contact = null,
        auto_renew: autoRenew = null,
        dns_mode,
      } = request.body
      const shown = shownOf(request.body)
      const whenShort = whenShortOf(request.body)
      const order = { name, years, contact, autoRenew, dnsMode: dns_mode ?? null, whenShort }
      if (request.body.preview === true) {
        const found = shown ?? { expected: (await registrationPrice(platform, scope, name, years)).price }
        return preview(platform, reply, async (tx) => {
          const placed = await placeRegistration(platform, tx, scope, { ...order, shown: found })
          return {
            charge: priceOfOrder(placed.order),
            objects: [
              {
                type: 'domain',
                action: 'create',
                id: null,
                name: placed.domain.name,
                state: placed.domain.state,
              },
            ],
          }
        })
      }
      const wanted: RegistrationRequest = { ...order, shown: required(shown) }
      return mutate(platform, request, reply, async (tx) => {
        const placed = await placeRegistration(platform, tx, scope, wanted)
        return {
          status: 201,
          body: { domain: domainView(platform, placed.domain), order: orderView(placed.order) },
          headers: { location: `/v1/domains/${placed.domain.id}` },
        }
      })
    },
  )
}

function renewRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/:domain/renewal-quotes',
    {
      schema: {
        summary: 'Get the price of a renewal',
        description: 'The quote holds for 30 minutes. Nothing is ordered.',
        tags,
        params: DomainPath,
        body: Type.Object({ years: Type.Optional(Years) }, closed),
        response: {
          201: QuoteView,
          ...postProblems(
            'domain_not_found',
            'domain_not_registered',
            'domain_state_conflict',
            'name_not_sold',
            'registrar_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { years = 1 } = request.body
      const { name, price } = await renewalPrice(platform, scope, request.params.domain, years)
      return mutate(platform, request, reply, async (tx) => {
        const [quote] = await keepQuotes(platform, tx, scope, [{ name, kind: 'renew', years, price }])
        if (!quote) throw new Error('a quote was not kept')
        const { id, expires_at: expiresAt } = quote
        return {
          status: 201,
          body: { id, name, years, price: price.price, expires_at: expiresAt.toISOString() },
        }
      })
    },
  )
  app.post(
    '/v1/domains/:domain/renew',
    {
      schema: {
        summary: 'Renew a domain',
        description:
          'At the price of a renewal quote, or at `expected_price`, and never at another. The reply does not wait for the registrar: GET /v1/domain-orders/{order} tells how it goes.',
        tags,
        params: DomainPath,
        body: RenewBody,
        response: {
          200: PreviewView,
          201: RegisteredView,
          ...postProblems(
            'domain_not_found',
            'domain_not_registered',
            'domain_state_conflict',
            'order_open',
            'name_not_sold',
            'quote_not_found',
            'quote_expired',
            'registrar_unavailable',
            ...unpaid,
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const { years = 1 } = request.body
      const shown = shownOf(request.body)
      const whenShort = whenShortOf(request.body)
      if (request.body.preview === true) {
        const found = shown ?? { expected: (await renewalPrice(platform, scope, ref, years)).price.price }
        return preview(platform, reply, async (tx) => {
          const { domain, order } = await placeRenewal(platform, tx, scope, ref, {
            years,
            shown: found,
            whenShort,
          })
          return {
            charge: priceOfOrder(order),
            objects: [
              { type: 'domain', action: 'renew', id: domain.id, name: domain.name, state: domain.state },
            ],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const placed = await placeRenewal(platform, tx, scope, ref, {
          years,
          shown: required(shown),
          whenShort,
        })
        return {
          status: 201,
          body: { domain: domainView(platform, placed.domain), order: orderView(placed.order) },
        }
      })
    },
  )
}

function whenShortOf({ wait_for_payment: waits = false }: { wait_for_payment?: boolean }): WhenShort {
  return waits ? 'wait' : 'refuse'
}

type Shown = { quote_id?: string; expected_price?: Static<typeof MoneyView> }

function shownOf({ quote_id: quoteId, expected_price: expected }: Shown): ShownPrice | null {
  if (quoteId !== undefined && expected !== undefined) {
    throw new Refusal('invalid_request', 'Give either quote_id or expected_price.')
  }
  return quoteId !== undefined ? { quoteId } : expected !== undefined ? { expected } : null
}

function required(shown: ShownPrice | null): ShownPrice {
  if (shown === null)
    throw new Refusal('invalid_request', 'Give quote_id or expected_price: the price that was shown.')
  return shown
}
