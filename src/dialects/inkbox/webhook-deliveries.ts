/** /webhooks/deliveries: every attempt to tell a URL of something, and doing it again. */
import { Type } from 'typebox'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { listAttempts } from '../../webhooks/attempts.ts'
import { keepSentAgain, sendAgain } from '../../webhooks/send-again.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { errors, Uuid } from './schemas.ts'
import { subscriptionFormat } from './webhook-format.ts'
import { DeliveryView, deliveryView } from './webhook-view.ts'

const tags = ['Webhooks']
const { name: format } = subscriptionFormat
const limits = { default: 50, max: 200 } as const

const DeliveriesQuery = Type.Object({
  subscription_id: Type.Optional(Uuid),
  phone_number_id: Type.Optional(Uuid),
  event_type: Type.Optional(Type.String({ maxLength: 64 })),
  success: Type.Optional(Type.Boolean({ description: 'true: answered with a 2xx; false: the others.' })),
  limit: Type.Optional(
    Type.Integer({
      default: limits.default,
      description: `1 to ${limits.max}; others are taken for the nearest.`,
    }),
  ),
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
})

export function webhookDeliveryRoutes(app: Api, platform: Platform): void {
  app.get(
    '/webhooks/deliveries',
    {
      schema: {
        summary: 'List attempts',
        description: 'Newest first. A page with large payloads may end before its limit.',
        tags,
        querystring: DeliveriesQuery,
        response: { 200: Type.Object({ deliveries: Type.Array(DeliveryView) }), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { subscription_id, phone_number_id, event_type, success, limit, offset = 0 } = request.query
      if (phone_number_id !== undefined) return { deliveries: [] }
      const filter = {
        webhookId: subscription_id ?? null,
        eventType: event_type ?? null,
        isSuccess: success ?? null,
      }
      const clamped = Math.min(limits.max, Math.max(1, limit ?? limits.default))
      const rows = await listAttempts(platform, scope, format, filter, { limit: clamped, offset })
      return { deliveries: rows.map((row) => deliveryView(row, scope.workspaceId)) }
    },
  )
  app.post(
    '/webhooks/deliveries/:delivery_id/replay',
    {
      schema: {
        summary: 'Send what an attempt sent once more, now',
        description: 'To where the subscription leads now, with the same payload and a fresh signature.',
        tags,
        params: Type.Object({ delivery_id: Uuid }),
        response: { 200: DeliveryView, ...errors(404, 409, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const sent = await sendAgain(platform, scope, format, request.params.delivery_id)
      const row = await transact(platform, caller, (tx) => keepSentAgain(platform, tx, scope, format, sent))
      return deliveryView(row, scope.workspaceId)
    },
  )
}
