/** /v1/domains/{domain}/registration: until when a domain is ours, and whether it is renewed by itself. */
import { type Static, Type } from 'typebox'
import {
  describeRegistration,
  type RegistrationReport,
  renewableUntil,
  updateRegistration,
} from '../domains/registrations.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { MoneyView, moneyOrNull, NullableMoney } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { OrderView, orderView } from './order-view.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable } from './schemas.ts'
import { workspaceDomainSettingsRoutes } from './workspace-domain-settings.ts'

const tags = ['domains']

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

export function domainRegistrationRoutes(app: Api, platform: Platform): void {
  workspaceDomainSettingsRoutes(app, platform)
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
        description:
          'With `auto_renew` it is renewed for a year in time, at `renew_price` at most; what is left out stays.',
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
