/** Requests for mailboxes: made, listed, shown. What comes of them is read and logged in to by the native API's credentials. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { domainsById } from '../../domains/domains.ts'
import {
  getProductRequest,
  listProductRequests,
  type ProductRequest,
  productRequestMax,
  requestProduct,
} from '../../mailboxes/product-requests.ts'
import type { RequestState } from '../../mailboxes/request-lifecycle.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { StatusView, standingsIn } from './domain-view.ts'
import { prefixedId, requireId } from './ids.ts'
import { DataOf, dataOf, errors, idPath, Moment, NameServer, success } from './schemas.ts'
import { TypeInput, TypeView, typeOf } from './types.ts'

/** The contract knows no pages: the newest. */
const listedMax = 500

const text = (maxLength: number) => Type.String({ maxLength, pattern: '^[^\\u0000]*$' })

const EntryInput = Type.Object({
  firstName: text(200),
  lastName: text(200),
  mailboxUsername: Type.String({ minLength: 1, maxLength: 64, description: 'Left of the @.' }),
})

const RequestBody = Type.Object({
  domain: Type.String({ minLength: 1, maxLength: 1000, description: 'Its name. It must be ACTIVE.' }),
  type: TypeInput,
  mailboxes: Type.Array(EntryInput, { minItems: 1, maxItems: productRequestMax }),
})

const EntryView = Type.Object(
  {
    firstName: Type.String(),
    lastName: Type.String(),
    mailboxUsername: Type.String(),
    domainName: Type.String(),
  },
  { title: 'MailboxEntry' },
)

const CreatedView = Type.Object({
  ...success,
  requestId: Type.String(),
  type: TypeInput,
  domain: Type.String(),
  status: Type.Literal('pending'),
  message: Type.String(),
  mailboxes: Type.Array(EntryView),
})

const states = {
  pending: 'PENDING',
  in_progress: 'IN_PROGRESS',
  completed: 'COMPLETED',
  failed: 'FAILED',
} as const satisfies Record<RequestState, string>

const RequestView = Type.Object(
  {
    id: Type.String(),
    type: TypeView,
    domain: Type.String(),
    domainId: Type.String(),
    domainStatus: StatusView,
    ns1: NameServer,
    ns2: NameServer,
    status: OneOf(Object.values(states)),
    adminNotes: Nullable(Type.String(), 'What whoever fulfils it said.'),
    createdAt: Moment,
    mailboxes: Type.Array(EntryView),
  },
  { title: 'MailboxRequest' },
)

const tags = ['Mailboxes']

export function mailboxRoutes(app: Api, platform: Platform): void {
  createRoute(app, platform)
  app.get(
    '/mailboxes',
    {
      schema: {
        summary: 'List requests for mailboxes',
        description: `The newest first, ${listedMax} at most.`,
        tags,
        response: { 200: DataOf(Type.Array(RequestView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const found = await listProductRequests(platform, scope, listedMax)
      return dataOf(await requestViews(platform, scope, found))
    },
  )
  app.get(
    '/mailboxes/:id',
    {
      schema: {
        summary: 'Get a request for mailboxes',
        tags,
        params: idPath('req_'),
        response: { 200: DataOf(RequestView), ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const found = await getProductRequest(platform, scope, requireId('request', request.params.id))
      return dataOf(await requestView(platform, scope, found))
    },
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/mailboxes',
    {
      config: { namesDomain: true },
      schema: {
        summary: 'Ask for mailboxes of one type in one domain',
        description:
          'All of them, or none. They count at once. Those of the service `local` are there when this answers, whatever it says: `pending` is what clients expect.',
        tags,
        body: RequestBody,
        response: { 201: CreatedView, ...errors(400, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { domain, type: product, mailboxes } = request.body
      const wanted = {
        product,
        domain,
        mailboxes: mailboxes.map(({ mailboxUsername: localPart, ...names }) => ({ localPart, ...names })),
      }
      const id = await transact(platform, caller, (tx) => requestProduct(platform, tx, caller.scope, wanted))
      const made = await getProductRequest(platform, caller.scope, id)
      const view = await requestView(platform, caller.scope, made)
      return reply.code(201).send({
        success: true,
        requestId: view.id,
        type: product,
        domain: view.domain,
        status: 'pending',
        message: 'The mailboxes are asked for.',
        mailboxes: view.mailboxes,
      })
    },
  )
}

type View = Static<typeof RequestView>

async function requestView(platform: Platform, scope: Scope, request: ProductRequest): Promise<View> {
  const [view] = await requestViews(platform, scope, [request])
  if (!view) throw new Error('the domain of a request is not there')
  return view
}

async function requestViews(
  platform: Platform,
  scope: Scope,
  requests: readonly ProductRequest[],
): Promise<View[]> {
  const ids = [...new Set(requests.map(({ domainId }) => domainId))]
  const domains = await domainsById(platform.db, scope, ids)
  const standings = await standingsIn(platform, [...domains.values()])
  const byId = new Map(standings.map((standing) => [standing.domain.id, standing]))
  return requests.flatMap(({ id, product, domainId, state, note, createdAt, mailboxes }) => {
    const standing = byId.get(domainId)
    if (!standing) return []
    const { domain, status, ns1, ns2 } = standing
    return [
      {
        id: prefixedId('request', id),
        type: typeOf[product],
        domain: domain.name,
        domainId: prefixedId('domain', domainId),
        domainStatus: status,
        ns1,
        ns2,
        status: states[state],
        adminNotes: note,
        createdAt: createdAt.toISOString(),
        mailboxes: mailboxes.map(entryView),
      },
    ]
  })
}

function entryView({
  address,
  firstName,
  lastName,
}: ProductRequest['mailboxes'][number]): Static<typeof EntryView> {
  const at = address.lastIndexOf('@')
  return {
    firstName: firstName ?? '',
    lastName: lastName ?? '',
    mailboxUsername: address.slice(0, at),
    domainName: address.slice(at + 1),
  }
}
