/** Domains: listed, filtered, tagged, removed. */

import { Type } from 'typebox'
import { tagDomains } from '../../domains/tags.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { Contains, domainFilters, domainSelection, pageDomainsOf, selectDomains } from './domain-selection.ts'
import { DomainPageView, domainViews } from './domain-view.ts'
import { providerOf } from './providers.ts'
import {
  DataOf,
  DoneView,
  dataOf,
  done,
  errors,
  Ids,
  idsMax,
  pageFields,
  pageInput,
  pageOf,
} from './schemas.ts'

const ListQuery = Type.Object({ ...pageInput, contains: Type.Optional(Contains) })
const FilterBody = Type.Object({
  ...domainFilters,
  sortBy: Type.Optional(OneOf(['ASC', 'DESC'], 'By the time of their making; DESC if not given.')),
})
const RemoveBody = Type.Object({ ids: Type.Optional(Ids), domainIds: Type.Optional(Ids) })
const tags = ['domains']
const listed = 'Domains fetched successfully'

export function domainRoutes(app: Api, platform: Platform): void {
  listRoutes(app, platform)
  removeRoute(app, platform)
  taggingRoutes(app, platform)
  app.post(
    '/v2/domains/move-workspace',
    {
      config: { workspaceRequired: true, providerRequired: true },
      schema: {
        summary: 'Move domains to another workspace',
        description: 'Always refused: mail, bills and keys of a domain are its workspace’s.',
        tags,
        body: Type.Object({
          domainIds: Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: idsMax }),
          workspaceId: Type.String({ maxLength: 100 }),
        }),
        response: errors(),
      },
    },
    async () => {
      throw new Refusal(
        'invalid_request',
        'Domains cannot be moved: their mail, bills and history are their workspace’s. Remove the domain here and connect it there.',
      )
    },
  )
}

function listRoutes(app: Api, platform: Platform): void {
  const paths = [
    { path: '/v2/domains', assignable: false, summary: 'List domains, with their mailboxes' },
    {
      path: '/v2/domains/assignable',
      assignable: true,
      summary: 'List domains that can take new mailboxes now',
    },
  ] as const
  for (const { path, assignable, summary } of paths) {
    app.get(
      path,
      {
        schema: {
          summary,
          tags,
          querystring: ListQuery,
          response: { 200: DataOf(DomainPageView), ...errors() },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const { query } = request
        const page = pageOf(query)
        const filters = { contains: query.contains ?? '' }
        const provider = providerOf(request)
        const found = await pageDomainsOf(platform, caller.scope, provider, filters, page, { assignable })
        const domains = await domainViews(platform, caller, found.rows)
        return dataOf(listed, { ...pageFields(found, page), domains })
      },
    )
  }
  app.post(
    '/v2/domains',
    {
      config: { tellsForms: true },
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'List domains that filters find',
        description: 'Pages are named in the query, as where there are no filters.',
        tags,
        querystring: Type.Object(pageInput),
        body: FilterBody,
        response: { 200: DataOf(DomainPageView), ...errors(422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { sortBy, ...filters } = request.body
      const page = pageOf(request.query)
      const order = { oldestFirst: sortBy === 'ASC' }
      const found = await pageDomainsOf(platform, caller.scope, providerOf(request), filters, page, order)
      const domains = await domainViews(platform, caller, found.rows)
      return dataOf(listed, { ...pageFields(found, page), domains })
    },
  )
}

function removeRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v2/domains',
    {
      schema: {
        summary: 'Remove domains that have no mailboxes',
        description:
          'All of them, or none. What was bought or in use is kept for the days that the server restores it.',
        tags,
        body: RemoveBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { ids = [], domainIds = [] } = request.body
      const wanted = [...ids, ...domainIds]
      if (wanted.length === 0) throw new Refusal('invalid_request', 'ids is required')
      const domains = await selectDomains(platform, caller.scope, providerOf(request), { domainIds: wanted })
      await transact(platform, caller, async (tx) => {
        for (const { id } of domains) await removeDomain(platform, tx, caller.scope, id)
      })
      return done('Domains removed successfully')
    },
  )
}

function taggingRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/assign-tag',
    {
      schema: {
        summary: 'Put tags on domains',
        tags,
        body: Type.Object({ tagIds: Ids, domainIds: Ids }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const wanted = request.body
      await transact(platform, caller, (tx) => tagDomains(platform, tx, caller.scope, 'add', wanted))
      return done('Tags assigned successfully')
    },
  )
  app.post(
    '/v2/domains/tags/remove',
    {
      schema: {
        summary: 'Take tags off domains',
        description: 'Off those that are named, or that the filters find.',
        tags,
        body: Type.Object({ ...domainSelection, tagIds: Ids }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      // Here `tagIds` is what is taken off, and no filter.
      const { tagIds, ...selection } = request.body
      const domains = await selectDomains(platform, caller.scope, providerOf(request), selection)
      const domainIds = domains.map(({ id }) => id)
      await transact(platform, caller, (tx) =>
        tagDomains(platform, tx, caller.scope, 'remove', { tagIds, domainIds }),
      )
      return done('Tags removed successfully')
    },
  )
}
