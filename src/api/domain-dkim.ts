/** /v1/domains/{domain}/dkim: the keys that its mail is signed with, and their change. */

import { type Static, Type } from 'typebox'
import { type DkimKeyDates, datedKeysOf, requestRotation } from '../domains/dkim-rotation.ts'
import { getDomain } from '../domains/domains.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath } from './domains.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const KeyView = Type.Object(
  {
    selector: Type.String(),
    algorithm: OneOf(['rsa-sha256', 'ed25519-sha256'] as const),
    state: OneOf(
      ['pending', 'active', 'retired'] as const,
      'pending: it signs when its record is found. active: it signs. retired: it signs no more, and stays in DNS for mail that is on its way.',
    ),
    created_at: Moment,
    activated_at: Nullable(Moment),
    retired_at: Nullable(Moment),
  },
  { title: 'DkimKey' },
)

const KeysView = Type.Object({ keys: Type.Array(KeyView) })

export function domainDkimRoutes(app: Api, platform: Platform): void {
  const tags = ['domains']
  app.get(
    '/v1/domains/:domain/dkim',
    {
      schema: {
        summary: 'List the DKIM keys of a domain',
        tags,
        params: DomainPath,
        response: { 200: KeysView, ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const domain = await getDomain(platform, scopeOf(request), request.params.domain)
      return { keys: (await datedKeysOf(platform.db, domain.id)).map(keyView) }
    },
  )
  app.post(
    '/v1/domains/:domain/dkim/rotate',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Change the DKIM keys of a domain',
        description:
          'New keys are made in the background, in the selectors that are free; their records are among those of GET /v1/domains/{domain}/dns then. They sign once they are found there. Where the platform publishes the keys that happens by itself twice a year, without this call.',
        tags,
        params: DomainPath,
        body: Type.Object({}, closed),
        response: { 202: KeysView, ...postProblems('domain_not_found', 'domain_state_conflict') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const keys = await requestRotation(platform, tx, scopeOf(request), request.params.domain)
        return { status: 202, body: { keys: keys.map(keyView) } }
      }),
  )
}

function keyView(key: DkimKeyDates): Static<typeof KeyView> {
  return {
    selector: key.selector,
    algorithm: key.algorithm,
    state: key.state,
    created_at: key.created_at.toISOString(),
    activated_at: momentOrNull(key.activated_at),
    retired_at: momentOrNull(key.retired_at),
  }
}
