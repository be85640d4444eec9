/** /v1/domains/{domain}/forwarding: the address that gets a copy of what the mailboxes of a domain get. */
import { Type } from 'typebox'
import { getDomain } from '../domains/domains.ts'
import { forwardingOfDomains, putDomainForwarding } from '../mailboxes/domain-forwarding.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath } from './domains.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable } from './schemas.ts'

const target = Nullable(
  Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }),
  'An address here or elsewhere; null: nobody.',
)
const ForwardingView = Type.Object({ target }, { title: 'DomainForwarding' })
const ForwardingBody = Type.Object({ target }, closed)
const tags = ['domains']

export function domainForwardingRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/forwarding',
    {
      schema: {
        summary: 'Get who gets a copy of a domain’s mail',
        tags,
        params: DomainPath,
        response: { 200: ForwardingView, ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const { id } = await getDomain(platform, scopeOf(request), request.params.domain)
      return { target: (await forwardingOfDomains(platform.db, [id])).get(id) ?? null }
    },
  )
  app.put(
    '/v1/domains/:domain/forwarding',
    {
      schema: {
        summary: 'Set who gets a copy of a domain’s mail',
        description:
          'Of what its mailboxes get, those to come included. They keep theirs, and their own forwarding stays.',
        tags,
        params: DomainPath,
        body: ForwardingBody,
        response: { 200: ForwardingView, ...writeProblems('domain_not_found', 'forward_target_invalid') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { domain } = request.params
        const set = await putDomainForwarding(platform, tx, scopeOf(request), domain, request.body.target)
        return { status: 200, body: { target: set } }
      }),
  )
}
