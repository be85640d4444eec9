/** The dialect of Inkbox: mail for agents, each an identity with a mailbox. Served under /inkbox, its own paths after it. */
import type { FastifyInstance } from 'fastify'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Dialect } from '../dialect.ts'
import { agentSignupRoutes } from './agent-signup.ts'
import { apiKeyRoutes } from './api-keys.ts'
import { attachmentRoutes, fileRoute } from './attachments.ts'
import { requireCaller } from './callers.ts'
import { channelRoutes } from './channels.ts'
import { contactRuleRoutes } from './contact-rules.ts'
import { domainRoutes } from './domains.ts'
import { draftAttachmentRoutes } from './draft-attachments.ts'
import { draftRoutes } from './drafts.ts'
import { answer } from './errors.ts'
import { identityRoutes } from './identities.ts'
import { identityChangesRoute } from './identity-changes.ts'
import { identityMailboxRoutes } from './identity-mailbox.ts'
import { mailImportRoutes } from './mail-imports.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { messageRoutes } from './messages.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'
import { searchRoutes } from './search.ts'
import { sendRoutes } from './sends.ts'
import { signingKeyRoutes } from './signing-keys.ts'
import { threadRoutes } from './threads.ts'
import { webhookDeliveryRoutes } from './webhook-deliveries.ts'
import { webhookRoutes } from './webhooks.ts'
import { whoamiRoute } from './whoami.ts'

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
    requireCaller(app, platform, callers)
    fileRoute(app.withTypeProvider(), platform)
    await app.register(async (root: FastifyInstance) => rootRoutes(root.withTypeProvider(), platform), {
      prefix: '/api/v1',
    })
    // Every SDK asks for it without the version.
    await app.register(async (root: FastifyInstance) => whoamiRoute(root.withTypeProvider(), platform), {
      prefix: '/api',
    })
  },
}

function rootRoutes(app: Api, platform: Platform): void {
  agentSignupRoutes(app, platform)
  apiKeyRoutes(app, platform)
  channelRoutes(app, platform)
  contactRuleRoutes(app, platform)
  domainRoutes(app, platform)
  draftAttachmentRoutes(app, platform)
  draftRoutes(app, platform)
  identityRoutes(app, platform)
  identityChangesRoute(app, platform)
  identityMailboxRoutes(app, platform)
  mailboxRoutes(app, platform)
  messageRoutes(app, platform)
  searchRoutes(app, platform)
  sendRoutes(app, platform)
  signingKeyRoutes(app, platform)
  threadRoutes(app, platform)
  webhookDeliveryRoutes(app, platform)
  webhookRoutes(app, platform)
  attachmentRoutes(app, platform)
  whoamiRoute(app, platform)
  mailImportRoutes(app, platform)
  outOfScopeRoutes(app)
}
