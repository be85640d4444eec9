/** /v1/domain-orders: what was bought at registrars, and what became of it. */

import { Type } from 'typebox'
import { requireOrganization } from '../accounts/principals.ts'
import { getDomain } from '../domains/domains.ts'
import { abandonOrder } from '../domains/orders/abandon.ts'
import { getOrder, listOrders } from '../domains/orders/store.ts'
import { orderStates } from '../domains/orders/tables.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf, scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { OrderView, orderView } from './order-view.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const OrderPath = Type.Object({ order: Type.String({ description: 'Its id.' }) })
const tags = ['domains']

const OrdersQuery = Type.Object(
  {
    ...pageQuery,
    state: Type.Optional(OneOf(orderStates)),
    domain: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.addressLengthMax,
        description: 'Its id or its name.',
      }),
    ),
  },
  closed,
)

export function domainOrderRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domain-orders',
    {
      schema: {
        summary: 'List orders of domains',
        description: 'Registrations and renewals, the oldest first.',
        tags,
        querystring: OrdersQuery,
        response: { 200: PageOf(OrderView), ...readProblems('invalid_cursor', 'domain_not_found') },
      },
    },
    async (request) => {
      const { state = null, domain } = request.query
      const scope = scopeOf(request)
      const domainId = domain === undefined ? null : (await getDomain(platform, scope, domain)).id
      return pageView(
        await listOrders(platform, scope, { state, domainId }, pageRequest(request.query)),
        orderView,
      )
    },
  )
  app.get(
    '/v1/domain-orders/:order',
    {
      schema: {
        summary: 'Get an order of a domain',
        tags,
        params: OrderPath,
        response: { 200: OrderView, ...readProblems('order_not_found') },
      },
    },
    async (request) => orderView(await getOrder(platform, scopeOf(request), request.params.order)),
  )
  app.post(
    '/v1/domain-orders/:order/abandon',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'End an order in review',
        description:
          'For who has looked at the registrar and seen that it has not carried the order out. For keys of the whole organization.',
        tags,
        params: OrderPath,
        body: Type.Object({}, closed),
        response: {
          200: OrderView,
          ...postProblems('order_not_found', 'order_state_conflict', 'domain_not_found'),
        },
      },
    },
    async (request, reply) => {
      const { principal, scope } = callerOf(request)
      return mutate(platform, request, reply, async (tx) => {
        await getOrder(platform, scope, request.params.order, tx) // what is not there is not forbidden either
        requireOrganization(principal)
        return { status: 200, body: orderView(await abandonOrder(platform, tx, scope, request.params.order)) }
      })
    },
  )
}
