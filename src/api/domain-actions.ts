/** POST /v1/domains/{domain}/suspend, /resume and /restore. */

import { Type } from 'typebox'
import { restoreDomainWithMailboxes } from '../mailboxes/domain-removal.ts'
import { resumeDomainWithMailboxes, suspendDomainWithLogins } from '../mailboxes/domain-suspension.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { mutate } from './mutate.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'
import { sharedDomainRoutes } from './shared-domain.ts'

const actions = [
  {
    name: 'suspend',
    run: suspendDomainWithLogins,
    summary: 'Suspend a domain',
    description:
      'Mail for it is put off (450), nobody logs in or sends, nothing is removed and its zone is still served.',
  },
  {
    name: 'resume',
    run: resumeDomainWithMailboxes,
    summary: 'Take a suspension back',
    description: undefined,
  },
  {
    name: 'restore',
    run: restoreDomainWithMailboxes,
    summary: 'Restore a deleted domain',
    description: 'With the mailboxes that were deleted with it.',
  },
] as const

export function domainActionRoutes(app: Api, platform: Platform): void {
  sharedDomainRoutes(app, platform)
  for (const { name, run, summary, description } of actions) {
    app.post(
      `/v1/domains/:domain/${name}`,
      {
        preValidation: emptyBodyIsObject,
        schema: {
          summary,
          ...(description === undefined ? {} : { description }),
          tags: ['domains'],
          params: DomainPath,
          body: Type.Object({}, closed),
          response: { 200: DomainView, ...postProblems('domain_not_found', 'domain_state_conflict') },
        },
      },
      async (request, reply) =>
        mutate(platform, request, reply, async (tx) => {
          const domain = await run(platform, tx, scopeOf(request), request.params.domain)
          return { status: 200, body: domainView(platform, domain) }
        }),
    )
  }
}
