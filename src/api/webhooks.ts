/** /v1/webhooks: endpoints of a workspace that are told of events. */
import { type Static, Type } from 'typebox'
import { typePatternsMax } from '../platform/event-types.ts'
import type { Platform } from '../platform/platform.ts'
import { webhookPolicy } from '../webhooks/policy.ts'
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  updateWebhook,
  type Webhook,
} from '../webhooks/webhooks.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  noStore,
  OneOf,
  OneOfOrNull,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const Ids = Type.Array(Type.String({ format: 'uuid' }), {
  minItems: 1,
  maxItems: webhookPolicy.mailboxesMax,
})
const idsOrNull = (description: string) =>
  Type.Unsafe<string[] | null>({ ...Ids, type: ['array', 'null'], description })

const settings = {
  description: Type.Optional(
    Nullable(Type.String({ maxLength: webhookPolicy.descriptionLengthMax }), 'For people.'),
  ),
  event_types: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }), {
      maxItems: typePatternsMax,
      description: 'Types such as `message.received`, families such as `message.*`. Empty or `*`: all.',
    }),
  ),
  mailbox_ids: Type.Optional(idsOrNull('Events of these mailboxes only. Null: of the whole workspace.')),
  identity_ids: Type.Optional(
    idsOrNull('Events of the mailboxes of these identities only. Not together with `mailbox_ids`.'),
  ),
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: webhookPolicy.headerValueLengthMax }), {
      maxProperties: webhookPolicy.headersMax,
      description: 'Headers of your own that every request has. Their values are never shown again.',
    }),
  ),
  enabled: Type.Optional(Type.Boolean({ description: 'false: it gets nothing, and is kept.' })),
}
const Url = Type.String({
  minLength: 1,
  maxLength: webhookPolicy.urlLengthMax,
  description: 'Where events are sent to by POST: https, without user and password in it.',
})

const WebhookBody = Type.Object({ url: Url, ...settings }, closed)
const WebhookChanges = Type.Object({ url: Type.Optional(Url), ...settings }, closed)

const fields = {
  id: Id,
  url: Type.String(),
  description: Nullable(Type.String()),
  event_types: Type.Array(Type.String()),
  mailbox_ids: Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: Id }),
  identity_ids: Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: Id }),
  header_names: Type.Array(Type.String(), {
    description: 'Of your own headers; their values are not shown.',
  }),
  state: OneOf(
    ['enabled', 'disabled', 'paused'] as const,
    'paused: by the platform, because of `paused_reason`. Set `enabled` to go on.',
  ),
  paused_reason: OneOfOrNull(
    ['gone', 'failing'] as const,
    'gone: the endpoint answered 410. failing: it took nothing for MAILWRIGHT_WEBHOOK_PAUSE_AFTER.',
  ),
  paused_at: Nullable(Moment),
  consecutive_failures: Type.Integer({
    description: 'Attempts that failed behind each other; of those at the same moment not all count.',
  }),
  failing_since: Nullable(Moment),
  retry_at: Nullable(Moment, 'Until then the endpoint is left alone.'),
  last_error: Nullable(Type.String()),
  created_at: Moment,
  updated_at: Moment,
}
const WebhookView = Type.Object(fields, { title: 'Webhook' })
const NewWebhookView = Type.Object(
  {
    ...fields,
    secret: Type.String({ description: 'What requests are signed with (Standard Webhooks), `whsec_…`.' }),
  },
  { title: 'NewWebhook' },
)

export const WebhookPath = Type.Object({ webhook: Type.String({ description: 'Its id.' }) })
const tags = ['webhooks']
const subjectProblems = ['mailbox_not_found', 'identity_not_found'] as const

export function webhookRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/webhooks',
    {
      schema: {
        summary: 'List webhooks',
        description: 'Oldest first. Webhooks are the workspace’s: not for keys that are bound to a mailbox.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(WebhookView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listWebhooks(platform, scopeOf(request), pageRequest(request.query)), webhookView),
  )
  app.get(
    '/v1/webhooks/:webhook',
    {
      schema: {
        summary: 'Get a webhook',
        tags,
        params: WebhookPath,
        response: { 200: WebhookView, ...readProblems('webhook_not_found') },
      },
    },
    async (request) => webhookView(await getWebhook(platform, scopeOf(request), request.params.webhook)),
  )
  createRoute(app, platform)
  changeRoutes(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/webhooks',
    {
      schema: {
        summary: 'Create a webhook',
        description:
          'It is told of what happens from now on. A URL whose host is an address of a private network is refused at once; what a name leads to is looked at with every connection.',
        tags,
        body: WebhookBody,
        response: { 201: NewWebhookView, ...postProblems('webhook_limit_reached', ...subjectProblems) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { url, description = null, event_types: eventTypes = [], headers = {} } = request.body
        const {
          mailbox_ids: mailboxIds = null,
          identity_ids: identityIds = null,
          enabled = true,
        } = request.body
        const { webhook, secret } = await createWebhook(platform, tx, scopeOf(request), {
          url,
          description,
          eventTypes,
          headers,
          enabled,
          subject: { mailboxIds, identityIds },
        })
        const location = `/v1/webhooks/${webhook.id}`
        return { status: 201, body: { ...webhookView(webhook), secret }, headers: { location, ...noStore } }
      }),
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/webhooks/:webhook',
    {
      schema: {
        summary: 'Change a webhook, pause it, or let it go on',
        description:
          'What is left out stays; lists and headers are given whole. With `enabled: true` one that was paused goes on, and one that was disabled is told of what happens from now on. What still waits for one that is disabled has failed, and can be replayed.',
        tags,
        params: WebhookPath,
        body: WebhookChanges,
        response: { 200: WebhookView, ...writeProblems('webhook_not_found', ...subjectProblems) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { event_types, mailbox_ids, identity_ids, ...rest } = request.body
        const isSubject = mailbox_ids !== undefined || identity_ids !== undefined
        const webhook = await updateWebhook(platform, tx, scopeOf(request), request.params.webhook, {
          ...rest,
          ...(event_types === undefined ? {} : { eventTypes: event_types }),
          ...(isSubject
            ? { subject: { mailboxIds: mailbox_ids ?? null, identityIds: identity_ids ?? null } }
            : {}),
        })
        return { status: 200, body: webhookView(webhook) }
      }),
  )
  app.delete(
    '/v1/webhooks/:webhook',
    {
      schema: {
        summary: 'Delete a webhook',
        description: 'With its secrets and its log. What is being sent may still arrive.',
        tags,
        params: WebhookPath,
        response: { 204: Type.Null(), ...writeProblems('webhook_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await deleteWebhook(platform, tx, scopeOf(request), request.params.webhook)
        return { status: 204, body: undefined }
      }),
  )
}

function webhookView(row: Webhook): Static<typeof WebhookView> {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    event_types: row.event_types,
    mailbox_ids: row.scope === 'mailboxes' ? row.mailbox_ids : null,
    identity_ids: row.scope === 'identities' ? row.identity_ids : null,
    header_names: row.header_names,
    state: row.state,
    paused_reason: row.paused_reason,
    paused_at: momentOrNull(row.paused_at),
    consecutive_failures: row.consecutive_failures,
    failing_since: momentOrNull(row.failing_since),
    retry_at: momentOrNull(row.blocked_until),
    last_error: row.last_error,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}
