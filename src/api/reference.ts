/** The contract as data: OpenAPI 3.1 at /v1/openapi.json. reference-page.ts shows it to people. */
import { STATUS_CODES } from 'node:http'
import swagger from '@fastify/swagger'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { Type } from 'typebox'
import { headersOf } from './documented.ts'
import type { Api } from './schemas.ts'

const description = `Mailboxes and domains by API. Every call takes an API key: \`Authorization: Bearer mw_...\`.

Lists come in pages: ask again with \`cursor\` set to \`next_cursor\` until it is null.
Errors are RFC 9457 problems; their \`code\` never changes, and their \`type\` is the page that explains it.
A POST may carry an \`Idempotency-Key\`: sent again, it is answered with the first reply and \`Idempotency-Replayed: true\`.`

/** Collects the routes that are added to this scope from now on. */
export async function collectReference(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Mailwright API', version: '1', description },
      tags: [
        { name: 'account', description: 'Workspaces, members, keys and sessions' },
        {
          name: 'domains',
          description: 'Connected or registered, their settings and what mail of theirs may do',
        },
        { name: 'dns', description: 'Records of domains, and the hosts that the platform keeps them at' },
        { name: 'mailboxes', description: 'Addresses, logins and rules' },
        { name: 'identities', description: 'Agents’ handles, with their mailboxes' },
        { name: 'services', description: 'Who runs mailboxes, and tenants elsewhere that we are let into' },
        { name: 'sequencers', description: 'Tools that send from mailboxes: connections and exports' },
        { name: 'messages', description: 'What is in a mailbox, and sending' },
        { name: 'events', description: 'What happens, in one log' },
        {
          name: 'drafts',
          description: 'What is written and not sent: drafts, and messages that wait for their time',
        },
        { name: 'delivery', description: 'How mail leaves, and to whom it does not' },
        {
          name: 'approvals',
          description: 'Messages that wait until somebody other than their sender lets them go',
        },
        { name: 'outbound', description: 'What leaves, and what became of it' },
        { name: 'webhooks', description: 'Endpoints that are told of events' },
        {
          name: 'name servers',
          description: 'Secondaries of the platform’s own name server, and their keys',
        },
        {
          name: 'billing',
          description: 'Wallets and how money comes in, prices, plans, subscriptions, coupons and invoices',
        },
        { name: 'health', description: 'For whoever keeps the node running' },
        { name: 'tests', description: 'A clock that tests can move' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a session’s token.' },
          basic: {
            type: 'http',
            scheme: 'basic',
            description:
              'A mailbox’s address and one of its app passwords: a key that is bound to the mailbox.',
          },
        },
      },
      security: [{ bearer: [] }, { basic: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `schema-${i}`) },
    transform: ({ schema, url, route }) => ({ schema: documentedSchema(schema, route), url }),
  })
}

/** The route's schemas, with what only the reference says of it. */
function documentedSchema(
  schema: RouteOptions['schema'],
  route: RouteOptions,
): NonNullable<RouteOptions['schema']> {
  const documented = route.config?.documented
  const isOpen = schema?.security?.length === 0
  const response =
    typeof schema?.response === 'object' ? { ...schema.response, ...documented?.replies } : undefined
  return {
    ...schema,
    ...(isOpen ? {} : { headers: headersOf(route.method, documented) }),
    ...(documented?.body === undefined ? {} : { body: documented.body }),
    ...(response === undefined ? {} : { response: describedReplies(response) }),
  }
}

/** Each reply with a description, which OpenAPI asks for. */
function describedReplies(replies: object): object {
  return Object.fromEntries(
    Object.entries(replies).map(([status, reply]) => [
      status,
      { description: STATUS_CODES[status], ...reply },
    ]),
  )
}

/** The document. */
export function referenceRoutes(app: Api): void {
  let document: string | null = null
  app.get(
    '/v1/openapi.json',
    {
      schema: {
        summary: 'This document',
        tags: ['health'],
        security: [],
        response: { 200: Type.Unsafe<string>({ type: 'object' }) },
      },
    },
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      void reply.header('content-type', 'application/json; charset=utf-8') // it is text already
      return document
    },
  )
}
