/** POST /v1/domains: connects one domain, or up to a thousand with a result for each. */
import { connectDomain } from '../domains/domains.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import {
  createDomains,
  DomainBatchResultView,
  NewDomainsBody,
  NewDomainsDocumented,
  previewDomains,
} from './domain-batches.ts'
import { DomainView, domainView, touched } from './domains.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview } from './preview.ts'
import { postProblems } from './problem-view.ts'
import { AnyOf, type Api } from './schemas.ts'

export function newDomainsRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains',
    {
      schema: {
        summary: 'Connect one domain or many',
        description:
          'A name under .test is a sandbox: active at once, and its mail never leaves the platform. Any other waits until its name servers are those of `nameservers` (`served`), or until the records of GET /v1/domains/{domain}/dns are there (`manual`). With `domains`, up to 1,000 are connected in one call, and one that cannot be does not keep the others from it.',
        tags: ['domains'],
        body: NewDomainsBody,
        response: {
          200: OrPreview(DomainBatchResultView),
          201: DomainView,
          ...postProblems(
            'domain_invalid',
            'domain_taken',
            'domain_limit_reached',
            'nameservers_unavailable',
          ),
        },
      },
      config: {
        documented: {
          body: NewDomainsDocumented,
          replies: { 200: AnyOf(DomainBatchResultView, PreviewView) },
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { body } = request
      const { domains } = body
      if (domains !== undefined) {
        return body.preview === true
          ? preview(platform, reply, (tx) => previewDomains(platform, tx, scope, domains))
          : mutate(platform, request, reply, (tx) => createDomains(platform, tx, scope, domains))
      }
      const { name, dns_mode: dnsMode = 'manual' } = body
      if (body.preview === true) {
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
}
