/** /v1/domains: list, get and delete; new-domains.ts connects. */
import { type Static, Type } from 'typebox'
import { type Domain, getDomain, listDomains } from '../domains/domains.ts'
import { domainStates } from '../domains/lifecycle.ts'
import { removeDomain } from '../mailboxes/domain-removal.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { dnsModeHelp, settingsOf, settingsView } from './domain-settings-view.ts'
import { etagOf } from './etag.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { readProblems, writeProblems } from './problem-view.ts'
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
} from './schemas.ts'

export const DomainView = Type.Object(
  {
    id: Id,
    name: Type.String({ description: 'A-labels, lower case.' }),
    workspace_id: Id,
    state: OneOf(domainStates),
    ...settingsView,
    is_shared: Type.Boolean({ description: 'Identities of every workspace may have mailboxes in it.' }),
    created_at: Moment,
    updated_at: Moment,
    state_changed_at: Moment,
    delete_after: Nullable(Moment, 'When a deleted domain can be restored no longer.'),
  },
  { title: 'Domain' },
)

export const DomainBody = Type.Object(
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

const DeleteQuery = Type.Object(
  {
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
    with_mailboxes: Type.Optional(
      Type.Boolean({ description: 'Its mailboxes are deleted with it, and restored with it.' }),
    ),
    purge: Type.Optional(
      Type.Boolean({ description: 'At once and for good, which takes a domain without mailboxes.' }),
    ),
  },
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
        description:
          'It can be restored until `delete_after`, and its name stays taken. 204: it is gone at once, by `purge`, or because it had nothing to lose: a sandbox name, or one that was never active, that was not registered here. It must have no mailboxes left, those that can be restored included, unless they are deleted with it.',
        tags: ['domains'],
        params: DomainPath,
        querystring: DeleteQuery,
        response: {
          200: OrPreview(DomainView),
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'domain_not_empty', 'domain_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(DomainView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const { with_mailboxes: withMailboxes = false, purge = false } = request.query
      const options = { withMailboxes, now: purge }
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const domain = await getDomain(platform, scope, ref, tx)
          const left = await removeDomain(platform, tx, scope, domain.id, options)
          const state = left?.state ?? 'deleted'
          return { objects: [touched(domain, { action: 'delete', id: domain.id, state })] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const left = await removeDomain(platform, tx, scope, ref, options)
        return left === null
          ? { status: 204, body: undefined }
          : { status: 200, body: domainView(platform, left) }
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
    is_shared: domain.is_shared,
    created_at: domain.created_at.toISOString(),
    updated_at: domain.updated_at.toISOString(),
    state_changed_at: domain.state_changed_at.toISOString(),
    delete_after: momentOrNull(domain.delete_after),
  }
}
