/** /v1/service-connections: the tenants at services elsewhere that a workspace lets us into. */

import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import { checkConnection } from '../mailboxes/engines/connection-health.ts'
import {
  type Connection,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
  tryConnectionUpdate,
  tryNewConnection,
  updateConnection,
} from '../mailboxes/engines/connections.ts'
import { connectionServices } from '../mailboxes/engines/drivers.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
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
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const settingLengthMax = 320
const secretLengthMax = 20_000

const setting = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: settingLengthMax, description }))

const Settings = Type.Object(
  {
    admin_email: setting('google: a super admin, whom the service account acts for.'),
    client_email: setting('google: the service account; may be left out with a JSON key file.'),
    customer_id: setting('google: the Workspace’s id; the admin’s own if left out.'),
    org_unit_path: setting('google: where new users are put, as in /outreach; at the top if left out.'),
    tenant_id: setting('microsoft: the directory (tenant) id, or a domain of the tenant.'),
    client_id: setting('microsoft: the application (client) id.'),
    usage_location: setting('microsoft: the country of the users as two letters, as in DE.'),
    sku_part_number: setting('microsoft: the licence that each user gets, as in EXCHANGESTANDARD.'),
  },
  closed,
)

const Name = Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })
const Secret = Type.String({
  minLength: 1,
  maxLength: secretLengthMax,
  description:
    'google: the service account’s private key in PEM, or its whole JSON key file. microsoft: the value of a client secret, or a certificate and its private key in PEM. It is never shown.',
})
const IsDefault = Type.Optional(
  Type.Boolean({
    description: 'Whether new mailboxes of the service are made there; by default if it is the first.',
  }),
)

const ConnectionBody = Type.Object(
  {
    name: Name,
    service: OneOf(connectionServices),
    settings: Type.Optional(Settings),
    secret: Secret,
    is_default: IsDefault,
  },
  closed,
)
const ConnectionChanges = Type.Object(
  {
    name: Type.Optional(Name),
    settings: Type.Optional(Settings),
    secret: Type.Optional(Secret),
    is_default: IsDefault,
  },
  { ...closed, minProperties: 1 },
)

const ConnectionView = Type.Object(
  {
    id: Id,
    name: Type.String(),
    service: OneOf(connectionServices),
    settings: Settings,
    is_default: Type.Boolean(),
    state: OneOf(['working', 'failing'] as const),
    last_error: Nullable(Type.String(), 'What the service said, or why there was no answer.'),
    checked_at: Moment,
    retry_at: Nullable(Moment, 'Until then it is left alone.'),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'ServiceConnection' },
)

const ConnectionPath = Type.Object({ service_connection: Type.String({ description: 'Its id.' }) })
const DeleteQuery = Type.Object(
  {
    abandon: Type.Optional(
      Type.Boolean({
        description: 'Leave users there whose mailboxes are deleted here, for a closed tenant.',
      }),
    ),
  },
  closed,
)
const tags = ['services']

export function serviceConnectionRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/service-connections',
    {
      schema: {
        summary: 'List service connections',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(ConnectionView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listConnections(platform, scopeOf(request), pageRequest(request.query)), connectionView),
  )
  app.get(
    '/v1/service-connections/:service_connection',
    {
      schema: {
        summary: 'Get a service connection',
        tags,
        params: ConnectionPath,
        response: { 200: ConnectionView, ...readProblems('service_connection_not_found') },
      },
    },
    async (request) =>
      connectionView(await getConnection(platform, scopeOf(request), request.params.service_connection)),
  )
  createRoute(app, platform)
  changeRoutes(app, platform)
  checkRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/service-connections',
    {
      schema: {
        summary: 'Connect a tenant at a service',
        description:
          'The service is asked with the credentials first; what it does not take is not kept. docs/google-and-microsoft.md says how to get them.',
        tags,
        body: ConnectionBody,
        response: {
          201: ConnectionView,
          ...postProblems(
            'service_credentials_refused',
            'service_failed',
            'service_connection_limit_reached',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { name, service, secret, settings = {}, is_default: isDefault = null } = request.body
      const tried = await tryNewConnection(platform, scope, { service, secret, settings })
      return mutate(platform, request, reply, async (tx) => {
        const row = await createConnection(platform, tx, scope, { name, service, isDefault, ...tried })
        const headers = { location: `/v1/service-connections/${row.id}` }
        return { status: 201, body: connectionView(row), headers }
      })
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/service-connections/:service_connection',
    {
      schema: {
        summary: 'Change a service connection or its credentials',
        description:
          'What is left out stays; `settings` are given whole. New settings and secrets are tried first. Settings that name another tenant are refused while mailboxes are run through it, or are still to be deleted there.',
        tags,
        params: ConnectionPath,
        body: ConnectionChanges,
        response: {
          200: ConnectionView,
          ...writeProblems(
            'service_connection_not_found',
            'service_connection_in_use',
            'service_credentials_refused',
            'service_failed',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { service_connection: id } = request.params
      const { is_default: isDefault, ...more } = request.body
      const update = await tryConnectionUpdate(platform, scope, id, {
        ...more,
        ...(isDefault === undefined ? {} : { isDefault }),
      })
      return mutate(platform, request, reply, async (tx) => {
        return { status: 200, body: connectionView(await updateConnection(platform, tx, scope, id, update)) }
      })
    },
  )
  app.delete(
    '/v1/service-connections/:service_connection',
    {
      schema: {
        summary: 'Delete a service connection',
        description: 'Refused while mailboxes are run through it, or are still to be deleted there.',
        tags,
        params: ConnectionPath,
        querystring: DeleteQuery,
        response: {
          204: Type.Null(),
          ...writeProblems('service_connection_not_found', 'service_connection_in_use'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { service_connection: id } = request.params
        await deleteConnection(platform, tx, scopeOf(request), id, request.query.abandon === true)
        return { status: 204, body: undefined }
      }),
  )
}

function checkRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/service-connections/:service_connection/check',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Ask the service now whether it lets us in',
        description: 'What it says is in the reply. A connection that works again is worked with at once.',
        tags,
        params: ConnectionPath,
        body: Type.Object({}, closed),
        response: { 200: ConnectionView, ...postProblems('service_connection_not_found') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const row = await getConnection(platform, scope, request.params.service_connection)
      return connectionView(await checkConnection(platform, row))
    },
  )
}

function connectionView(row: Connection): Static<typeof ConnectionView> {
  return {
    id: row.id,
    name: row.name,
    service: row.service,
    settings: row.settings,
    is_default: row.is_default,
    state: row.state,
    last_error: row.last_error,
    checked_at: row.checked_at.toISOString(),
    retry_at: momentOrNull(row.retry_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}
