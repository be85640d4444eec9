/** Sending again, and trying whether an endpoint is there. */

import { Type } from 'typebox'
import { typePatternsMax } from '../platform/event-types.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { keepPing, sendPing } from '../webhooks/ping.ts'
import { replayDelivery, replayRange } from '../webhooks/replay.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, Nullable, OneOf, readMomentOrNull } from './schemas.ts'
import { AttemptView, attemptView, DeliveryPath, DeliveryView, deliveryView } from './webhook-deliveries.ts'
import { WebhookPath } from './webhooks.ts'

const replayStates = ['failed', 'all'] as const

const ReplayBody = Type.Object(
  {
    state: Type.Optional(
      OneOf(
        replayStates,
        'failed, if not given. all: also what was delivered, and what the webhook was never told of while the event log has it.',
      ),
    ),
    from: Type.Optional(Nullable(Moment, 'Seven days ago if not given, and at the earliest.')),
    until: Type.Optional(Nullable(Moment, 'Now if not given.')),
    types: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }), {
        maxItems: typePatternsMax,
        description: 'As in `event_types` of a webhook.',
      }),
    ),
  },
  closed,
)
const ReplayView = Type.Object(
  { state: OneOf(replayStates), from: Moment, until: Moment },
  { title: 'WebhookReplay' },
)
const PingView = Type.Object(
  {
    delivery_id: Id,
    succeeded: Type.Boolean(),
    error: Nullable(Type.String(), 'Why not.'),
    attempt: AttemptView,
  },
  { title: 'WebhookTest' },
)
const tags = ['webhooks']

export function webhookReplayRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/webhooks/:webhook/deliveries/:delivery/replay',
    {
      schema: {
        summary: 'Send a delivery again',
        description: 'It goes into the queue under its id, whatever became of it before.',
        tags,
        params: DeliveryPath,
        response: {
          200: DeliveryView,
          ...postProblems('webhook_not_found', 'webhook_delivery_not_found', 'webhook_state_conflict'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { webhook, delivery } = request.params
        const replayed = await replayDelivery(platform, tx, scopeOf(request), webhook, delivery)
        return { status: 200, body: deliveryView(replayed) }
      }),
  )
  app.post(
    '/v1/webhooks/:webhook/replay',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Send a range again',
        description:
          'By the moment at which deliveries were made. A job puts them into the queue, each under its id, and the event `webhook.replayed` says how many there were.',
        tags,
        params: WebhookPath,
        body: ReplayBody,
        response: { 202: ReplayView, ...postProblems('webhook_not_found', 'webhook_state_conflict') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { state = 'failed', types = [] } = request.body
        const range = await replayRange(platform, tx, scopeOf(request), request.params.webhook, {
          state,
          types,
          from: readMomentOrNull(request.body.from, '/from'),
          until: readMomentOrNull(request.body.until, '/until'),
        })
        const { from, until } = range
        return { status: 202, body: { state, from: from.toISOString(), until: until.toISOString() } }
      }),
  )
  pingRoute(app, platform)
}

function pingRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/webhooks/:webhook/test',
    {
      schema: {
        summary: 'Send a test',
        description:
          'An event `webhook.test` is sent at once, whatever the state of the webhook, and not tried again. The answer has what the endpoint said.',
        tags,
        params: WebhookPath,
        response: { 200: PingView, ...postProblems('webhook_not_found') },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const ping = await sendPing(platform, scope, request.params.webhook)
      return mutate(platform, request, reply, async (tx) => {
        await keepPing(platform, tx, scope, request.params.webhook, ping)
        const { at, url, headers, result } = ping.attempt
        const row = {
          at,
          url,
          request_headers: headers,
          duration_ms: result.durationMs,
          status: result.status,
          response_headers: result.headers,
          response_body: result.body,
          error: result.error,
        }
        const { deliveryId, error } = ping
        return {
          status: 200,
          body: { delivery_id: deliveryId, succeeded: error === null, error, attempt: attemptView(row) },
        }
      })
    },
  )
}
