/** /v1/destinations/{domain}: how other mail servers want to be treated. For operators: it holds for all tenants. */
import { type Static, Type } from 'typebox'
import { requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import {
  type DestinationReport,
  type DestinationSettings,
  getDestination,
  putDestination,
} from '../delivery/outbound/destinations.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable } from './schemas.ts'

const bound = (maximum: number, description: string) =>
  Nullable(Type.Integer({ minimum: 1, maximum }), description)

const fields = {
  connections_max: bound(1000, 'Connections of a node that are open to it.'),
  messages_per_connection_max: bound(10_000, 'Messages that are sent over one connection.'),
  recipients_per_message_max: bound(1000, 'Recipients in one transaction.'),
  messages_per_minute_max: bound(1_000_000, 'Messages of a node in a minute.'),
}

const SettingsBody = Type.Object(
  {
    connections_max: Type.Optional(fields.connections_max),
    messages_per_connection_max: Type.Optional(fields.messages_per_connection_max),
    recipients_per_message_max: Type.Optional(fields.recipients_per_message_max),
    messages_per_minute_max: Type.Optional(fields.messages_per_minute_max),
  },
  { ...closed, title: 'DestinationSettings' },
)

const DestinationView = Type.Object(
  {
    domain: Type.String(),
    has_rule: Type.Boolean({ description: 'Whether there is one for this very domain.' }),
    settings: Type.Object(fields, { description: 'What that rule says; null is inherited.' }),
    effective: Type.Object(fields, { description: 'What holds; of messages in a minute, null is no limit.' }),
  },
  { title: 'Destination' },
)

const DestinationPath = Type.Object({
  domain: Type.String({ description: 'A domain, the host name of a relay, or * for all without a rule.' }),
})
const tags = ['delivery']

export function destinationRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/destinations/:domain',
    {
      schema: {
        summary: 'Get the rule of a destination',
        tags,
        params: DestinationPath,
        response: { 200: DestinationView, ...readProblems('domain_invalid') },
      },
    },
    async (request) => {
      await requireOperator(platform.db, callerOf(request).principal)
      return destinationView(await getDestination(platform, request.params.domain))
    },
  )
  app.put(
    '/v1/destinations/:domain',
    {
      schema: {
        summary: 'Set the rule of a destination',
        description:
          'For keys of the organization that runs the platform. What is left out is the rule of *, then the program’s default.',
        tags,
        params: DestinationPath,
        body: SettingsBody,
        response: { 200: DestinationView, ...writeProblems('domain_invalid') },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      return mutate(platform, request, reply, async (tx) => {
        const settings = toSettings(request.body)
        const { domain } = request.params
        const report = await putDestination(platform, tx, principal.organizationId, domain, settings)
        return { status: 200, body: destinationView(report) }
      })
    },
  )
  app.delete(
    '/v1/destinations/:domain',
    {
      schema: {
        summary: 'Remove the rule of a destination',
        tags,
        params: DestinationPath,
        response: { 204: Type.Null(), ...writeProblems('domain_invalid') },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      return mutate(platform, request, reply, async (tx) => {
        await putDestination(platform, tx, principal.organizationId, request.params.domain, null)
        return { status: 204, body: undefined }
      })
    },
  )
}

function toSettings(body: Static<typeof SettingsBody>): DestinationSettings {
  return {
    connectionsMax: body.connections_max ?? null,
    messagesPerConnectionMax: body.messages_per_connection_max ?? null,
    recipientsPerMessageMax: body.recipients_per_message_max ?? null,
    messagesPerMinuteMax: body.messages_per_minute_max ?? null,
  }
}

const nothing: DestinationSettings = {
  connectionsMax: null,
  messagesPerConnectionMax: null,
  recipientsPerMessageMax: null,
  messagesPerMinuteMax: null,
}

function destinationView({ domain, settings, effective }: DestinationReport): Static<typeof DestinationView> {
  return {
    domain,
    has_rule: settings !== null,
    settings: settingsView(settings ?? nothing),
    effective: settingsView(effective),
  }
}

function settingsView(settings: DestinationSettings) {
  return {
    connections_max: settings.connectionsMax,
    messages_per_connection_max: settings.messagesPerConnectionMax,
    recipients_per_message_max: settings.recipientsPerMessageMax,
    messages_per_minute_max: settings.messagesPerMinuteMax,
  }
}
