/** /v1/wallet/payment-methods and /v1/wallet/portal: saved cards, and the provider's page for them. */

import { type Static, Type } from 'typebox'
import { refusalOf } from '../billing/payments/advance.ts'
import { forgetCard, listCards, removeCard, type SavedCard } from '../billing/payments/cards.ts'
import { openPortal } from '../billing/payments/portal.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, noStore } from './schemas.ts'
import { ReturnUrl } from './top-ups.ts'

const tags = ['billing']

const PaymentMethodView = Type.Object(
  {
    id: Id,
    brand: Type.String(),
    last4: Type.String(),
    expires_month: Type.Integer(),
    expires_year: Type.Integer(),
    is_default: Type.Boolean({ description: 'Whether it is the one that is charged.' }),
    created_at: Moment,
  },
  { title: 'PaymentMethod' },
)

const PaymentMethodPath = Type.Object({ payment_method: Type.String({ description: 'Its id.' }) })

export function paymentMethodRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallet/payment-methods',
    {
      schema: {
        summary: 'List saved cards',
        description: 'Cards are saved on the provider’s pages; here is only what may be shown of them.',
        tags,
        response: { 200: Type.Object({ data: Type.Array(PaymentMethodView) }), ...readProblems() },
      },
    },
    async (request) => ({ data: (await listCards(platform, scopeOf(request))).map(cardView) }),
  )
  app.delete(
    '/v1/wallet/payment-methods/:payment_method',
    {
      schema: {
        summary: 'Remove a saved card',
        description: 'Automatic top-ups that charge it go off.',
        tags,
        params: PaymentMethodPath,
        response: {
          204: Type.Null(),
          ...writeProblems('payment_method_not_found', 'payments_manual', 'payment_provider_failed'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { payment_method: id } = request.params
      await removeCard(platform, scope, id).catch((error: unknown) => {
        throw refusalOf(platform, error)
      })
      return mutate(platform, request, reply, async (tx) => {
        await forgetCard(platform, tx, scope, id)
        return { status: 204, body: undefined }
      })
    },
  )
  app.post(
    '/v1/wallet/portal',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Open the provider’s page for cards and receipts',
        description: 'The link is good for a short time: make it when it is asked for, and do not keep it.',
        tags,
        body: Type.Object({ return_url: Type.Optional(ReturnUrl) }, closed),
        response: {
          200: Type.Object({ url: Type.String() }),
          ...postProblems('payments_manual', 'top_up_invalid', 'payment_refused', 'payment_provider_failed'),
        },
      },
    },
    async (request, reply) => {
      const url = await openPortal(platform, scopeOf(request), request.body.return_url ?? null)
      void reply.headers(noStore)
      return { url }
    },
  )
}

function cardView(card: SavedCard): Static<typeof PaymentMethodView> {
  const { id, brand, last4, expires_month, expires_year, is_default } = card
  return {
    id,
    brand,
    last4,
    expires_month,
    expires_year,
    is_default,
    created_at: card.created_at.toISOString(),
  }
}
