/** Endpoints that hear of events. Each is of one workspace. */
import { type Static, Type } from 'typebox'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Webhook } from '../../webhooks/webhooks.ts'
import {
  createWorkspaceWebhook,
  deleteWorkspaceWebhook,
  listWorkspaceWebhooks,
  updateWorkspaceWebhook,
} from '../../webhooks/workspace-webhooks.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { DataOf, DoneView, dataOf, done, errors, Moment, noStore } from './schemas.ts'
import { webhookEventTypes } from './webhook-events.ts'
import { zapmailFormat } from './webhook-format.ts'

const Events = Type.Array(OneOf(webhookEventTypes), {
  minItems: 1,
  maxItems: webhookEventTypes.length,
  uniqueItems: true,
})
const statuses = ['ENABLED', 'DISABLED'] as const
const Url = Type.String({ minLength: 1, maxLength: 2000 })

const fields = {
  id: Type.String(),
  url: Type.String(),
  enabled_events: Type.Array(Type.String()),
  status: OneOf(statuses, 'DISABLED: also when it took nothing for too long, or said that it is gone.'),
  createdAt: Moment,
} as const
const EndpointView = Type.Object(fields, { title: 'WebhookEndpoint' })
const NewEndpointView = Type.Object(
  { ...fields, secret: Type.String({ description: 'Shown only now.' }) },
  { title: 'NewWebhookEndpoint' },
)

const EndpointBody = Type.Object({ url: Url, enabled_events: Events })
const ChangesBody = Type.Object({
  url: Type.Optional(Url),
  enabled_events: Type.Optional(Events),
  status: Type.Optional(OneOf(statuses)),
})
const EndpointPath = Type.Object({ id: Type.String({ maxLength: 100 }) })

const tags = ['webhooks']
const config = { tells: [422], tellsForms: true, tellsWishes: true } as const
const { name: format } = zapmailFormat

export function webhookRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  app.post(
    '/v2/webhooks/endpoints',
    {
      config,
      schema: {
        summary: 'Add an endpoint',
        description: 'It hears of events in the workspace from now on. `secret` signs what it is sent.',
        tags,
        body: EndpointBody,
        response: { 200: DataOf(NewEndpointView), ...errors(422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { url, enabled_events: eventTypes } = request.body
      const { webhook, secret } = await transact(platform, caller, (tx) =>
        createWorkspaceWebhook(platform, tx, caller.scope, format, { url, eventTypes }),
      )
      void reply.headers(noStore)
      return dataOf('Webhook endpoint created successfully', { ...endpointView(webhook), secret })
    },
  )
  app.patch(
    '/v2/webhooks/endpoints/:id',
    {
      config,
      schema: {
        summary: 'Change an endpoint, or enable it again',
        tags,
        params: EndpointPath,
        body: ChangesBody,
        response: { 200: DataOf(EndpointView), ...errors(422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { url, enabled_events: eventTypes, status } = request.body
      const changes = {
        ...(url === undefined ? {} : { url }),
        ...(eventTypes === undefined ? {} : { eventTypes }),
        ...(status === undefined ? {} : { enabled: status === 'ENABLED' }),
      }
      const webhook = await transact(platform, caller, (tx) =>
        updateWorkspaceWebhook(platform, tx, caller.scope, format, request.params.id, changes),
      )
      return dataOf('Webhook endpoint updated successfully', endpointView(webhook))
    },
  )
  app.delete(
    '/v2/webhooks/endpoints/:id',
    {
      config,
      schema: {
        summary: 'Remove an endpoint',
        description: 'Not known of their API: else nothing could remove one.',
        tags,
        params: EndpointPath,
        response: { 200: DoneView, ...errors(422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      await transact(platform, caller, (tx) =>
        deleteWorkspaceWebhook(platform, tx, caller.scope, format, request.params.id),
      )
      return done('Webhook endpoint removed successfully')
    },
  )
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/webhook/events',
    {
      schema: {
        summary: 'List the events that there are',
        tags,
        response: { 200: DataOf(Type.Array(OneOf(webhookEventTypes))), ...errors() },
      },
    },
    async () => dataOf('Webhook events fetched successfully', [...webhookEventTypes]),
  )
  app.get(
    '/v2/webhooks/endpoints',
    {
      schema: {
        summary: 'List the endpoints of the workspace',
        tags,
        response: { 200: DataOf(Type.Array(EndpointView)), ...errors() },
      },
    },
    async (request) => {
      const rows = await listWorkspaceWebhooks(platform, callerOf(request).scope, format)
      return dataOf('Webhook endpoints fetched successfully', rows.map(endpointView))
    },
  )
}

function endpointView({ id, url, event_types, state, created_at }: Webhook): Static<typeof EndpointView> {
  return {
    id,
    url,
    enabled_events: event_types,
    status: state === 'enabled' ? 'ENABLED' : 'DISABLED',
    createdAt: created_at.toISOString(),
  }
}
