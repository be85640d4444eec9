/** POST /v1/domains/register, and a domain's registration: renewed now, or by itself. */
import { type Static, Type } from 'typebox'
import {
  placeRegistration,
  placeRenewal,
  type RegistrationRequest,
  type ShownPrice,
} from '../domains/orders/place.ts'
import { registrationPrice, renewalPrice } from '../domains/orders/price-now.ts'
import { keepQuotes } from '../domains/orders/quotes.ts'
import {
  describeRegistration,
  type RegistrationReport,
  renewableUntil,
  updateRegistration,
} from '../domains/registrations.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { Years } from './domain-search.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { apiLimits } from './limits.ts'
import { MoneyView, moneyOrNull, NullableMoney } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { OrderView, orderView } from './order-view.ts'
import { PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const tags = ['domains']

const shownFields = {
  quote_id: Type.Optional(
    Type.String({ format: 'uuid', maxLength: 36, description: 'Of a search or a renewal quote.' }),
  ),
  expected_price: Type.Optional(MoneyView),
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
    auto_renew: Type.Optional(Type.Boolean({ description: 'Renewed by itself; true if not given.' })),
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

const RegistrationBody = Type.Object(
  {
    auto_renew: Type.Boolean(),
    renew_price: Type.Optional(MoneyView),
  },
  closed,
)

const RegistrationView = Type.Object(
  {
    domain: DomainView,
    registrar: Type.String(),
    registered_at: Nullable(Moment),
    expires_at: Nullable(Moment),
    renewable_until: Nullable(Moment),
    auto_renew: Type.Boolean(),
    renew_price: NullableMoney,
    transfer_locked: Nullable(Type.Boolean(), 'Null when the registrar does not say.'),
    nameservers: Type.Array(Type.String(), {
      description: 'What it is delegated to; empty: the registrar’s own.',
    }),
    nameservers_set_at: Nullable(Moment),
    observed_at: Nullable(Moment, 'When the registrar was last asked.'),
    problem: Nullable(Type.String(), 'The registrar’s own words when something failed there.'),
    orders: Type.Array(OrderView, { description: 'The newest first, at most 20.' }),
  },
  { title: 'DomainRegistration' },
)

const QuoteView = Type.Object(
  { id: Id, name: Type.String(), years: Type.Integer(), price: MoneyView, expires_at: Moment },
  { title: 'RenewalQuote' },
)

export function domainRegistrationRoutes(app: Api, platform: Platform): void {
  registerRoute(app, platform)
  renewRoutes(app, platform)
  app.get(
    '/v1/domains/:domain/registration',
    {
      schema: {
        summary: 'Get the registration of a domain',
        tags,
        params: DomainPath,
        response: { 200: RegistrationView, ...readProblems('domain_not_found', 'domain_not_registered') },
      },
    },
    async (request) =>
      registrationView(
        platform,
        await describeRegistration(platform, scopeOf(request), request.params.domain),
      ),
  )
  app.put(
    '/v1/domains/:domain/registration',
    {
      schema: {
        summary: 'Change the registration of a domain',
        description: 'A renewal by itself never costs more than `renew_price`, for a year.',
        tags,
        params: DomainPath,
        body: RegistrationBody,
        response: { 200: RegistrationView, ...writeProblems('domain_not_found', 'domain_not_registered') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { auto_renew: autoRenew, renew_price: renewPrice } = request.body
        const changes = { autoRenew, ...(renewPrice === undefined ? {} : { renewPrice }) }
        const report = await updateRegistration(
          platform,
          tx,
          scopeOf(request),
          request.params.domain,
          changes,
        )
        return { status: 200, body: registrationView(platform, report) }
      }),
  )
}

function registerRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/register',
    {
      schema: {
        summary: 'Register a domain',
        description:
          'At the price of a quote, or at `expected_price`: if the registrar asks for another one by then, the order fails with price_changed and nothing is bought.',
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
            'quote_not_found',
            'quote_expired',
            'contact_not_found',
            'registrar_unavailable',
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
        auto_renew: autoRenew = true,
        dns_mode,
      } = request.body
      const shown = shownOf(request.body)
      const order = { name, years, contact, autoRenew, dnsMode: dns_mode ?? null }
      if (request.body.preview === true) {
        const found = shown ?? { expected: (await registrationPrice(platform, name, years)).price }
        return preview(platform, reply, async (tx) => {
          const placed = await placeRegistration(platform, tx, scope, { ...order, shown: found })
          return {
            charge: orderView(placed.order).price,
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
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const { years = 1 } = request.body
      const shown = shownOf(request.body)
      if (request.body.preview === true) {
        const found = shown ?? { expected: (await renewalPrice(platform, scope, ref, years)).price.price }
        return preview(platform, reply, async (tx) => {
          const { domain, order } = await placeRenewal(platform, tx, scope, ref, { years, shown: found })
          return {
            charge: orderView(order).price,
            objects: [
              { type: 'domain', action: 'renew', id: domain.id, name: domain.name, state: domain.state },
            ],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const placed = await placeRenewal(platform, tx, scope, ref, { years, shown: required(shown) })
        return {
          status: 201,
          body: { domain: domainView(platform, placed.domain), order: orderView(placed.order) },
        }
      })
    },
  )
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

function registrationView(
  platform: Platform,
  { domain, registration, orders }: RegistrationReport,
): Static<typeof RegistrationView> {
  return {
    domain: domainView(platform, domain),
    registrar: registration.registrar,
    registered_at: momentOrNull(registration.registered_at),
    expires_at: momentOrNull(registration.expires_at),
    renewable_until: momentOrNull(renewableUntil(platform, registration)),
    auto_renew: registration.auto_renew,
    renew_price: moneyOrNull(registration.renew_amount, registration.renew_currency),
    transfer_locked: registration.locked,
    nameservers: registration.nameservers,
    nameservers_set_at: momentOrNull(registration.nameservers_set_at),
    observed_at: momentOrNull(registration.observed_at),
    problem: registration.problem,
    orders: orders.map(orderView),
  }
}
