/** What the vendor sells out of its own stock, aged and warmed domains, and its DNS Shield: here there are none. */
import { type TSchema, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { DataOf, dataOf, errors, Id, Ids, pageFields, pageInput, pageOf } from './schemas.ts'

const agedText = 'This server has no stock of aged domains: buy or connect domains of your own.'
const warmText = 'This server has no stock of pre-warmed domains: buy or connect domains of your own.'
const shieldText =
  'DNS Shield is not offered: the zones of domains are served by this platform’s own name servers.'

const Nothing = Type.Array(Type.Unknown(), { maxItems: 0 })
const nothing: unknown[] = []
const Query = Type.Object(pageInput)

export function notOfferedDomainRoutes(app: Api): void {
  agedRoutes(app)
  warmRoutes(app)
  shieldRoutes(app)
}

function agedRoutes(app: Api): void {
  const tags = ['high reputation domains']
  app.get(
    '/v2/aged-domains/available-domains',
    {
      schema: {
        summary: 'List aged domains: there are none',
        tags,
        querystring: Query,
        response: { 200: DataOf(Type.Object({ domains: Nothing })), ...errors() },
      },
    },
    async () => dataOf('Domains fetched successfully', { domains: nothing }),
  )
  refuse(app, '/v2/aged-domains/purchase', tags, agedText, {
    needsProvider: true,
    body: Type.Object({
      domains: Type.Array(Type.String({ maxLength: 253 }), { minItems: 1, maxItems: 50 }),
    }),
  })
}

function warmRoutes(app: Api): void {
  const tags = ['prewarmed domains']
  const pages = {
    total: Type.Integer(),
    currentPage: Type.Integer(),
    nextPage: Type.Integer(),
    totalPages: Type.Integer(),
  }
  const noPages = (query: Parameters<typeof pageOf>[0]) => {
    const { currentPage, nextPage, totalPages } = pageFields({ total: 0 }, pageOf(query))
    return { total: 0, currentPage, nextPage, totalPages }
  }
  app.get(
    '/v2/prewarmed-domains/get-domains',
    {
      schema: {
        summary: 'List pre-warmed domains: there are none',
        tags,
        querystring: Query,
        response: {
          200: DataOf(Type.Object({ ...pages, totalDomainsUnsold: Type.Literal(0), domains: Nothing })),
          ...errors(),
        },
      },
    },
    async (request) =>
      dataOf('Domains fetched successfully', {
        ...noPages(request.query),
        totalDomainsUnsold: 0 as const,
        domains: nothing,
      }),
  )
  app.get(
    '/v2/prewarmed-domains/subscriptions',
    {
      schema: {
        summary: 'List subscriptions of pre-warmed domains: there are none',
        tags,
        querystring: Query,
        response: { 200: DataOf(Type.Object({ ...pages, subscriptions: Nothing })), ...errors() },
      },
    },
    async (request) =>
      dataOf('Subscriptions fetched successfully', { ...noPages(request.query), subscriptions: nothing }),
  )
  app.get(
    '/v2/prewarmed-domains/count',
    {
      schema: {
        summary: 'Count pre-warmed domains: there are none',
        tags,
        response: {
          200: DataOf(Type.Object({ google: Type.Literal(0), microsoft: Type.Literal(0) })),
          ...errors(),
        },
      },
    },
    async () => dataOf('Count fetched successfully', { google: 0 as const, microsoft: 0 as const }),
  )
  refuse(app, '/v2/prewarmed-domains/purchase', tags, warmText, { needsProvider: true })
  refuse(app, '/v2/prewarmed-domains/assign', tags, warmText, { body: Type.Object({ domainIds: Ids }) })
}

function shieldRoutes(app: Api): void {
  const tags = ['dns shield']
  const DomainPage = Type.Object({
    totalSearchedCount: Type.Integer(),
    currentPage: Type.Integer(),
    nextPage: Type.Integer(),
    totalPages: Type.Integer(),
    domains: Nothing,
  })
  app.get(
    '/v2/dns-shield/eligible-domains',
    {
      schema: {
        summary: 'List the domains that DNS Shield is for: none',
        tags,
        querystring: Query,
        response: { 200: DataOf(DomainPage), ...errors() },
      },
    },
    async (request) =>
      dataOf('Domains fetched successfully', {
        ...pageFields({ total: 0 }, pageOf(request.query)),
        domains: nothing,
      }),
  )
  const reads: [path: string, what: string, View: TSchema, data: unknown][] = [
    [
      'available-slots',
      'slots',
      Type.Object({ totalAvailableSlots: Type.Literal(0), subscriptions: Nothing }),
      { totalAvailableSlots: 0, subscriptions: nothing },
    ],
    ['subscriptions', 'subscriptions', Nothing, nothing],
    ['allocated-domains', 'domains', Type.Object({ domains: Nothing }), { domains: nothing }],
  ]
  for (const [path, what, View, data] of reads) {
    app.get(
      `/v2/dns-shield/${path}`,
      {
        schema: {
          summary: `List the ${what} of DNS Shield: there are none`,
          tags,
          response: { 200: DataOf(View), ...errors() },
        },
      },
      async () => dataOf('Fetched successfully', data),
    )
  }
  const subscription = Type.Object({ subscriptionId: Id })
  const bodies = { 'allocate-domains': Type.Object({ domainIds: Ids }), purchase: Type.Object({}) }
  refuse(app, '/v2/dns-shield/allocate-domains', tags, shieldText, { body: bodies['allocate-domains'] })
  refuse(app, '/v2/dns-shield/purchase', tags, shieldText, { needsProvider: true, body: bodies.purchase })
  refuse(app, '/v2/dns-shield/upgrade-plan', tags, shieldText, { body: subscription })
  refuse(app, '/v2/dns-shield/cancel-subscription', tags, shieldText, { body: subscription })
}

/** What would buy or begin something that there is not. */
function refuse(
  app: Api,
  path: string,
  tags: string[],
  text: string,
  { needsProvider = false, body }: { needsProvider?: boolean; body?: TSchema } = {},
): void {
  app.post(
    path,
    {
      config: { providerRequired: needsProvider },
      schema: {
        summary: 'Not offered',
        description: 'Always refused.',
        tags,
        ...(body === undefined ? {} : { body }),
        response: errors(),
      },
    },
    async () => {
      throw new Refusal('invalid_request', text)
    },
  )
}
