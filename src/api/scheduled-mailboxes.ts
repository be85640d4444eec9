/** /v1/scheduled-mailboxes: those that a dialect has asked for, and that are made when the next period begins. */
import { type Static, Type } from 'typebox'
import { products } from '../domains/products.ts'
import { cancelScheduledMailbox, listScheduledMailboxes } from '../mailboxes/scheduled/scheduled-mailboxes.ts'
import type { ScheduledMailbox } from '../mailboxes/scheduled/tables.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const tags = ['mailboxes']

const ScheduledView = Type.Object(
  {
    id: Id,
    address: Type.String(),
    domain_id: Id,
    product: OneOf(products),
    first_name: Nullable(Type.String()),
    last_name: Nullable(Type.String()),
    state: OneOf(['scheduled', 'failed']),
    due_at: Moment,
    failure: Type.Unsafe<{ code: string; detail: string } | null>({
      type: ['object', 'null'],
      properties: { code: { type: 'string' }, detail: { type: 'string' } },
      description: 'What stood in the way when its time had come.',
    }),
    created_at: Moment,
  },
  { title: 'ScheduledMailbox' },
)

export function scheduledMailboxRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/scheduled-mailboxes',
    {
      schema: {
        summary: 'List mailboxes that are made later',
        description:
          'Oldest first. One that was made is a mailbox and not here any more; one that failed stays for 90 days.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(ScheduledView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(
        await listScheduledMailboxes(platform, scopeOf(request), pageRequest(request.query)),
        scheduledView,
      ),
  )
  app.delete(
    '/v1/scheduled-mailboxes/:scheduled_mailbox',
    {
      schema: {
        summary: 'Cancel a mailbox that is made later',
        description: 'Nothing of it was paid.',
        tags,
        params: Type.Object({ scheduled_mailbox: Type.String({ description: 'Its id.' }) }),
        response: { 204: Type.Null(), ...writeProblems('scheduled_mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { scheduled_mailbox: id } = request.params
        await cancelScheduledMailbox(platform, tx, scopeOf(request), id)
        return { status: 204, body: undefined }
      }),
  )
}

function scheduledView(row: ScheduledMailbox): Static<typeof ScheduledView> {
  const { failure_code: code, failure_detail: detail } = row
  return {
    id: row.id,
    address: row.address,
    domain_id: row.domain_id,
    product: row.product,
    first_name: row.first_name,
    last_name: row.last_name,
    state: code === null ? 'scheduled' : 'failed',
    due_at: row.due_at.toISOString(),
    failure: code === null ? null : { code, detail: detail ?? '' },
    created_at: row.created_at.toISOString(),
  }
}
