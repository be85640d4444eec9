/** /v1/relays: where a workspace's mail goes in place of its recipients' MX. */
import { type Static, Type } from 'typebox'
import {
  createRelay,
  deleteRelay,
  getRelay,
  listRelays,
  type RelayRow,
  type RelaySettings,
  testRelay,
  updateRelay,
} from '../delivery/outbound/relay-admin.ts'
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
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const securities = ['none', 'starttls', 'tls'] as const
const Name = (description: string) =>
  Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax, description })

const fields = {
  domain: Nullable(Name('Id or name of the sender’s domain. Null: every one.')),
  recipient_domain: Nullable(Name('Only for recipients there. Null: everywhere.')),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  security: OneOf(securities, 'With starttls and tls the certificate must be valid for the host.'),
  username: Nullable(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })),
  password: Nullable(
    Type.String({ minLength: 1, maxLength: apiLimits.passwordLengthMax, description: 'It is never shown.' }),
  ),
  priority: Type.Integer({ minimum: 0, maximum: 1000, description: 'The lowest is tried first.' }),
}
const host = Name('Its name or address.')

const RelayBody = Type.Object(
  {
    host,
    domain: Type.Optional(fields.domain),
    recipient_domain: Type.Optional(fields.recipient_domain),
    port: Type.Optional(fields.port),
    security: Type.Optional(fields.security),
    username: Type.Optional(fields.username),
    password: Type.Optional(fields.password),
    priority: Type.Optional(fields.priority),
  },
  closed,
)
const RelayChanges = Type.Partial(RelayBody, closed)

const RelayView = Type.Object(
  {
    id: Id,
    domain_id: Nullable(Id),
    recipient_domain: Nullable(Type.String()),
    host: Type.String(),
    port: Type.Integer(),
    security: OneOf(securities),
    username: Nullable(Type.String()),
    has_password: Type.Boolean(),
    priority: Type.Integer(),
    created_at: Moment,
  },
  { title: 'Relay' },
)

const TestView = Type.Object(
  {
    ok: Type.Boolean(),
    reply: Nullable(Type.String(), 'What the relay said, or why it could not be asked.'),
    host: Nullable(Type.String()),
    address: Nullable(Type.String()),
    tls: Nullable(Type.String(), 'Version and cipher; null without TLS.'),
  },
  { title: 'RelayTest' },
)

const RelayPath = Type.Object({ relay: Type.String({ description: 'Its id.' }) })
const tags = ['delivery']
const submissionPort = 587

export function relayRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/relays',
    {
      schema: {
        summary: 'List relays',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(RelayView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listRelays(platform, scopeOf(request), pageRequest(request.query)), relayView),
  )
  app.get(
    '/v1/relays/:relay',
    {
      schema: {
        summary: 'Get a relay',
        tags,
        params: RelayPath,
        response: { 200: RelayView, ...readProblems('relay_not_found') },
      },
    },
    async (request) => relayView(await getRelay(platform, scopeOf(request), request.params.relay)),
  )
  changeRoutes(app, platform)
}

function changeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/relays',
    {
      schema: {
        summary: 'Create a relay',
        description:
          'Of several that fit a message the most particular holds: of the sender’s domain, then of the recipient’s. Those of one kind are tried by priority.',
        tags,
        body: RelayBody,
        response: { 201: RelayView, ...postProblems('domain_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const presets: RelaySettings = {
          domain: null,
          recipientDomain: null,
          host: request.body.host,
          port: submissionPort,
          security: 'starttls',
          username: null,
          password: null,
          priority: 10,
        }
        const settings = { ...presets, ...toSettings(request.body) }
        const row = await createRelay(platform, tx, scopeOf(request), settings)
        return { status: 201, body: relayView(row), headers: { location: `/v1/relays/${row.id}` } }
      }),
  )
  app.patch(
    '/v1/relays/:relay',
    {
      schema: {
        summary: 'Change a relay',
        description: 'What is left out stays. With another host or port the password must be given again.',
        tags,
        params: RelayPath,
        body: RelayChanges,
        response: { 200: RelayView, ...writeProblems('relay_not_found', 'domain_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { relay } = request.params
        const row = await updateRelay(platform, tx, scopeOf(request), relay, toSettings(request.body))
        return { status: 200, body: relayView(row) }
      }),
  )
  app.delete(
    '/v1/relays/:relay',
    {
      schema: {
        summary: 'Delete a relay',
        tags,
        params: RelayPath,
        response: { 204: Type.Null(), ...writeProblems('relay_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await deleteRelay(platform, tx, scopeOf(request), request.params.relay)
        return { status: 204, body: undefined }
      }),
  )
  testRoute(app, platform)
}

function testRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/relays/:relay/test',
    {
      schema: {
        summary: 'Try a relay',
        description: 'Connects and logs in, and sends nothing.',
        tags,
        params: RelayPath,
        response: { 200: TestView, ...postProblems('relay_not_found') },
      },
    },
    async (request) => {
      const { ok, reply, detail } = await testRelay(platform, scopeOf(request), request.params.relay)
      const { host: name = null, address = null, tls } = detail
      return { ok, reply, host: name, address, tls: tls ? `${tls.version} ${tls.cipher}` : null }
    },
  )
}

function toSettings(body: Static<typeof RelayChanges>): Partial<RelaySettings> {
  const { recipient_domain: recipientDomain, ...rest } = body
  return { ...rest, ...(recipientDomain === undefined ? {} : { recipientDomain }) }
}

function relayView(row: RelayRow): Static<typeof RelayView> {
  return {
    id: row.id,
    domain_id: row.domain_id,
    recipient_domain: row.recipient_domain,
    host: row.host,
    port: row.port,
    security: row.security,
    username: row.username,
    has_password: row.sealed_password !== null,
    priority: row.priority,
    created_at: row.created_at.toISOString(),
  }
}
