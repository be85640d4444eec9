/** Domains: made, listed, shown, deleted. records.ts has what is published of them. */
import { Type } from 'typebox'
import { connectDomain } from '../../domains/domains.ts'
import { type DomainOrder, findDomainWithin, pageDomains } from '../../mailboxes/domain-pages.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { callerOf } from '../callers.ts'
import { changeIn, reachIn, type Served } from './caller.ts'
import { DomainView, domainView } from './domain-view.ts'
import { inState } from './errors.ts'
import { errors, listQuery, orderOf, PathId, pageOf } from './schemas.ts'
import { domainStatuses, standingsOf, statusOfDomain } from './states.ts'

export const DomainPath = Type.Object({ domain_id: PathId })

const orders = ['created_at', 'updated_at', 'name', 'mailbox_total_count'] as const
const columns: Readonly<Record<string, DomainOrder['by']>> = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  name: 'name',
  mailbox_total_count: 'mailbox_count',
}

const DomainsQuery = listQuery(orders, 1000, {
  statuses: Type.Optional(Type.Array(OneOf(domainStatuses), { maxItems: 100 })),
  search: Type.Optional(Type.String({ maxLength: 253, description: 'Part of the name.' })),
})

const NewDomainBody = Type.Object({
  project_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'A workspace. Default: the key’s own, or the default one.' }),
  ),
  name: Type.String({ minLength: 1, maxLength: 253 }),
})

const DomainsView = Type.Object({ total_count: Type.Integer(), domains: Type.Array(DomainView) })

const tags = ['domains']
const path = '/mailbox/v1alpha1/domains'

export function domainRoutes(app: Api, served: Served): void {
  const { platform } = served
  app.get(
    path,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'List domains',
        tags,
        querystring: DomainsQuery,
        response: { 200: DomainsView, ...errors(400) },
      },
    },
    async (request) => {
      const { query } = request
      const filter = { standings: standingsOf(query.statuses ?? []), search: query.search ?? null }
      const order = orderOf(query.order_by, columns, 'created_at')
      const reach = reachIn(request, query.project_id)
      const { rows, total } = await pageDomains(platform.db, reach, filter, order, pageOf(query))
      return { total_count: total, domains: rows.map((domain) => domainView(platform, domain)) }
    },
  )
  app.get(
    `${path}/:domain_id`,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'Get a domain',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404) },
      },
    },
    async (request) => {
      const { domain_id: id } = request.params
      return domainView(platform, await findDomainWithin(platform.db, reachIn(request), id))
    },
  )
  createRoute(app, served)
  deleteRoute(app, served)
}

function createRoute(app: Api, served: Served): void {
  const { platform } = served
  app.post(
    path,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'Connect a domain',
        description: 'It is `creating` until its DNS records are known.',
        tags,
        body: NewDomainBody,
        response: { 200: DomainView, ...errors(400, 409) },
      },
    },
    async (request) => {
      const { name, project_id = callerOf(request).scope.workspaceId } = request.body
      const project = project_id.toLowerCase()
      return await changeIn(served, request, project, async (tx, scope) => {
        const domain = await connectDomain(platform, tx, scope, name)
        return domainView(platform, { ...domain, has_keys: false, mailbox_count: 0 })
      })
    },
  )
}

function deleteRoute(app: Api, served: Served): void {
  const { platform } = served
  app.delete(
    `${path}/:domain_id`,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'Delete a domain',
        description: 'At once and for good. It must have no mailboxes, those included that can be restored.',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404, 409, 412) },
      },
    },
    async (request) => {
      const { domain_id: id } = request.params
      const domain = await findDomainWithin(platform.db, reachIn(request), id)
      await inState(statusOfDomain(domain), () =>
        changeIn(served, request, domain.workspace_id, (tx, scope) =>
          removeDomain(platform, tx, scope, domain.id, { now: true }),
        ),
      )
      return domainView(platform, { ...domain, updated_at: platform.clock.now() }, 'deleting')
    },
  )
}
