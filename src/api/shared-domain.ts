/** PUT and DELETE /v1/domains/{domain}/shared: the domain in which every workspace may have identities. */
import { shareDomain } from '../domains/shared-domain.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { mutate } from './mutate.ts'
import { writeProblems } from './problem-view.ts'
import type { Api } from './schemas.ts'

const routes = [
  {
    method: 'PUT',
    isShared: true,
    summary: 'Share a domain with all workspaces',
    description:
      'Identities of every workspace may then have mailboxes in it, whose local part is their handle. One domain is shared at most. For the operator alone.',
  },
  {
    method: 'DELETE',
    isShared: false,
    summary: 'Share a domain no more',
    description: 'The mailboxes in it stay. For the operator alone.',
  },
] as const

export function sharedDomainRoutes(app: Api, platform: Platform): void {
  for (const { method, isShared, summary, description } of routes) {
    app.route({
      method,
      url: '/v1/domains/:domain/shared',
      schema: {
        summary,
        description,
        tags: ['domains'],
        params: DomainPath,
        response: { 200: DomainView, ...writeProblems('domain_not_found', 'domain_state_conflict') },
      },
      handler: async (request, reply) =>
        mutate(platform, request, reply, async (tx) => {
          const domain = await shareDomain(platform, tx, callerOf(request), request.params.domain, isShared)
          return { status: 200, body: domainView(platform, domain) }
        }),
    })
  }
}
