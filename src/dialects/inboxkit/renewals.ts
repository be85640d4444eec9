/** Renewals of domains that were bought here: ordered for the wallet's money, and how they stand. */
import { Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { placeRenewal } from '../../domains/orders/place.ts'
import { renewalPrice } from '../../domains/orders/price-now.ts'
import { keepQuotes } from '../../domains/orders/quotes.ts'
import { latestOrders } from '../../domains/orders/store.ts'
import { findRegistration } from '../../domains/registrations.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { inLockOrder, requireByUid, requireNamed } from './domain-finding.ts'
import { Years } from './domain-search.ts'
import { renewalStatuses, renewalStatusOf } from './domain-status.ts'
import { closed, DoneView, done, errors, Moment, Ok, ok, Uid } from './schemas.ts'

/** Their registrars are asked for the price of each. */
const renewedMax = 50
const tags = ['Domains']

const StatusView = Ok({
  uid: Type.String(),
  name: Type.String(),
  renewal_status: OneOf(renewalStatuses),
  renewal_date: Nullable(Moment),
})

export function renewalRoutes(app: Api, platform: Platform): void {
  for (const path of ['/domains/request-renewal', '/domains/renewal', '/domains/renewals/request']) {
    requestRoute(app, platform, path)
  }
  for (const path of ['/domains/renewal-status', '/domains/renewal', '/domains/renewals/status']) {
    statusRoute(app, platform, path)
  }
}

function requestRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Renew domains that were bought here',
        description: 'All or none of them, at what their registrars ask for now, out of the wallet.',
        tags,
        body: Type.Object(
          {
            uids: Type.Optional(Type.Array(Uid, { minItems: 1, maxItems: renewedMax })),
            registration_years: Type.Optional(Years),
          },
          closed,
        ),
        response: { 200: DoneView, ...errors(400, 402) },
      },
      config: { takesMoney: true },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { uids = [], registration_years: years = 1 } = request.body
      requireWrite(scope)
      const domains = inLockOrder(await requireNamed(platform.db, scope, { uids }))
      const prices = await Promise.all(domains.map(({ id }) => renewalPrice(platform, scope, id, years)))
      await transact(platform, caller, async (tx) => {
        const quotes = await keepQuotes(
          platform,
          tx,
          scope,
          prices.map(({ name, price }) => ({ name, kind: 'renew' as const, years, price })),
        )
        for (const [at, { id }] of domains.entries()) {
          const quote = quotes[at]
          if (!quote) throw new Error('a quote was not kept')
          const shown = { quoteId: quote.id }
          await placeRenewal(platform, tx, scope, id, { years, shown, whenShort: 'refuse' })
        }
      })
      return done('Renewal requested successfully')
    },
  )
}

function statusRoute(app: Api, platform: Platform, path: string): void {
  app.get(
    path,
    {
      schema: {
        summary: 'Say how the newest renewal of a domain stands',
        tags,
        querystring: Type.Object({ uid: Uid }),
        response: { 200: StatusView, ...errors(400) },
      },
    },
    async (request) => {
      const [domain] = await requireByUid(platform.db, callerOf(request).scope, [request.query.uid])
      if (!domain) throw new Refusal('domain_not_found')
      const [orders, registration] = await Promise.all([
        latestOrders(platform.db, [domain.id]),
        findRegistration(platform.db, domain.id),
      ])
      return ok('Renewal status retrieved successfully', {
        uid: domain.id,
        name: domain.name,
        renewal_status: renewalStatusOf(orders.get(domain.id)),
        renewal_date: registration?.expires_at?.toISOString() ?? null,
      })
    },
  )
}
