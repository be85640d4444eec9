/** /v1/tsig-keys: the secrets that secondaries and the platform sign DNS messages with. For operators. */
import { type Static, Type } from 'typebox'
import { requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import {
  createTsigKey,
  deleteTsigKey,
  listTsigKeys,
  secretBytesMax,
  secretBytesMin,
  type TsigKeyRow,
} from '../domains/secondaries/tsig-keys.ts'
import { tsigAlgorithms } from '../platform/dns-wire/tsig.ts'
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
  noStore,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const base64Max = Math.ceil(secretBytesMax / 3) * 4

const fields = {
  id: Id,
  name: Type.String({ description: 'As it goes over the wire: both sides must have the same.' }),
  algorithm: OneOf(tsigAlgorithms),
  created_at: Moment,
}
const TsigKeyView = Type.Object(fields, { title: 'TsigKey' })
const NewTsigKeyView = Type.Object(
  { ...fields, secret: Type.String({ description: 'In base64. It is shown this once.' }) },
  { title: 'NewTsigKey' },
)

const TsigKeyBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }),
    algorithm: Type.Optional(OneOf(tsigAlgorithms, 'hmac-sha256 if not given.')),
    secret: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: base64Max,
        description: `${secretBytesMin} to ${secretBytesMax} bytes in base64. If not given, one is made.`,
      }),
    ),
  },
  closed,
)

const TsigKeyPath = Type.Object({ tsig_key: Type.String({ description: 'Its id.' }) })
const tags = ['name servers']

export function tsigKeyRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/tsig-keys',
    {
      schema: {
        summary: 'List TSIG keys',
        description: 'For keys of the organization that runs the platform.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(TsigKeyView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      await requireOperator(platform.db, callerOf(request).principal)
      return pageView(await listTsigKeys(platform, pageRequest(request.query)), tsigKeyView)
    },
  )
  app.post(
    '/v1/tsig-keys',
    {
      schema: {
        summary: 'Create a TSIG key',
        description: 'For keys of the organization that runs the platform. The secret is in this reply only.',
        tags,
        body: TsigKeyBody,
        response: {
          201: NewTsigKeyView,
          ...postProblems('tsig_key_taken', 'dns_secondary_limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      const { name, algorithm = 'hmac-sha256', secret: given = null } = request.body
      return mutate(platform, request, reply, async (tx) => {
        const wanted = { name, algorithm, secret: given }
        const { row, secret } = await createTsigKey(platform, tx, principal.organizationId, wanted)
        return { status: 201, body: { ...tsigKeyView(row), secret }, headers: noStore }
      })
    },
  )
  app.delete(
    '/v1/tsig-keys/:tsig_key',
    {
      schema: {
        summary: 'Delete a TSIG key',
        tags,
        params: TsigKeyPath,
        response: { 204: Type.Null(), ...writeProblems('tsig_key_not_found', 'tsig_key_in_use') },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      requireWrite(principal)
      await requireOperator(platform.db, principal)
      return mutate(platform, request, reply, async (tx) => {
        await deleteTsigKey(platform, tx, request.params.tsig_key)
        return { status: 204, body: undefined }
      })
    },
  )
}

function tsigKeyView({ id, name, algorithm, created_at: createdAt }: TsigKeyRow): Static<typeof TsigKeyView> {
  return { id, name, algorithm, created_at: createdAt.toISOString() }
}
