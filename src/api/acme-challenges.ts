/** /.well-known/acme-challenge/{token}: what an ACME authority asks for, where the HTTP listener is reached on port 80. */
import { Type } from 'typebox'
import { challengePath, findChallenge } from '../domains/certificates/challenges.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { problems } from './problem-view.ts'
import type { Api } from './schemas.ts'

export function acmeChallengeRoutes(app: Api, platform: Platform): void {
  app.get(
    `${challengePath}:token`,
    {
      schema: {
        summary: 'Answer a challenge of an ACME authority (RFC 8555 §8.3)',
        tags: ['health'],
        security: [],
        produces: ['application/octet-stream'],
        params: Type.Object({ token: Type.String() }),
        response: { 200: Type.String(), ...problems('route_not_found', 'shutting_down') },
      },
    },
    async (request, reply) => {
      const found = await findChallenge(platform, request.params.token)
      if (found === null) throw new Refusal('route_not_found')
      void reply.header('content-type', 'application/octet-stream')
      return found
    },
  )
}
