/** /v1/suppressions: the addresses that a workspace does not write to. */
import { type Static, Type } from 'typebox'
import {
  type ImportItem,
  type ImportResult,
  importedMax,
  importSuppressions,
} from '../delivery/bounces/suppress.ts'
import {
  detailLengthMax,
  getSuppression,
  listSuppressions,
  removeSuppression,
  type Suppression,
} from '../delivery/bounces/suppressions.ts'
import { suppressionReasons } from '../delivery/bounces/tables.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { ProblemRef, postProblems, problemOf, readProblems, writeProblems } from './problem-view.ts'
import {
  AnyOf,
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
  readMomentOrNull,
} from './schemas.ts'

const SuppressionView = Type.Object(
  {
    id: Id,
    address: Type.String(),
    reason: OneOf(suppressionReasons, 'Why it is on the list.'),
    detail: Nullable(
      Type.String(),
      'The reply that bounced, who complained, or what whoever added it wrote.',
    ),
    created_at: Moment,
    expires_at: Nullable(Moment, 'When it goes off the list by itself. Null: never.'),
  },
  { title: 'Suppression' },
)

const newFields = {
  address: Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }),
  reason: Type.Optional(OneOf(suppressionReasons, 'Default: manual.')),
  detail: Type.Optional(Nullable(Type.String({ maxLength: detailLengthMax }))),
  expires_at: Type.Optional(Nullable(Moment)),
} as const

const OneBody = Type.Object(newFields, { ...closed, title: 'NewSuppression' })
const ManyBody = Type.Object(
  { suppressions: Type.Array(Type.Object(newFields, closed), { minItems: 1, maxItems: importedMax }) },
  { ...closed, title: 'NewSuppressions' },
)

type One = Static<typeof OneBody> & { suppressions?: never }
type Many = Static<typeof ManyBody>

/** Told apart by `suppressions` first, so that an error speaks of the form that was meant. */
const NewBody = Type.Unsafe<One | Many>({
  type: 'object',
  if: { required: ['suppressions'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema (2020-12, Core §10.2.2.2)
  then: ManyBody,
  else: OneBody,
})

const ImportView = Type.Object(
  {
    added: Type.Integer({ description: 'How many are new on the list.' }),
    data: Type.Array(
      Type.Object({
        index: Type.Integer(),
        status: OneOf(['added', 'unchanged', 'failed']),
        suppression: Type.Optional(SuppressionView),
        problem: Type.Optional(ProblemRef),
      }),
      { description: 'A result for each item, in their order.' },
    ),
  },
  { title: 'SuppressionImport' },
)

const ListQuery = Type.Object(
  {
    ...pageQuery,
    reason: Type.Optional(OneOf(suppressionReasons)),
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.searchLengthMax,
        description: 'Part of the address.',
      }),
    ),
  },
  closed,
)

const SuppressionPath = Type.Object({ suppression: Type.String({ description: 'Its id or its address.' }) })

const tags = ['delivery']

export function suppressionRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/suppressions',
    {
      schema: {
        summary: 'List suppressed addresses',
        tags,
        querystring: ListQuery,
        response: { 200: PageOf(SuppressionView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { reason = null, search = null } = request.query
      const page = pageRequest(request.query)
      return pageView(await listSuppressions(platform, scopeOf(request), { reason, search }, page), view)
    },
  )
  app.get(
    '/v1/suppressions/:suppression',
    {
      schema: {
        summary: 'Get a suppressed address',
        tags,
        params: SuppressionPath,
        response: { 200: SuppressionView, ...readProblems('suppression_not_found') },
      },
    },
    async (request) => view(await getSuppression(platform, scopeOf(request), request.params.suppression)),
  )
  newRoute(app, platform)
  app.delete(
    '/v1/suppressions/:suppression',
    {
      schema: {
        summary: 'Take an address off the list',
        description: 'Who unsubscribed or complained should only be written to again when they ask for it.',
        tags,
        params: SuppressionPath,
        response: { 204: Type.Null(), ...writeProblems('suppression_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await removeSuppression(platform, tx, scopeOf(request), request.params.suppression)
        return { status: 204, body: undefined }
      }),
  )
}

function newRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/suppressions',
    {
      bodyLimit: apiLimits.batchBodyBytesMax,
      schema: {
        summary: 'Suppress one address or many',
        description:
          'One object adds one address. With `suppressions`, up to 10,000 are added in one call, and an item that ' +
          'cannot be added does not keep the others from it. What is on the list already stays as it is.',
        tags,
        body: NewBody,
        response: {
          200: AnyView,
          201: SuppressionView,
          ...postProblems('address_invalid'),
        },
      },
      config: {
        documented: {
          body: Type.Unsafe({ oneOf: [OneBody, ManyBody] }),
          replies: { 200: AnyOf(ImportView, SuppressionView) },
        },
      },
    },
    async (request, reply) => {
      const { body } = request
      const scope = scopeOf(request)
      return mutate<Static<typeof AnyView>>(platform, request, reply, async (tx) => {
        if (body.suppressions !== undefined) {
          const results = await importSuppressions(
            platform,
            tx,
            scope,
            body.suppressions.map((one, index) => toItem(one, `/suppressions/${index}/expires_at`)),
          )
          return { status: 200, body: importView(results) }
        }
        const [result] = await importSuppressions(platform, tx, scope, [toItem(body, '/expires_at')])
        if (result?.status === 'failed') throw new Refusal('address_invalid', result.detail)
        if (result?.status === 'added') {
          const { suppression } = result
          const headers = { location: `/v1/suppressions/${suppression.id}` }
          return { status: 201, body: view(suppression), headers }
        }
        return { status: 200, body: view(await getSuppression(platform, scope, body.address, tx)) }
      })
    },
  )
}

const AnyView = Type.Unsafe<Static<typeof ImportView> | Static<typeof SuppressionView>>({
  type: 'object',
  if: { type: 'object', required: ['data'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema (2020-12, Core §10.2.2.2)
  then: ImportView,
  else: SuppressionView,
})

function toItem(
  { address, reason = 'manual', detail = null, expires_at = null }: One,
  pointer: string,
): ImportItem {
  return { address, reason, detail, expiresAt: readMomentOrNull(expires_at, pointer) }
}

function importView(results: readonly ImportResult[]): Static<typeof ImportView> {
  return {
    added: results.filter(({ status }) => status === 'added').length,
    data: results.map((result, index) => {
      const { status } = result
      if (status === 'failed') return { index, status, problem: problemOf('address_invalid', result.detail) }
      return status === 'added' ? { index, status, suppression: view(result.suppression) } : { index, status }
    }),
  }
}

function view(suppression: Suppression): Static<typeof SuppressionView> {
  return {
    id: suppression.id,
    address: suppression.address,
    reason: suppression.reason,
    detail: suppression.detail,
    created_at: suppression.created_at.toISOString(),
    expires_at: momentOrNull(suppression.expires_at),
  }
}
