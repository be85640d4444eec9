/** /v1/webhooks/{webhook}/deliveries: the log of what was sent. */
import { type Static, Type } from 'typebox'
import type { Platform } from '../platform/platform.ts'
import {
  type AttemptRow,
  type Delivery,
  type DeliveryDetails,
  getDelivery,
  listDeliveries,
} from '../webhooks/deliveries.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'
import { WebhookPath } from './webhooks.ts'

const states = ['queued', 'delivered', 'failed'] as const

const fields = {
  id: Type.String({ format: 'uuid', description: 'The header webhook-id, the same in every attempt.' }),
  event_id: Id,
  event_type: Type.String(),
  state: OneOf(states),
  attempts: Type.Integer({ description: 'Since it was put into the queue the last time.' }),
  next_attempt_at: Nullable(Moment, 'While it is queued.'),
  expires_at: Nullable(Moment, 'While it is queued: after that it is not tried any more.'),
  last_status: Nullable(Type.Integer(), 'Of the last answer.'),
  last_error: Nullable(Type.String()),
  created_at: Moment,
  finished_at: Nullable(Moment),
}
export const DeliveryView = Type.Object(fields, { title: 'WebhookDelivery' })

const Headers = Type.Record(Type.String(), Type.String())
export const AttemptView = Type.Object(
  {
    at: Moment,
    duration_ms: Type.Integer(),
    url: Type.String(),
    request_headers: Type.Unsafe<Record<string, string>>({
      ...Headers,
      description: 'Without the signature and the values of your own headers.',
    }),
    status: Nullable(Type.Integer(), 'Null: there was no answer.'),
    response_headers: Type.Unsafe<Record<string, string> | null>({ ...Headers, type: ['object', 'null'] }),
    response_body: Nullable(Type.String(), 'The first 4 kB.'),
    error: Nullable(Type.String(), 'Why there was no answer.'),
  },
  { title: 'WebhookAttempt' },
)
const DeliveryDetailsView = Type.Object(
  {
    ...fields,
    request_body: Nullable(Type.String(), 'As it is sent. Null once it is not kept any more.'),
    attempt_log: Type.Array(AttemptView, { description: 'Oldest first; the last 200.' }),
  },
  { title: 'WebhookDeliveryDetails' },
)

export const DeliveryPath = Type.Object({
  webhook: Type.String({ description: 'Its id.' }),
  delivery: Type.String({ description: 'Its id.' }),
})
const DeliveriesQuery = Type.Object(
  {
    ...pageQuery,
    state: Type.Optional(OneOf(states)),
    type: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.nameLengthMax,
        description: 'The type of the event.',
      }),
    ),
    event: Type.Optional(Type.String({ format: 'uuid', description: 'The id of the event.' })),
  },
  closed,
)
const tags = ['webhooks']

export function webhookDeliveryRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/webhooks/:webhook/deliveries',
    {
      schema: {
        summary: 'List deliveries',
        description: 'Newest first. Kept for MAILWRIGHT_WEBHOOK_LOG_DAYS.',
        tags,
        params: WebhookPath,
        querystring: DeliveriesQuery,
        response: { 200: PageOf(DeliveryView), ...readProblems('webhook_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { state = null, type = null, event: eventId = null } = request.query
      const filter = { state, type, eventId }
      const page = pageRequest(request.query)
      return pageView(
        await listDeliveries(platform, scopeOf(request), request.params.webhook, filter, page),
        deliveryView,
      )
    },
  )
  app.get(
    '/v1/webhooks/:webhook/deliveries/:delivery',
    {
      schema: {
        summary: 'Get a delivery with its attempts',
        tags,
        params: DeliveryPath,
        response: {
          200: DeliveryDetailsView,
          ...readProblems('webhook_not_found', 'webhook_delivery_not_found'),
        },
      },
    },
    async (request) => {
      const { webhook, delivery } = request.params
      return detailsView(await getDelivery(platform, scopeOf(request), webhook, delivery))
    },
  )
}

export function deliveryView(row: Delivery): Static<typeof DeliveryView> {
  const isQueued = row.state === 'queued'
  return {
    id: row.id,
    event_id: row.event_id,
    event_type: row.event_type,
    state: row.state,
    attempts: row.attempts,
    next_attempt_at: isQueued ? row.next_attempt_at.toISOString() : null,
    expires_at: isQueued ? row.expires_at.toISOString() : null,
    last_status: row.last_status,
    last_error: row.last_error,
    created_at: row.created_at.toISOString(),
    finished_at: momentOrNull(row.finished_at),
  }
}

function detailsView({ delivery, payload, attempts }: DeliveryDetails): Static<typeof DeliveryDetailsView> {
  return { ...deliveryView(delivery), request_body: payload, attempt_log: attempts.map(attemptView) }
}

export function attemptView(
  row: Omit<AttemptRow, 'id' | 'delivery_id' | 'webhook_id' | 'is_replay'>,
): Static<typeof AttemptView> {
  return {
    at: row.at.toISOString(),
    duration_ms: row.duration_ms,
    url: row.url,
    request_headers: row.request_headers,
    status: row.status,
    response_headers: row.response_headers,
    response_body: row.response_body,
    error: row.error,
  }
}
