/** /v1/domains: connect, list, get and delete. */
import { type Static, Type } from 'typebox'
import { connectDomain, type Domain, getDomain, listDomains } from '../domains/domains.ts'
import { domainStates } from '../domains/lifecycle.ts'
import { removeDomain } from '../mailboxes/domain-removal.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { dnsModeHelp, settingsOf, settingsView } from './domain-settings-view.ts'
import { etagOf } from './etag.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

export const DomainView = Type.Object(
  {
    id: Id,
    name: Type.String({ description: 'A-labels, lower case.' }),
    workspace_id: Id,
    state: OneOf(domainStates),
    ...settingsView,
    created_at: Moment,
    updated_at: Moment,
    state_changed_at: Moment,
  },
  { title: 'Domain' },
)

const DomainBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1000, description: 'In A-labels or in U-labels.' }),
    dns_mode: Type.Optional(OneOf(['served', 'manual'] as const, dnsModeHelp)),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

const DomainsQuery = Type.Object(
  {
    ...pageQuery,
    state: Type.Optional(OneOf(domainStates)),
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: apiLimits.searchLengthMax, description: 'Part of the name.' }),
    ),
  },
  closed,
)

export const DomainPath = Type.Object({ domain: Type.String({ description: 'Its id or its name.' }) })

const PreviewQuery = Type.Object(
  { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
  closed,
)

export function domainRoutes(app: Api, platform: Platform): void {
  const tags = ['domains']
  app.get(
    '/v1/domains',
    {
      schema: {
        summary: 'List domains',
        tags,
        querystring: DomainsQuery,
        response: { 200: PageOf(DomainView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { state = null, search = null } = request.query
      const page = await listDomains(
        platform,
        scopeOf(request),
        { state, search },
        pageRequest(request.query),
      )
      return pageView(page, (domain) => domainView(platform, domain))
    },
  )
  app.post(
    '/v1/domains',
    {
      schema: {
        summary: 'Connect a domain',
        description:
          'A name under .test is a sandbox: active at once, and its mail never leaves the platform. Any other waits until its name servers are those of `nameservers` (`served`), or until the records of GET /v1/domains/{domain}/dns are there (`manual`).',
        tags,
        body: DomainBody,
        response: {
          200: PreviewView,
          201: DomainView,
          ...postProblems('domain_invalid', 'domain_taken', 'nameservers_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { name, dns_mode: dnsMode = 'manual' } = request.body
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const domain = await connectDomain(platform, tx, scope, name, { dnsMode })
          return { objects: [touched(domain, { action: 'create', id: null, state: domain.state })] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const domain = await connectDomain(platform, tx, scope, name, { dnsMode })
        return {
          status: 201,
          body: domainView(platform, domain),
          headers: { location: `/v1/domains/${domain.id}` },
        }
      })
    },
  )
  app.get(
    '/v1/domains/:domain',
    {
      schema: {
        summary: 'Get a domain',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...readProblems('domain_not_found') },
      },
    },
    async (request, reply) => {
      const domain = await getDomain(platform, scopeOf(request), request.params.domain)
      void reply.header('etag', etagOf({ version: domain.settings_version }))
      return domainView(platform, domain)
    },
  )
  deleteRoute(app, platform)
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/domains/:domain',
    {
      schema: {
        summary: 'Delete a domain',
        description: 'It must have no mailboxes left, those that can be restored included.',
        tags: ['domains'],
        params: DomainPath,
        querystring: PreviewQuery,
        response: {
          200: PreviewView,
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'domain_not_empty'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const domain = await getDomain(platform, scope, ref, tx)
          await removeDomain(platform, tx, scope, domain.id)
          return { objects: [touched(domain, { action: 'delete', id: domain.id, state: 'deleted' })] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await removeDomain(platform, tx, scope, ref)
        return { status: 204, body: undefined }
      })
    },
  )
}

export function touched(
  domain: Domain,
  change: Pick<TouchedObject, 'action' | 'id' | 'state'>,
): TouchedObject {
  return { type: 'domain', name: domain.name, ...change }
}

export function domainView(platform: Pick<Platform, 'config'>, domain: Domain): Static<typeof DomainView> {
  return {
    id: domain.id,
    name: domain.name,
    workspace_id: domain.workspace_id,
    state: domain.state,
    ...settingsOf(platform, domain),
    created_at: domain.created_at.toISOString(),
    updated_at: domain.updated_at.toISOString(),
    state_changed_at: domain.state_changed_at.toISOString(),
  }
}
