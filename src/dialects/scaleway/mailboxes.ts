/** Mailboxes: made by the batch, listed, shown. mailbox-changes.ts has what changes them. */
import { type Static, Type } from 'typebox'
import { findDomainWithin } from '../../mailboxes/domain-pages.ts'
import { findMailboxWithin, type MailboxOrder, pageMailboxes } from '../../mailboxes/mailbox-pages.ts'
import type { NewMailbox } from '../../mailboxes/new-mailbox.ts'
import { batchItemsMax } from '../../mailboxes/provision.ts'
import { provisionAll } from '../../mailboxes/provision-all.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { changeIn, reachIn, type Served } from './caller.ts'
import { MailboxView, mailboxView } from './mailbox-view.ts'
import { errors, Id, listQuery, orderOf, PathId, pageOf } from './schemas.ts'
import { mailboxStatesOf, mailboxStatuses } from './states.ts'

export const MailboxPath = Type.Object({ mailbox_id: PathId })

/** Of a password that is chosen; the core has more to say. */
export const Password = Type.String({ minLength: 12, maxLength: 128 })

const batchBodyBytesMax = 16 * 1024 ** 2

const orders = ['created_at', 'updated_at', 'email'] as const
const columns: Readonly<Record<string, MailboxOrder['by']>> = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  email: 'address',
}

const MailboxesQuery = listQuery(orders, 1000, {
  domain_id: Type.Optional(Id),
  statuses: Type.Optional(Type.Array(OneOf(mailboxStatuses), { maxItems: 100 })),
  search: Type.Optional(Type.String({ maxLength: 400, description: 'Part of the address.' })),
})

const BatchBody = Type.Object({
  domain_id: Id,
  subscription_period: OneOf(['monthly', 'yearly'] as const),
  mailboxes: Type.Array(
    Type.Object({ local_part: Type.String({ minLength: 1, maxLength: 64 }), password: Password }),
    { minItems: 1, maxItems: batchItemsMax },
  ),
})

const MailboxesView = Type.Object({ total_count: Type.Integer(), mailboxes: Type.Array(MailboxView) })

const tags = ['mailboxes']
const path = '/mailbox/v1alpha1/mailboxes'

export function mailboxRoutes(app: Api, served: Served): void {
  const { platform } = served
  app.get(
    path,
    {
      config: { resource: 'mailbox' },
      schema: {
        summary: 'List mailboxes',
        tags,
        querystring: MailboxesQuery,
        response: { 200: MailboxesView, ...errors(400) },
      },
    },
    async (request) => {
      const { query } = request
      const { domain_id: domainId = null, search = null } = query
      const filter = { domainId, states: mailboxStatesOf(query.statuses ?? []), search }
      const order = orderOf(query.order_by, columns, 'created_at')
      const reach = reachIn(request, query.project_id)
      const { rows, total } = await pageMailboxes(platform.db, reach, filter, order, pageOf(query))
      return { total_count: total, mailboxes: rows.map(mailboxView) }
    },
  )
  app.get(
    `${path}/:mailbox_id`,
    {
      config: { resource: 'mailbox' },
      schema: {
        summary: 'Get a mailbox',
        tags,
        params: MailboxPath,
        response: { 200: MailboxView, ...errors(404) },
      },
    },
    async (request) =>
      mailboxView(await findMailboxWithin(platform.db, reachIn(request), request.params.mailbox_id)),
  )
  batchRoute(app, served)
}

function batchRoute(app: Api, served: Served): void {
  const { platform } = served
  app.post(
    '/mailbox/v1alpha1/batch-create-mailboxes',
    {
      bodyLimit: batchBodyBytesMax,
      config: { resource: 'mailbox' },
      schema: {
        summary: 'Create mailboxes in a domain',
        description:
          'All of them, or none. What the wallet does not reach for waits for payment; on a domain that is not ready they wait for it; others are ready when this answers.',
        tags,
        body: BatchBody,
        response: { 200: Type.Object({ mailboxes: Type.Array(MailboxView) }), ...errors(400, 404, 409) },
      },
    },
    async (request) => {
      const { body } = request
      const domain = await findDomainWithin(platform.db, reachIn(request), body.domain_id)
      const items = newMailboxes(body, domain.name)
      const made = await changeIn(served, request, domain.workspace_id, (tx, scope) =>
        provisionAll(platform, tx, scope, items, { waitsForPayment: true }),
      )
      return { mailboxes: made.map(mailboxView) }
    },
  )
}

function newMailboxes(
  { subscription_period: period, mailboxes }: Static<typeof BatchBody>,
  domainName: string,
): NewMailbox[] {
  return mailboxes.map(({ local_part, password }) => ({
    address: `${local_part}@${domainName}`,
    displayName: null,
    firstName: null,
    lastName: null,
    password,
    tags: [],
    service: 'local',
    period,
  }))
}
