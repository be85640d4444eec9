/** Mailboxes and domains found by text, in all workspaces that the key reaches. */
import { type Static, Type } from 'typebox'
import { type Reach, reachOf } from '../../accounts/reach.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { pageDomains } from '../../mailboxes/domain-pages.ts'
import { mailboxStates } from '../../mailboxes/lifecycle.ts'
import { pageMailboxes } from '../../mailboxes/mailbox-pages.ts'
import { mailboxesById } from '../../mailboxes/mailbox-sets.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { livingStates } from './domain-selection.ts'
import { MailboxView, mailboxViews } from './mailbox-view.ts'
import { Contains } from './mailboxes.ts'
import { providerOfProduct, providers } from './providers.ts'
import { DataOf, dataOf, errors, PageNumber, pageOf } from './schemas.ts'
import { domainStatuses, domainStatusOf } from './statuses.ts'

/** Secrets are read workspace by workspace: of so many at most. */
const foundMax = 100

const FoundView = Type.Object({
  currentPage: Type.Integer(),
  nextPage: Type.Integer(),
  totalPages: Type.Integer({ description: 'Of whichever of the two has more.' }),
  totalMailboxes: Type.Integer(),
  totalDomains: Type.Integer(),
  mailboxes: Type.Array(
    Type.Object({ ...MailboxView.properties, workspaceId: Type.String(), serviceProvider: OneOf(providers) }),
  ),
  domains: Type.Array(
    Type.Object({
      id: Type.String(),
      domain: Type.String(),
      status: OneOf(domainStatuses),
      workspaceId: Type.String(),
      serviceProvider: OneOf(providers),
    }),
  ),
})

type Found = Static<typeof FoundView>

export function searchRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/global/mailbox-domain-search',
    {
      schema: {
        summary: 'Find mailboxes and domains',
        description: `By a part of their address or name, in all workspaces and of all providers; ${foundMax} of each in a page at most.`,
        tags: ['global'],
        querystring: Type.Object({
          page: PageNumber,
          limit: PageNumber,
          contains: Type.Optional(Contains),
        }),
        response: { 200: DataOf(FoundView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { number, size } = pageOf(request.query)
      const page = { number, size: Math.min(size, foundMax) }
      const search = request.query.contains?.trim() || null
      const reach = reachOf(caller.principal)
      const mailboxes = await mailboxesFound(platform, caller, reach, search, page)
      const domains = await domainsFound(platform, reach, search, page)
      const most = Math.max(mailboxes.totalMailboxes, domains.totalDomains)
      return dataOf('Search results fetched successfully', {
        currentPage: number,
        nextPage: number + 1,
        totalPages: Math.ceil(most / page.size),
        ...mailboxes,
        ...domains,
      })
    },
  )
}

async function mailboxesFound(
  platform: Platform,
  caller: Caller,
  reach: Reach,
  search: string | null,
  page: NumberedPage,
): Promise<Pick<Found, 'mailboxes' | 'totalMailboxes'>> {
  const states = mailboxStates.filter((state) => state !== 'deletion_scheduled' && state !== 'deleted')
  const filter = { domainId: null, states, search }
  const order = { by: 'address', descending: false } as const
  const { rows, total } = await pageMailboxes(platform.db, reach, filter, order, page)
  const found = await mailboxesById(
    platform.db,
    rows.map(({ id }) => id),
  )
  const views = new Map<string, Found['mailboxes'][number]>()
  for (const [workspaceId, own] of Map.groupBy(found, (one) => one.workspace_id)) {
    const there = { ...caller, scope: { ...caller.scope, workspaceId } }
    for (const [index, view] of (await mailboxViews(platform, there, own)).entries()) {
      const serviceProvider = providerOfProduct(own[index]?.product ?? null)
      views.set(view.id, { ...view, workspaceId, serviceProvider })
    }
  }
  return { mailboxes: rows.flatMap(({ id }) => views.get(id) ?? []), totalMailboxes: total }
}

async function domainsFound(
  platform: Platform,
  reach: Reach,
  search: string | null,
  page: NumberedPage,
): Promise<Pick<Found, 'domains' | 'totalDomains'>> {
  if (reach.mailboxId !== null) return { domains: [], totalDomains: 0 }
  const standings = livingStates.flatMap((state) => [true, false].map((has_keys) => ({ state, has_keys })))
  const order = { by: 'name', descending: false } as const
  const { rows, total } = await pageDomains(platform.db, reach, { standings, search }, order, page)
  const domains = rows.map(({ id, name, state, workspace_id: workspaceId, product }) => ({
    id,
    domain: name,
    status: domainStatusOf[state],
    workspaceId,
    serviceProvider: providerOfProduct(product),
  }))
  return { domains, totalDomains: total }
}
