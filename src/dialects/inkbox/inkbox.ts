/** The dialect of Inkbox: mail for agents, each an identity with a mailbox. Served under /inkbox, its own paths after it. */
import type { FastifyInstance } from 'fastify'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Dialect } from '../dialect.ts'
import { requireCaller } from './callers.ts'
import { contactRuleRoutes } from './contact-rules.ts'
import { domainRoutes } from './domains.ts'
import { answer } from './errors.ts'
import { mailImportRoutes } from './mail-imports.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'

const header = (name: string, description: string) =>
  ({ type: 'apiKey', name, in: 'header', description }) as const

export const inkbox: Dialect = {
  name: 'inkbox',
  ignoresTrailingSlash: true,
  reference: {
    title: 'Mailwright as Inkbox',
    description:
      'Identities of agents, their mail, domains, webhooks and keys, as clients of Inkbox ask for them. Make a key with ' +
      '`POST /v1/api-keys` and `"format": "inkbox"`.',
    tags: [],
    security: {
      ApiKeyAuth: header('X-API-Key', 'A key in the format `inkbox`, or any other of ours.'),
      LegacyServiceToken: header('X-Service-Token', 'The same, as clients until 0.2.9 send it.'),
      BearerJwt: header('Authorization', '`Bearer` and the token of a session.'),
    },
  },
  answer,
  async register(app, platform, callers) {
    requireCaller(app, callers)
    await app.register(async (root: FastifyInstance) => rootRoutes(root.withTypeProvider(), platform), {
      prefix: '/api/v1',
    })
  },
}

function rootRoutes(app: Api, platform: Platform): void {
  contactRuleRoutes(app, platform)
  domainRoutes(app, platform)
  mailImportRoutes(app, platform)
  outOfScopeRoutes(app)
}
