/** /v1/outbound: what is in the queue and what became of it, recipient by recipient, and what can be done about it. */

import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import {
  cancelOutbound,
  getOutbound,
  holdOutbound,
  listOutbound,
  type OutboundDetail,
  type OutboundEntry,
  releaseOutbound,
  retryOutbound,
} from '../delivery/outbound/control.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import {
  OutboundDetailView,
  OutboundRecipientView,
  outboundStates,
  queuedStep,
  recipientView,
  stepView,
} from './outbound-view.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const tags = ['outbound']

const filter = {
  ...pageQuery,
  state: Type.Optional(OneOf(outboundStates)),
  domain: Type.Optional(
    Type.String({ minLength: 1, maxLength: 253, description: 'The recipient’s, in A-labels.' }),
  ),
}

const ListQuery = Type.Object(
  {
    ...filter,
    mailbox: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1000, description: 'The sender’s id or address.' }),
    ),
  },
  closed,
)

export function outboundRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/outbound',
    {
      schema: {
        summary: 'List what leaves',
        description: 'A row for each recipient, the oldest first: what waits, and what became of the rest.',
        tags,
        querystring: ListQuery,
        response: {
          200: PageOf(OutboundRecipientView),
          ...readProblems('invalid_cursor', 'mailbox_not_found'),
        },
      },
    },
    async (request) => list(platform, scopeOf(request), request.query.mailbox ?? null, request.query),
  )
  app.get(
    '/v1/mailboxes/:mailbox/outbound',
    {
      schema: {
        summary: 'List what leaves a mailbox',
        tags,
        params: MailboxPath,
        querystring: Type.Object(filter, closed),
        response: {
          200: PageOf(OutboundRecipientView),
          ...readProblems('invalid_cursor', 'mailbox_not_found'),
        },
      },
    },
    async (request) => list(platform, scopeOf(request), request.params.mailbox, request.query),
  )
  app.get(
    '/v1/outbound/:outbound',
    {
      schema: {
        summary: 'Get what became of a message',
        description: 'With every recipient and everything that happened to it, replies word for word.',
        tags,
        params: Type.Object({
          outbound: Type.String({ description: 'The id of the message or of one of its recipients.' }),
        }),
        response: { 200: OutboundDetailView, ...readProblems('outbound_not_found') },
      },
    },
    async (request) => detailView(await found(platform, scopeOf(request), request.params.outbound)),
  )
  actionRoutes(app, platform)
}

type Filter = Parameters<typeof listOutbound>[2]

async function list(
  platform: Platform,
  scope: ReturnType<typeof scopeOf>,
  mailbox: string | null,
  query: { limit?: number; cursor?: string; state?: NonNullable<Filter['state']>; domain?: string },
) {
  const wanted: Filter = {
    ...(query.state === undefined ? {} : { state: query.state }),
    ...(query.domain === undefined ? {} : { domain: query.domain }),
    ...(mailbox === null ? {} : { mailboxId: (await getMailbox(platform, scope, mailbox)).id }),
  }
  const page = await listOutbound(platform, scope, wanted, pageRequest(query))
  return pageView(page, (entry: OutboundEntry) => recipientView(entry, entry))
}

async function found(
  platform: Platform,
  scope: ReturnType<typeof scopeOf>,
  id: string,
  db: Db = platform.db,
): Promise<OutboundDetail> {
  const detail = await getOutbound(platform, scope, id, db)
  if (detail === null) throw new Refusal('outbound_not_found')
  return detail
}

const actions = [
  { name: 'retry', run: retryOutbound, summary: 'Try a queued recipient again at once' },
  { name: 'hold', run: holdOutbound, summary: 'Keep a queued recipient from being sent' },
  { name: 'release', run: releaseOutbound, summary: 'Let a held recipient go on' },
  { name: 'cancel', run: cancelOutbound, summary: 'Take a queued or held recipient back' },
] as const

const ActionBody = Type.Object(
  {
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Goes into the timeline.' }),
    ),
  },
  closed,
)

function actionRoutes(app: Api, platform: Platform): void {
  for (const { name, run, summary } of actions) {
    app.post(
      `/v1/outbound/:outbound/${name}`,
      {
        preValidation: emptyBodyIsObject,
        schema: {
          summary,
          tags,
          params: Type.Object({ outbound: Type.String({ description: 'The id of a recipient.' }) }),
          body: ActionBody,
          response: {
            200: OutboundRecipientView,
            ...postProblems('outbound_not_found', 'outbound_state_conflict'),
          },
        },
      },
      async (request, reply) => {
        const scope = scopeOf(request)
        requireWrite(scope)
        const id = request.params.outbound.toLowerCase()
        await recipientOf(platform, scope, id)
        return mutate(platform, request, reply, async (tx) => {
          const { reason } = request.body
          const changed = await run(platform, tx, scope, [id], scope.actor, reason)
          if (changed === 0) throw new Refusal('outbound_state_conflict')
          return { status: 200, body: await recipientOf(platform, scope, id, tx) }
        })
      },
    )
  }
}

/** @throws Refusal outbound_not_found, also for the id of a message. */
async function recipientOf(
  platform: Platform,
  scope: ReturnType<typeof scopeOf>,
  id: string,
  db: Db = platform.db,
): Promise<Static<typeof OutboundRecipientView>> {
  const { message, recipients } = await found(platform, scope, id, db)
  const recipient = recipients.find((one) => one.id === id)
  if (!recipient) throw new Refusal('outbound_not_found')
  return recipientView(recipient, message)
}

function detailView({ message, recipients }: OutboundDetail): Static<typeof OutboundDetailView> {
  return {
    id: message.id,
    mailbox_id: message.mailbox_id,
    kind: message.kind,
    mail_from: message.mail_from,
    message_id: message.message_id,
    size_bytes: message.size_bytes,
    created_at: message.created_at.toISOString(),
    recipients: recipients.map((recipient) => ({
      ...recipientView(recipient, message),
      timeline: [queuedStep(recipient), ...recipient.timeline.map(stepView)],
    })),
  }
}
