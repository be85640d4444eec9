/** /v1/dns-secondaries: the name servers that hold copies of all served zones. For operators. */
import { type Static, Type } from 'typebox'
import { requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import {
  createSecondary,
  deleteSecondary,
  listSecondaries,
  type SecondaryRow,
} from '../domains/secondaries/secondaries.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const SecondaryView = Type.Object(
  {
    id: Id,
    name: Type.String(),
    address: Type.String(),
    port: Type.Integer(),
    tsig_key: Nullable(Id, 'The key that it signs with. Null: its address is enough.'),
    notify: Type.Boolean({ description: 'Whether it is told of changes (RFC 1996).' }),
    created_at: Moment,
  },
  { title: 'DnsSecondary' },
)

const addressLengthMax = 45

const SecondaryBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax, description: 'For people.' }),
    address: Type.String({ minLength: 1, maxLength: addressLengthMax, description: 'An IP address.' }),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'Where it is told of changes; 53 if not given.',
      }),
    ),
    tsig_key: Type.Optional(Type.String({ maxLength: 64, description: 'The id of its TSIG key.' })),
    allow_by_address: Type.Optional(
      Type.Boolean({
        description:
          'Without a key: whoever asks from this address gets all zones, as far as nobody forges it.',
      }),
    ),
    notify: Type.Optional(Type.Boolean({ description: 'true if not given.' })),
  },
  closed,
)

const SecondaryPath = Type.Object({ dns_secondary: Type.String({ description: 'Its id.' }) })
const tags = ['name servers']
const dnsPort = 53

export function dnsSecondaryRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/dns-secondaries',
    {
      schema: {
        summary: 'List secondaries',
        description: 'For keys of the organization that runs the platform.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(SecondaryView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      await requireOperator(platform.db, callerOf(request).principal)
      return pageView(await listSecondaries(platform, pageRequest(request.query)), secondaryView)
    },
  )
  app.post(
    '/v1/dns-secondaries',
    {
      schema: {
        summary: 'Add a secondary',
        description:
          'For keys of the organization that runs the platform. It may transfer the zones of all workspaces, those that are signed with their signatures, and the catalog of them (RFC 9432).',
        tags,
        body: SecondaryBody,
        response: {
          201: SecondaryView,
          ...postProblems('tsig_key_not_found', 'dns_secondary_taken', 'dns_secondary_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      const { name, address, port = dnsPort, notify = true } = request.body
      const { tsig_key: tsigKeyId = null, allow_by_address: byAddress = false } = request.body
      return mutate(platform, request, reply, async (tx) => {
        const wanted = { name, address, port, tsigKeyId, byAddress, notify }
        const row = await createSecondary(platform, tx, principal.organizationId, wanted)
        return { status: 201, body: secondaryView(row) }
      })
    },
  )
  app.delete(
    '/v1/dns-secondaries/:dns_secondary',
    {
      schema: {
        summary: 'Remove a secondary',
        tags,
        params: SecondaryPath,
        response: { 204: Type.Null(), ...writeProblems('dns_secondary_not_found') },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      return mutate(platform, request, reply, async (tx) => {
        await deleteSecondary(platform, tx, request.params.dns_secondary)
        return { status: 204, body: undefined }
      })
    },
  )
}

function secondaryView(row: SecondaryRow): Static<typeof SecondaryView> {
  return {
    id: row.id,
    name: row.name,
    address: row.address,
    port: row.port,
    tsig_key: row.tsig_key_id,
    notify: row.notify,
    created_at: row.created_at.toISOString(),
  }
}
