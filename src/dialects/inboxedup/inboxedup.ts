/** The dialect of InboxedUp's API: their clients run against this server with another base URL and key. */
import type { FastifyInstance } from 'fastify'
import type { Callers } from '../../mailboxes/callers.ts'
import { admitToken, bearerOf } from '../callers.ts'
import type { Dialect } from '../dialect.ts'
import { accountRoute } from './account.ts'
import { domainRoutes } from './domains.ts'
import { answer } from './errors.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { subscriptionRoutes } from './subscriptions.ts'

export const inboxedup: Dialect = {
  name: 'inboxedup',
  reference: {
    title: 'Mailwright in the dialect of InboxedUp',
    description:
      'For clients of InboxedUp’s API. The customer is a workspace; see docs/dialects/inboxedup.md for what differs.',
    tags: [
      { name: 'Account', description: 'Who calls, and what they may have.' },
      { name: 'Subscriptions', description: 'Plans, and notes of them.' },
      { name: 'Domains', description: 'Domains, in batches.' },
      { name: 'Mailboxes', description: 'Requests for mailboxes.' },
    ],
    security: {
      bearer: { type: 'http', scheme: 'bearer', description: 'The token of an API key or a session.' },
    },
  },
  answer,
  register(app, platform, callers) {
    requireBearer(app, callers)
    accountRoute(app, platform)
    subscriptionRoutes(app, platform)
    domainRoutes(app, platform)
    mailboxRoutes(app, platform)
  },
}

/** Asks for a key or a session on every route of this scope that is not open. Nobody names a workspace: it is the key's. */
function requireBearer(app: FastifyInstance, callers: Callers): void {
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.open === true || request.is404) return
    await admitToken(callers, request, bearerOf(request), null, () => undefined)
  })
}
