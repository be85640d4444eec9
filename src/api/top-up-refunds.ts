/** /v1/wallet/top-ups/{top_up}/refunds: unspent money back to the card. Operators make them, and everybody sees his own. */
import { Type } from 'typebox'
import { isOfOperator, requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import { createRefund, listRefunds } from '../billing/payments/refunds.ts'
import { findTopUp, getTopUp } from '../billing/payments/top-ups.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'
import { RefundView, refundView } from './top-up-view.ts'
import { TopUpPath } from './top-ups.ts'

const tags = ['billing']

const RefundBody = Type.Object(
  {
    amount: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1e10,
        description: 'In minor units. Default: all that can be refunded.',
      }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
    preview: Type.Optional(Type.Boolean({ description: 'Only show what it would do.' })),
  },
  closed,
)

export function topUpRefundRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallet/top-ups/:top_up/refunds',
    {
      schema: {
        summary: 'List the refunds of a top-up',
        tags,
        params: TopUpPath,
        response: { 200: Type.Object({ data: Type.Array(RefundView) }), ...readProblems('top_up_not_found') },
      },
    },
    async (request) => {
      const { principal, scope } = callerOf(request)
      const { top_up: id } = request.params
      const isOperator =
        principal.workspaceId === null &&
        principal.mailboxId === null &&
        (await isOfOperator(platform.db, principal))
      const topUp = await (isOperator ? findTopUp(platform.db, id) : getTopUp(platform.db, scope, id))
      return { data: (await listRefunds(platform.db, topUp.id)).map(refundView) }
    },
  )
  app.post(
    '/v1/wallet/top-ups/:top_up/refunds',
    {
      config: { documented: { replies: { 200: PreviewView } } },
      schema: {
        summary: 'Refund a top-up',
        description:
          'The wallet is debited at once, and the card is credited by the provider within days; what does not reach it is in the wallet again. Of any workspace. For keys of the organization that runs the platform.',
        tags,
        params: TopUpPath,
        body: RefundBody,
        response: {
          201: OrPreview(RefundView),
          ...postProblems(
            'top_up_not_found',
            'top_up_state_conflict',
            'refund_too_large',
            'payments_manual',
            'top_up_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const { principal, scope } = callerOf(request)
      await requireOperator(platform.db, principal)
      requireWrite(principal)
      const { amount = null, reason = null } = request.body
      const { top_up: id } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const refund = await createRefund(platform, tx, scope, id, { amount, reason })
          const { amount: back, currency } = refund
          return {
            objects: [],
            charge: { amount: back, currency },
            notes: ['The charge is taken from the wallet, and goes back to the card.'],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => ({
        status: 201,
        body: refundView(await createRefund(platform, tx, scope, id, { amount, reason })),
      }))
    },
  )
}
