/** /v1/wallet/top-ups: money that comes by the payment provider. */

import { Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import { advanceForCaller, cancelTopUp } from '../billing/payments/advance.ts'
import { topUpStates } from '../billing/payments/tables.ts'
import { createTopUp, getTopUp, listTopUps, type TopUp } from '../billing/payments/top-ups.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, noStore, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'
import { TopUpView, topUpView } from './top-up-view.ts'

const tags = ['billing']
export const TopUpPath = Type.Object({ top_up: Type.String({ description: 'Its id.' }) })
export const ReturnUrl = Type.String({
  maxLength: 2000,
  description: 'Where the customer comes back to; `top_up` and `result` are added to its query.',
})

const TopUpBody = Type.Object(
  {
    amount: Type.Integer({ minimum: 1, maximum: 1e10, description: 'In minor units.' }),
    currency: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{3}$',
        maxLength: 3,
        description: 'The wallet’s, which is also the default.',
      }),
    ),
    method: OneOf(
      ['checkout', 'saved'],
      'checkout: the customer pays at the `url` of the reply, and the card is saved. saved: the saved card is charged now.',
    ),
    return_url: Type.Optional(ReturnUrl),
  },
  closed,
)

export function topUpRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/wallet/top-ups',
    {
      schema: {
        summary: 'Top the wallet up',
        description:
          'What the provider does not answer in time goes on by itself; with the same Idempotency-Key the same top-up goes on, and nothing is charged twice.',
        tags,
        body: TopUpBody,
        response: {
          201: TopUpView,
          ...postProblems(
            'payments_manual',
            'top_up_invalid',
            'top_up_limit_reached',
            'payment_method_missing',
            'payment_refused',
            'payment_provider_failed',
          ),
        },
      },
    },
    async (request, reply) => {
      const { amount, currency = null, method, return_url: returnUrl = null } = request.body
      // The row is committed before the provider is asked, and no transaction waits for the answer.
      const { id } = await mutate(platform, request, reply, async (tx) => {
        const topUp = await createTopUp(platform, tx, scopeOf(request), {
          amount,
          currency,
          method,
          returnUrl,
        })
        return { status: 201, body: { id: topUp.id } }
      })
      void reply.headers(noStore)
      return topUpView(await advanceForCaller(platform, id))
    },
  )
  app.get(
    '/v1/wallet/top-ups',
    {
      schema: {
        summary: 'List top-ups',
        description: 'The newest first, as they are known here.',
        tags,
        querystring: Type.Object({ ...pageQuery, state: Type.Optional(OneOf(topUpStates)) }, closed),
        response: { 200: PageOf(TopUpView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { state = null } = request.query
      const page = await listTopUps(platform, scopeOf(request), state, pageRequest(request.query))
      return pageView(page, topUpView)
    },
  )
  app.get(
    '/v1/wallet/top-ups/:top_up',
    {
      schema: {
        summary: 'Get a top-up',
        description:
          'Of one that has not ended the provider is asked: coming back from its page proves nothing.',
        tags,
        params: TopUpPath,
        response: { 200: TopUpView, ...readProblems('top_up_not_found') },
      },
    },
    async (request) =>
      topUpView(await looked(platform, await getTopUp(platform.db, scopeOf(request), request.params.top_up))),
  )
  app.post(
    '/v1/wallet/top-ups/:top_up/cancel',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Cancel a top-up',
        description: 'Ends the page on which it would be paid. One that is paid or under way stays.',
        tags,
        params: TopUpPath,
        body: Type.Object({}, closed),
        response: {
          200: TopUpView,
          ...postProblems(
            'top_up_not_found',
            'top_up_state_conflict',
            'payments_manual',
            'payment_provider_failed',
          ),
        },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      const { id } = await getTopUp(platform.db, scope, request.params.top_up)
      requireWrite(scope)
      return topUpView(await cancelTopUp(platform, id))
    },
  )
}

/** What is open, as the provider has it now; if that cannot be said, as it was. */
async function looked(platform: Platform, topUp: TopUp): Promise<TopUp> {
  if (topUp.ended_at !== null || platform.config.stripeSecretKey === null) return topUp
  try {
    return await advanceForCaller(platform, topUp.id)
  } catch (error) {
    platform.log.warn({ event: 'payments.not_looked', topUpId: topUp.id, cause: error })
    return topUp
  }
}
