/** /v1/mailboxes/{mailbox}/scheduled: what waits for its time; moved to another, or taken back. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import {
  cancelScheduled,
  getScheduled,
  listScheduled,
  moveScheduled,
  type ScheduledMessage,
  stageCancelled,
  stageMoved,
} from '../delivery/scheduled/scheduled.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
  readMoment,
} from './schemas.ts'

const tags = ['drafts']

const PersonView = Type.Object({ address: Type.String(), name: Nullable(Type.String()) })

const ScheduledView = Type.Object(
  {
    id: Id,
    sent_message_id: Type.String({ format: 'uuid', description: 'The copy in the Sent folder.' }),
    message_id: Type.String({ description: 'Message-ID without angle brackets.' }),
    to: Type.Array(PersonView),
    cc: Type.Array(PersonView),
    bcc: Type.Array(PersonView),
    subject: Type.String(),
    send_at: Moment,
    last_problem: Nullable(Type.String(), 'Why it could not be sent yet; it is tried again.'),
    created_at: Moment,
  },
  { title: 'ScheduledMessage' },
)

const CancelledView = Type.Object({ draft_id: Id }, { title: 'CancelledMessage' })

const ScheduledPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  scheduled: Type.String({ description: 'Its id.' }),
})

export function scheduledRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/scheduled',
    {
      schema: {
        summary: 'List scheduled messages',
        description: 'Those that wait for their time, the one that was written last first.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(ScheduledView), ...readProblems('mailbox_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { id } = await getMailbox(platform, scopeOf(request), request.params.mailbox)
      return pageView(await listScheduled(platform, id, pageRequest(request.query)), scheduledView)
    },
  )
  app.get(
    '/v1/mailboxes/:mailbox/scheduled/:scheduled',
    {
      schema: {
        summary: 'Get a scheduled message',
        tags,
        params: ScheduledPath,
        response: {
          200: ScheduledView,
          ...readProblems('mailbox_not_found', 'scheduled_message_not_found'),
        },
      },
    },
    async (request) => scheduledView(await found(platform, scopeOf(request), request.params)),
  )
  changeRoutes(app, platform)
}

const changeProblems = [
  'mailbox_not_found',
  'scheduled_message_not_found',
  'edit_conflict',
  'quota_exceeded',
  'folder_limit_reached',
] as const

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox/scheduled/:scheduled',
    {
      schema: {
        summary: 'Send a scheduled message at another time',
        description: 'A time that is past is now. The copy in Sent is replaced by one with that date.',
        tags,
        params: ScheduledPath,
        body: Type.Object({ send_at: Type.String({ format: 'date-time' }) }, closed),
        response: { 200: ScheduledView, ...writeProblems(...changeProblems) },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const row = await found(platform, scope, request.params)
      const wanted = readMoment(request.body.send_at, '/send_at')
      const now = platform.clock.now()
      const sendAt = wanted < now ? now : wanted
      const body = await stageMoved(platform, row, sendAt)
      return await mutate(platform, request, reply, async (tx) => {
        const moved = await moveScheduled(platform, tx, scope, row, sendAt, body)
        return { status: 200, body: scheduledView(moved) }
      })
    },
  )
  app.delete(
    '/v1/mailboxes/:mailbox/scheduled/:scheduled',
    {
      schema: {
        summary: 'Take a scheduled message back',
        description:
          'Nobody gets it, and the copy in Sent becomes a draft again. Where it was sent in this moment, it is not found.',
        tags,
        params: ScheduledPath,
        response: { 200: CancelledView, ...writeProblems(...changeProblems) },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const row = await found(platform, scope, request.params)
      const draft = await stageCancelled(platform, row)
      return await mutate(platform, request, reply, async (tx) => {
        const id = await cancelScheduled(platform, tx, scope, row, draft)
        return { status: 200, body: { draft_id: id } }
      })
    },
  )
}

async function found(
  platform: Platform,
  scope: Scope,
  { mailbox, scheduled }: Static<typeof ScheduledPath>,
): Promise<ScheduledMessage> {
  const { id } = await getMailbox(platform, scope, mailbox)
  return await getScheduled(platform.db, id, scheduled)
}

function scheduledView(row: ScheduledMessage): Static<typeof ScheduledView> {
  return {
    id: row.id,
    sent_message_id: row.message_id,
    message_id: row.header_message_id,
    to: [...row.envelope.to],
    cc: [...row.envelope.cc],
    bcc: [...row.envelope.bcc],
    subject: row.subject,
    send_at: row.send_at.toISOString(),
    last_problem: row.last_problem,
    created_at: row.created_at.toISOString(),
  }
}
