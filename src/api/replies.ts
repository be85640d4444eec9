/** POST /v1/mailboxes/{mailbox}/messages/{message}/reply and /forward: answers a message, or passes it on. */

import { type Static, Type } from 'typebox'
import {
  type Purpose,
  prepareWritten,
  submitWritten,
  type WrittenMessage,
} from '../delivery/submission/written.ts'
import type { Platform } from '../platform/platform.ts'
import { type Caller, scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { type ChangeReply, type ChangeRequest, mutate } from './mutate.ts'
import {
  prepared,
  preparedValue,
  readWritten,
  SubmittedView,
  sendingProblems,
  submittedView,
  writtenFields,
} from './new-message.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, OneOf } from './schemas.ts'

const MessagePath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  message: Type.String({ description: 'Its id.' }),
})

export const replyFields = {
  reply_all: Type.Optional(
    Type.Boolean({ description: 'Also to everyone else that it was addressed to. Default: false.' }),
  ),
  reply_list: Type.Optional(
    Type.Boolean({ description: 'To the mailing list that it came by (List-Post). Default: false.' }),
  ),
  quote: Type.Optional(
    Type.Boolean({ description: 'Whether the original follows what is written. Default: false.' }),
  ),
} as const

export const forwardFields = {
  mode: Type.Optional(
    OneOf(['inline', 'attachment'], 'Inside the new message (the default), or attached to it byte for byte.'),
  ),
  include_attachments: Type.Optional(
    Type.Boolean({ description: 'Of an inline forward: whether they go along. Default: true.' }),
  ),
} as const

const ReplyBody = Type.Object({ ...writtenFields, ...replyFields }, { ...closed, title: 'NewReply' })
const ForwardBody = Type.Object({ ...writtenFields, ...forwardFields }, { ...closed, title: 'NewForward' })

export function replyRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/messages/:message/reply',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Reply to a message',
        description:
          'To whoever asked for replies (Reply-To) or wrote it, never to the mailbox itself; `to` takes their place, `cc` ' +
          'and `bcc` come on top. Subject, In-Reply-To and References follow from the original, which becomes \\Answered.',
        tags: ['messages'],
        params: MessagePath,
        body: ReplyBody,
        response: { 202: SubmittedView, ...postProblems(...sendingProblems) },
      },
    },
    async (request, reply) =>
      send(
        platform,
        request,
        reply,
        readWritten(request.body),
        replyOf(request.params.message, request.body),
      ),
  )
  app.post(
    '/v1/mailboxes/:mailbox/messages/:message/forward',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Forward a message',
        description:
          'Inside a new message, or attached as message/rfc822. The original gets the keyword $Forwarded.',
        tags: ['messages'],
        params: MessagePath,
        body: ForwardBody,
        response: { 202: SubmittedView, ...postProblems(...sendingProblems) },
      },
    },
    async (request, reply) =>
      send(
        platform,
        request,
        reply,
        readWritten(request.body),
        forwardOf(request.params.message, request.body),
      ),
  )
}

export function replyOf(
  messageId: string,
  {
    reply_all: all = false,
    reply_list: list = false,
    quote = false,
  }: Static<Type.TObject<typeof replyFields>>,
): Purpose {
  return { kind: 'reply', messageId, choice: { all, list, quote } }
}

export function forwardOf(
  messageId: string,
  { mode, include_attachments: attachments = true }: Static<Type.TObject<typeof forwardFields>>,
): Purpose {
  return {
    kind: 'forward',
    messageId,
    choice: mode === 'attachment' ? { mode } : { mode: 'inline', attachments },
  }
}

type SendRequest = ChangeRequest & { params: Static<typeof MessagePath>; caller: Caller | null }

async function send(
  platform: Platform,
  request: SendRequest,
  reply: ChangeReply,
  written: WrittenMessage,
  purpose: Purpose,
): Promise<Static<typeof SubmittedView>> {
  const scope = scopeOf(request)
  const ready = await prepared(request, () =>
    prepareWritten(platform, scope, request.params.mailbox, written, purpose),
  )
  return await mutate(platform, request, reply, async (tx) => {
    const submitted = await submitWritten(platform, tx, scope, preparedValue(ready))
    return { status: 202, body: submittedView(platform, submitted) }
  })
}
