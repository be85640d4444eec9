/** The dialect of Scaleway's Mailbox API (v1alpha1): their SDKs and Terraform provider run against this server. */
import type { FastifyInstance } from 'fastify'
import type { Dialect } from '../dialect.ts'
import { aliasRoutes } from './aliases.ts'
import { keyHeader, requireToken, type Served, sessionHeader } from './caller.ts'
import { domainRoutes } from './domains.ts'
import { answer } from './errors.ts'
import { dropUnset } from './lenient.ts'
import { mailboxChangeRoutes } from './mailbox-changes.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { recordRoutes } from './records.ts'

export const scaleway: Dialect = {
  name: 'scaleway',
  reference: {
    title: 'Mailwright in the dialect of Scaleway Mailbox',
    description:
      'For clients of Scaleway’s Mailbox API v1alpha1. A project is a workspace; see docs/dialects/scaleway.md for what differs.',
    tags: [
      { name: 'domains', description: 'Domains and their DNS records.' },
      { name: 'mailboxes', description: 'Mailboxes and their subscriptions.' },
      { name: 'aliases', description: 'Further addresses of mailboxes.' },
    ],
    security: {
      key: {
        type: 'apiKey',
        name: keyHeader,
        in: 'header',
        description: 'The secret of an API key; clients insist on the format `scaleway`.',
      },
      session: {
        type: 'apiKey',
        name: sessionHeader,
        in: 'header',
        description: 'The token of a session.',
      },
    },
  },
  answer,
  register(app, platform, callers) {
    requireToken(app, callers)
    dropUnset(app)
    plainContentType(app)
    const served: Served = { platform, callers }
    domainRoutes(app, served)
    recordRoutes(app, served)
    mailboxRoutes(app, served)
    mailboxChangeRoutes(app, served)
    aliasRoutes(app, served)
  },
}

/** The vendor's JavaScript client compares the field with exactly this. */
function plainContentType(app: FastifyInstance): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    const type = reply.getHeader('content-type')
    if (typeof type === 'string' && type.startsWith('application/json')) {
      void reply.header('content-type', 'application/json')
    }
    done(null, payload)
  })
}
