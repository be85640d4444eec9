/** /webhooks/subscriptions: URLs that are told of the mail of a mailbox or an identity; and what there is to be told. */
import { type Static, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import type { WebhookOwner } from '../../webhooks/owned-input.ts'
import {
  createOwnedWebhook,
  deleteOwnedWebhook,
  getOwnedWebhook,
  listOwnedWebhooks,
  updateOwnedWebhook,
} from '../../webhooks/owned-webhooks.ts'
import { webhookPolicy } from '../../webhooks/policy.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { errors, orNull, Uuid } from './schemas.ts'
import { mailEventTypes } from './webhook-events.ts'
import { exampleHeaders, subscriptionFormat } from './webhook-format.ts'
import { ContextConfig, settingsOf } from './webhook-settings.ts'
import { NewSubscriptionView, SubscriptionView, subscriptionView } from './webhook-view.ts'

const tags = ['Webhooks']
const { name: format } = subscriptionFormat

const owners = {
  mailbox_id: Type.Optional(Uuid),
  phone_number_id: Type.Optional(Uuid),
  agent_identity_id: Type.Optional(Uuid),
}
const Url = Type.String({ minLength: 1, maxLength: webhookPolicy.urlLengthMax, description: 'https only.' })
const EventTypes = Type.Array(Type.String({ maxLength: 64 }), {
  minItems: 1,
  maxItems: 100,
  description: 'Each once, of those in the catalog.',
})
const extras = {
  context_config: Type.Optional(orNull(ContextConfig)),
  auth_token: Type.Optional(
    orNull(Type.String({ minLength: 1, description: 'Sent as `Authorization: Bearer`.' })),
  ),
}
const NewSubscription = Type.Object({ ...owners, url: Url, event_types: EventTypes, ...extras })
const SubscriptionChanges = Type.Object({
  url: Type.Optional(Url),
  event_types: Type.Optional(EventTypes),
  ...extras,
})
const ScopeQuery = Type.Object({ scope: Type.Optional(Type.Literal('identity')) })
const SubscriptionsQuery = Type.Object({
  ...owners,
  url: Type.Optional(Type.String({ maxLength: webhookPolicy.urlLengthMax })),
  event_type: Type.Optional(Type.String({ maxLength: 64 })),
  scope: Type.Optional(Type.Literal('identity')),
})
const SubscriptionPath = Type.Object({ subscription_id: Uuid })

export function webhookRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  createRoute(app, platform)
  changeRoutes(app, platform)
  app.get(
    '/webhooks/catalog',
    {
      schema: {
        summary: 'See the types of events, and how requests are signed',
        tags,
        response: {
          200: Type.Object({
            events: Type.Array(Type.String()),
            example_signature_headers: Type.Record(Type.String(), Type.String()),
            supports_identity_subscriptions: Type.Boolean(),
          }),
          ...errors(),
        },
      },
    },
    async () => ({
      events: [...mailEventTypes],
      example_signature_headers: exampleHeaders,
      supports_identity_subscriptions: true,
    }),
  )
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/webhooks/subscriptions',
    {
      schema: {
        summary: 'List subscriptions',
        description: 'Newest first; what is asked for of them must all hold.',
        tags,
        querystring: SubscriptionsQuery,
        response: { 200: Type.Object({ subscriptions: Type.Array(SubscriptionView) }), ...errors(422) },
      },
    },
    async (request) => {
      const { mailbox_id, agent_identity_id, phone_number_id, url, event_type, scope } = request.query
      if (namedOf(request.query).length > 1) throw invalid('agent_identity_id', 'Only one owner may be named')
      if (phone_number_id !== undefined) return { subscriptions: [] }
      const rows = await listOwnedWebhooks(platform, callerOf(request).scope, format, {
        mailboxId: mailbox_id ?? null,
        identityId: agent_identity_id ?? null,
        url: url === undefined ? null : URL.canParse(url) ? new URL(url).href : url,
        eventType: event_type ?? null,
        ofIdentities: scope === 'identity',
      })
      return { subscriptions: rows.map(subscriptionView) }
    },
  )
  app.get(
    '/webhooks/subscriptions/:subscription_id',
    {
      schema: {
        summary: 'Get a subscription',
        tags,
        params: SubscriptionPath,
        response: { 200: SubscriptionView, ...errors(404) },
      },
    },
    async (request) => {
      const { subscription_id: id } = request.params
      return subscriptionView(await getOwnedWebhook(platform, callerOf(request).scope, format, id))
    },
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/webhooks/subscriptions',
    {
      schema: {
        summary: 'Have a URL told of what happens to one owner’s mail',
        description:
          'The first one of an identity makes its signing key, which is in this answer and in no other.',
        tags,
        body: NewSubscription,
        response: { 201: NewSubscriptionView, ...errors(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { url, event_types: eventTypes, context_config = null, auth_token = null } = request.body
      const owner = ownerOf(request.body)
      const { webhook, signingKey } = await transact(platform, caller, (tx) =>
        createOwnedWebhook(platform, tx, caller.scope, format, {
          owner,
          url,
          eventTypes,
          settings: settingsOf(context_config),
          authToken: auth_token,
        }),
      )
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...subscriptionView(webhook), signing_key: signingKey })
    },
  )
}

type Owners = { mailbox_id?: string; phone_number_id?: string; agent_identity_id?: string }

function namedOf({ mailbox_id, phone_number_id, agent_identity_id }: Owners): string[] {
  return [mailbox_id, phone_number_id, agent_identity_id].filter((id) => id !== undefined)
}

function ownerOf(body: Owners): WebhookOwner {
  if (namedOf(body).length !== 1) throw invalid('mailbox_id', 'Exactly one owner must be named')
  const { mailbox_id: mailboxId, agent_identity_id: identityId } = body
  if (mailboxId !== undefined) return { mailboxId }
  if (identityId !== undefined) return { identityId }
  throw invalid('phone_number_id', 'There are no phone numbers on this server')
}

function invalid(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', detail, { fields: [{ pointer: `/${field}`, detail }] })
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/webhooks/subscriptions/:subscription_id',
    {
      schema: {
        summary: 'Change a subscription',
        description:
          'What is left out stays; a list is given whole. One that was paused because its URL failed goes on.',
        tags,
        params: SubscriptionPath,
        querystring: ScopeQuery,
        body: SubscriptionChanges,
        response: { 200: SubscriptionView, ...errors(404, 409, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const webhook = await transact(platform, caller, (tx) =>
        updateOwnedWebhook(platform, tx, caller.scope, format, request.params.subscription_id, {
          ...changesOf(request.body),
          ofIdentities: request.query.scope === 'identity',
        }),
      )
      return subscriptionView(webhook)
    },
  )
  app.delete(
    '/webhooks/subscriptions/:subscription_id',
    {
      schema: {
        summary: 'Delete a subscription',
        tags,
        params: SubscriptionPath,
        querystring: ScopeQuery,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const ofIdentities = request.query.scope === 'identity'
      await transact(platform, caller, (tx) =>
        deleteOwnedWebhook(platform, tx, caller.scope, format, request.params.subscription_id, {
          ofIdentities,
        }),
      )
      return reply.code(204).send(null)
    },
  )
}

function changesOf({ url, event_types, context_config, auth_token }: Static<typeof SubscriptionChanges>) {
  return {
    ...(url === undefined ? {} : { url }),
    ...(event_types === undefined ? {} : { eventTypes: event_types }),
    ...(context_config === undefined ? {} : { settings: settingsOf(context_config) }),
    ...(auth_token === undefined ? {} : { authToken: auth_token }),
  }
}
