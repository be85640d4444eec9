/** Domains: listed, and removed. */
import { type Static, type TProperties, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import {
  countDomainOverviews,
  type DomainOverviewFilter,
  everyDomain,
  pageDomainOverviews,
} from '../../mailboxes/domain-overviews.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { inLockOrder, requireByName, requireNamed } from './domain-finding.ts'
import { statusByState } from './domain-status.ts'
import { DomainView, domainViews, StatusView } from './domain-view.ts'
import {
  closed,
  errors,
  Ok,
  ok,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
  Uids,
  uidsMax,
} from './schemas.ts'

export const DomainName = Type.String({ minLength: 1, maxLength: 254 })
export const DomainNames = Type.Array(DomainName, { minItems: 1, maxItems: uidsMax })
export const Keyword = Type.String({ maxLength: 254, description: 'Part of the name.' })

const PageView = Ok({
  domains: Type.Array(DomainView),
  ...pageOutput,
  status_counts: Type.Record(Type.String(), Type.Integer(), { description: 'Of all pages.' }),
})

const RemovalView = Type.Object({
  name: Type.String(),
  uid: Type.String(),
  previous_status: StatusView,
  new_status: StatusView,
})

const RemoveBody = Type.Object({ domains: DomainNames, uids: Type.Optional(Uids) }, closed)
const tags = ['Domains']
const listed = { tags, response: { 200: PageView, ...errors(400) } }

export function domainRoutes(app: Api, platform: Platform): void {
  const inQuery = (more: TProperties = {}) => Type.Object({ ...pageInput, ...more })
  app.post(
    '/domains/list',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'List domains, the newest first',
        ...listed,
        body: Type.Object({ ...pageInput, keyword: Type.Optional(Keyword) }, closed),
      },
    },
    (request) => {
      const { keyword, ...page } = request.body
      return pageView(platform, callerOf(request).scope, { search: keyword || null }, pageOf(page))
    },
  )
  app.get(
    '/domains/list',
    {
      schema: {
        summary: 'List domains by a query',
        ...listed,
        querystring: Type.Object({ ...pageInput, keyword: Type.Optional(Keyword) }),
      },
    },
    (request) => {
      const { keyword, ...page } = request.query
      return pageView(platform, callerOf(request).scope, { search: keyword || null }, pageOf(page))
    },
  )
  app.get(
    '/domains/assignable',
    {
      schema: {
        summary: 'List domains that can take a mailbox now',
        ...listed,
        querystring: inQuery(),
      },
    },
    (request) => pageView(platform, callerOf(request).scope, { assignable: true }, pageOf(request.query)),
  )
  removeRoute(app, platform)
}

async function pageView(
  platform: Platform,
  scope: Scope,
  wanted: Partial<DomainOverviewFilter>,
  page: NumberedPage,
): Promise<Static<typeof PageView>> {
  const filter = { ...everyDomain, ...wanted }
  const [found, counts] = await Promise.all([
    pageDomainOverviews(platform, scope, filter, page),
    countDomainOverviews(platform, scope, filter),
  ])
  const domains = await domainViews(platform, scope, found.rows)
  const status_counts: Record<string, number> = {}
  for (const [state, count] of counts) {
    const status = statusByState[state]
    status_counts[status] = (status_counts[status] ?? 0) + count
  }
  return ok('Domains retrieved successfully', { domains, ...pageFields(found, page), status_counts })
}

function removeRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/remove',
    {
      schema: {
        summary: 'Remove domains with their mailboxes',
        description:
          'What has something to lose is scheduled for deletion and can be restored for some days over the native API; the rest is gone at once.',
        tags,
        body: RemoveBody,
        response: {
          200: Ok({
            result: Type.Object({ updated: Type.Array(RemovalView), deleted: Type.Array(RemovalView) }),
          }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const results = await transact(platform, caller, async (tx) => {
        const byName = await requireByName(tx, scope, request.body.domains)
        const { uids } = request.body
        if (uids !== undefined) requireSame(byName, await requireNamed(tx, scope, { uids }))
        const removed: { before: Domain; after: Domain | null }[] = []
        for (const before of inLockOrder(byName)) {
          const options = { withMailboxes: true }
          removed.push({ before, after: await removeDomain(platform, tx, scope, before.id, options) })
        }
        return removed
      })
      const updated = results.filter(({ after }) => after !== null)
      const deleted = results.filter(({ after }) => after === null)
      return ok('Domains scheduled for deletion', {
        result: { updated: updated.map(removalView), deleted: deleted.map(removalView) },
      })
    },
  )
}

/** @throws Refusal invalid_request where the ids beside the names are those of other domains. */
function requireSame(byName: readonly Domain[], byId: readonly Domain[]): void {
  const names = new Set(byName.map(({ id }) => id))
  if (byId.some(({ id }) => !names.has(id))) {
    throw new Refusal('invalid_request', 'uids names a domain that domains does not.')
  }
}

function removalView({
  before,
  after,
}: {
  before: Domain
  after: Domain | null
}): Static<typeof RemovalView> {
  return {
    name: before.name,
    uid: before.id,
    previous_status: statusByState[before.state],
    new_status: statusByState[after?.state ?? 'deleted'],
  }
}
