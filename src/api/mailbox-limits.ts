/** /v1/mailbox-limits: how many mailboxes a domain or a workspace may have. */
import { type Static, Type } from 'typebox'
import { products } from '../domains/products.ts'
import { deleteLimit, listLimits, type MailboxLimit, putLimit } from '../mailboxes/limits.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mailboxServices } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  OneOf,
  OneOfOrNull,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const pers = ['domain', 'workspace'] as const
const forWhat = 'What has so many at most: each domain by itself, or each workspace.'

const LimitView = Type.Object(
  {
    id: Id,
    organization_id: Id,
    workspace_id: Nullable(Id, 'Null: every workspace of the organization, each by itself.'),
    domain_id: Nullable(Id, 'Null: every domain, each by itself.'),
    service: OneOfOrNull(mailboxServices, 'Null: mailboxes of all services together.'),
    product: OneOfOrNull(products, 'Null: whatever they were asked for as.'),
    per: OneOf(pers, forWhat),
    set_by: OneOf(['operator', 'organization']),
    mailboxes_max: Type.Integer(),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'MailboxLimit' },
)

const LimitBody = Type.Object(
  {
    organization_id: Type.Optional({ ...Id, description: 'Another organization; for the operator.' }),
    workspace_id: Type.Optional(Nullable(Id, 'Default: every workspace.')),
    domain_id: Type.Optional(Nullable(Id, 'Default: every domain. It names no workspace beside it.')),
    service: Type.Optional(OneOfOrNull(mailboxServices, 'Default: all services together.')),
    product: Type.Optional(OneOfOrNull(products, 'Default: whatever they were asked for as.')),
    per: OneOf(pers, forWhat),
    mailboxes_max: Type.Integer({ minimum: 0, maximum: 10_000_000 }),
  },
  { ...closed, title: 'NewMailboxLimit' },
)

const LimitsQuery = Type.Object(
  {
    ...pageQuery,
    organization_id: Type.Optional({ ...Id, description: 'Another organization’s; for the operator.' }),
  },
  closed,
)

const tags = ['mailboxes']

export function mailboxLimitRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailbox-limits',
    {
      schema: {
        summary: 'List limits of mailboxes',
        description: 'A key of a workspace sees those that hold there.',
        tags,
        querystring: LimitsQuery,
        response: { 200: PageOf(LimitView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { organization_id: organizationId = null } = request.query
      const page = pageRequest(request.query)
      return pageView(
        await listLimits(platform, callerOf(request).principal, organizationId, page),
        limitView,
      )
    },
  )
  app.put(
    '/v1/mailbox-limits',
    {
      schema: {
        summary: 'Set a limit of mailboxes',
        description:
          'For keys of a whole organization. Of all limits that apply the smallest counts, so that those of an ' +
          'organization only lower what the operator allows. What is there already stays.',
        tags,
        body: LimitBody,
        response: {
          200: LimitView,
          ...writeProblems('workspace_not_found', 'domain_not_found', 'too_many_mailbox_limits'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { body } = request
        const limit = await putLimit(platform, tx, callerOf(request).principal, {
          organizationId: body.organization_id ?? null,
          workspaceId: body.workspace_id ?? null,
          domainId: body.domain_id ?? null,
          service: body.service ?? null,
          product: body.product ?? null,
          per: body.per,
          mailboxesMax: body.mailboxes_max,
        })
        return { status: 200, body: limitView(limit) }
      }),
  )
  app.delete(
    '/v1/mailbox-limits/:limit',
    {
      schema: {
        summary: 'Remove a limit of mailboxes',
        tags,
        params: Type.Object({ limit: Type.String({ description: 'Its id.' }) }),
        response: { 204: Type.Null(), ...writeProblems('mailbox_limit_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await deleteLimit(platform, tx, callerOf(request).principal, request.params.limit)
        return { status: 204, body: undefined }
      }),
  )
}

function limitView(limit: MailboxLimit): Static<typeof LimitView> {
  return {
    ...limit,
    created_at: limit.created_at.toISOString(),
    updated_at: limit.updated_at.toISOString(),
  }
}
