/** /v1/dns-hosts: the DNS hosts whose APIs a workspace lets us use. */
import { type Static, Type } from 'typebox'
import {
  createDnsHost,
  type DnsHostRow,
  type DnsHostUpdate,
  deleteDnsHost,
  getDnsHost,
  listDnsHosts,
  tryDnsHostUpdate,
  tryNewDnsHost,
  updateDnsHost,
} from '../domains/dns-hosts/connections.ts'
import { dnsHostKinds } from '../domains/dns-hosts/drivers.ts'
import { tsigAlgorithms } from '../platform/dns-wire/tsig.ts'
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

const urlLengthMax = 500
const nameserversMax = 13

const Settings = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        maxLength: urlLengthMax,
        description: 'powerdns: where its web server is, as in http://192.0.2.1:8081.',
      }),
    ),
    server_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax, description: 'powerdns; localhost.' }),
    ),
    nameservers: Type.Optional(
      Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), {
        maxItems: nameserversMax,
        description: 'powerdns: the NS records of a zone that is made.',
      }),
    ),
    account_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.nameLengthMax,
        description: 'cloudflare: the account; needed to make zones.',
      }),
    ),
    server: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: 'rfc2136: address and port of the primary name server, as in 192.0.2.53:53.',
      }),
    ),
    key_name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.nameLengthMax,
        description: 'rfc2136: the name of the TSIG key, which may update and transfer the zone.',
      }),
    ),
    algorithm: Type.Optional(OneOf(tsigAlgorithms, 'rfc2136; hmac-sha256.')),
  },
  closed,
)
const Name = Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })
const Secret = Type.String({
  minLength: 1,
  maxLength: apiLimits.passwordLengthMax,
  description:
    'The API key (powerdns), token (cloudflare), or secret of the TSIG key in base64 (rfc2136). It is never shown.',
})

const HostBody = Type.Object(
  { name: Name, kind: OneOf(dnsHostKinds), settings: Type.Optional(Settings), secret: Secret },
  closed,
)
const HostChanges = Type.Object(
  { name: Type.Optional(Name), settings: Type.Optional(Settings), secret: Type.Optional(Secret) },
  closed,
)

const HostView = Type.Object(
  {
    id: Id,
    name: Type.String(),
    kind: OneOf(dnsHostKinds),
    settings: Settings,
    state: OneOf(['working', 'failing'] as const),
    last_error: Nullable(Type.String(), 'What the host said, or why there was no answer.'),
    checked_at: Moment,
    retry_at: Nullable(Moment, 'Until then it is left alone.'),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'DnsHost' },
)

const HostPath = Type.Object({ dns_host: Type.String({ description: 'Its id.' }) })
const DeleteQuery = Type.Object(
  {
    abandon: Type.Optional(
      Type.Boolean({
        description: 'Leave records there that are still to be removed, for a host that is gone.',
      }),
    ),
  },
  closed,
)
const tags = ['dns']

export function dnsHostRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/dns-hosts',
    {
      schema: {
        summary: 'List DNS hosts',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(HostView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listDnsHosts(platform, scopeOf(request), pageRequest(request.query)), hostView),
  )
  app.get(
    '/v1/dns-hosts/:dns_host',
    {
      schema: {
        summary: 'Get a DNS host',
        tags,
        params: HostPath,
        response: { 200: HostView, ...readProblems('dns_host_not_found') },
      },
    },
    async (request) => hostView(await getDnsHost(platform, scopeOf(request), request.params.dns_host)),
  )
  createRoute(app, platform)
  changeRoutes(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/dns-hosts',
    {
      schema: {
        summary: 'Connect a DNS host',
        description:
          'The host is asked with the credentials first; what it does not take is not kept. A host in a private network is refused unless the platform’s settings allow it.',
        tags,
        body: HostBody,
        response: {
          201: HostView,
          ...postProblems('dns_host_credentials_refused', 'dns_host_failed', 'dns_host_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { name, kind, secret, settings: given = {} } = request.body
      const settings = await tryNewDnsHost(platform, scope, { kind, secret, settings: given })
      return mutate(platform, request, reply, async (tx) => {
        const row = await createDnsHost(platform, tx, scope, { name, kind, settings, secret })
        return { status: 201, body: hostView(row), headers: { location: `/v1/dns-hosts/${row.id}` } }
      })
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/dns-hosts/:dns_host',
    {
      schema: {
        summary: 'Change a DNS host or its credentials',
        description:
          'What is left out stays; `settings` are given whole. New settings and secrets are tried first. With another URL the secret must be given again.',
        tags,
        params: HostPath,
        body: HostChanges,
        response: {
          200: HostView,
          ...writeProblems('dns_host_not_found', 'dns_host_credentials_refused', 'dns_host_failed'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { dns_host: id } = request.params
      const update: DnsHostUpdate = await tryDnsHostUpdate(platform, scope, id, request.body)
      return mutate(platform, request, reply, async (tx) => {
        return { status: 200, body: hostView(await updateDnsHost(platform, tx, scope, id, update)) }
      })
    },
  )
  app.delete(
    '/v1/dns-hosts/:dns_host',
    {
      schema: {
        summary: 'Disconnect a DNS host',
        description:
          'Refused while domains are kept there, or have records that are still to be removed there.',
        tags,
        params: HostPath,
        querystring: DeleteQuery,
        response: { 204: Type.Null(), ...writeProblems('dns_host_not_found', 'dns_host_in_use') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const abandon = request.query.abandon === true
        await deleteDnsHost(platform, tx, scopeOf(request), request.params.dns_host, abandon)
        return { status: 204, body: undefined }
      }),
  )
}

function hostView(row: DnsHostRow): Static<typeof HostView> {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    settings: row.settings,
    state: row.state,
    last_error: row.last_error,
    checked_at: row.checked_at.toISOString(),
    retry_at: momentOrNull(row.retry_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}
