/** Domains that were warmed up before they are sold: there is no such stock here. */

import { type Static, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { closed, errors, Ok, ok, pageFields, pageInput, pageOf, pageOutput, Uid } from './schemas.ts'

const tags = ['Prewarm']
const boughtMax = 100

const Text = Type.Optional(Type.String({ maxLength: 2048 }))
const search = { keyword: Text, ...pageInput } as const
const SearchBody = Type.Object(search, closed)
const SearchQuery = Type.Object(search)

const OrderQuery = Type.Object({ order_id: Type.Optional(Uid) })

const BuyBody = Type.Object(
  {
    domains: Type.Array(
      Type.Object(
        {
          domain_id: Text,
          domain_name: Text,
          mailboxes: Type.Optional(
            Type.Array(
              Type.Object(
                { username: Text, first_name: Text, last_name: Text, profile_picture: Text },
                closed,
              ),
              { maxItems: boughtMax },
            ),
          ),
        },
        closed,
      ),
      { minItems: 1, maxItems: boughtMax },
    ),
    sequencer_uid: Type.Optional(Uid),
    keep_warming: Type.Optional(Type.Boolean()),
  },
  closed,
)

const refused = 'There are no prewarmed domains here: register or connect one, and buy its mailboxes'

export function prewarmRoutes(app: Api): void {
  const PageView = Ok({ domains: Type.Array(Type.Object({}), { maxItems: 0 }), ...pageOutput })
  const summary = 'Not offered: there is no stock'
  const response = { 200: PageView, ...errors(400) }
  const none = (input: Static<typeof SearchQuery>) =>
    ok('There are no prewarmed domains here', { domains: [], ...pageFields({ total: 0 }, pageOf(input)) })
  for (const path of ['/prewarm/search', '/prewarm/list']) {
    const schema = { summary, tags, body: SearchBody, response }
    app.post(path, { preValidation: emptyBodyIsObject, schema }, (request) => none(request.body))
  }
  app.get('/prewarm/search', { schema: { summary, tags, querystring: SearchQuery, response } }, (request) =>
    none(request.query),
  )
  app.post(
    '/prewarm/buy-domain',
    { schema: { summary: 'Not offered', description: refused, tags, body: BuyBody, response: errors(400) } },
    () => {
      throw new Refusal('invalid_request', refused)
    },
  )
  for (const path of ['/prewarm/order-status', '/prewarm/status', '/prewarm/orders/:order_id']) {
    app.get(
      path,
      {
        schema: {
          summary: 'Not offered: there are no orders',
          tags,
          querystring: OrderQuery,
          response: errors(400),
        },
      },
      () => {
        throw new Refusal('order_not_found', 'Order not found')
      },
    )
  }
}
