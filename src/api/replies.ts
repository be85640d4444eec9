/** POST /v1/mailboxes/{mailbox}/messages/{message}/reply and /forward: answers a message, or passes it on. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { NewMessageParts } from '../delivery/submission/compose.ts'
import { composeForward, type ForwardChoice } from '../delivery/submission/forward.ts'
import { lockForSending } from '../delivery/submission/lock-folders.ts'
import { type Answer, markAnswered } from '../delivery/submission/mark-answered.ts'
import { readOriginal } from '../delivery/submission/original.ts'
import { composeReply, type ReplyChoice } from '../delivery/submission/reply.ts'
import { resolveAttachments } from '../delivery/submission/stored-attachments.ts'
import { prepareSubmission, submitPrepared } from '../delivery/submission/submit.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import type { Mailbox } from '../mailboxes/provision.ts'
import { Refusal } from '../platform/errors.ts'
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
  type WrittenMessage,
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
      send(platform, request, reply, readWritten(request.body), 'reply', (mailbox, written) =>
        replyParts(platform, mailbox, request.params.message, written, request.body),
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
      send(platform, request, reply, readWritten(request.body), 'forward', (mailbox, written) =>
        forwardParts(platform, mailbox, request.params.message, written, request.body),
      ),
  )
}

/** @throws Refusal message_not_found, attachment_not_found, payload_too_large. */
export async function replyParts(
  platform: Platform,
  mailbox: Mailbox,
  messageId: string,
  written: WrittenMessage,
  { reply_all: all, reply_list: list, quote }: Static<Type.TObject<typeof replyFields>>,
): Promise<NewMessageParts> {
  const choice: ReplyChoice = { all: all ?? false, list: list ?? false, quote: quote ?? false }
  const original = await readOriginal(platform, mailbox.id, messageId)
  if (choice.list && original.listPost === null) {
    const fields = [
      { pointer: '/reply_list', detail: 'the message did not come by a list that takes replies' },
    ]
    throw new Refusal('invalid_request', 'There is no list to reply to.', { fields })
  }
  const parts = await partsOf(platform, mailbox, written)
  return await composeReply(platform, mailbox, original, { ...parts, to: written.to }, choice)
}

/** @throws Refusal as above. */
export async function forwardParts(
  platform: Platform,
  mailbox: Mailbox,
  messageId: string,
  written: WrittenMessage,
  { mode, include_attachments: attachments }: Static<Type.TObject<typeof forwardFields>>,
): Promise<NewMessageParts> {
  const choice: ForwardChoice =
    mode === 'attachment' ? { mode } : { mode: 'inline', attachments: attachments ?? true }
  const original = await readOriginal(platform, mailbox.id, messageId)
  const parts = await partsOf(platform, mailbox, written)
  return await composeForward(platform, mailbox.id, original, { ...parts, to: written.to }, choice)
}

async function partsOf(platform: Platform, mailbox: Mailbox, written: WrittenMessage) {
  return {
    cc: written.cc ?? [],
    bcc: written.bcc ?? [],
    replyTo: written.replyTo ?? [],
    subject: written.subject,
    text: written.text,
    html: written.html,
    headers: written.headers ?? {},
    attachments: await resolveAttachments(platform, mailbox.id, written.attachments ?? []),
  }
}

type SendRequest = ChangeRequest & { params: Static<typeof MessagePath>; caller: Caller | null }

async function send(
  platform: Platform,
  request: SendRequest,
  reply: ChangeReply,
  written: WrittenMessage,
  kind: Answer['kind'],
  compose: (mailbox: Mailbox, written: WrittenMessage) => Promise<NewMessageParts>,
): Promise<Static<typeof SubmittedView>> {
  const scope = scopeOf(request)
  const submission = await prepared(request, () =>
    prepare(platform, scope, request.params.mailbox, written, compose),
  )
  return await mutate(platform, request, reply, async (tx) => {
    const ready = preparedValue(submission)
    const answer = { messageId: request.params.message, kind }
    await lockForSending(platform, tx, scope, ready, [answer.messageId])
    const submitted = await submitPrepared(platform, tx, scope, ready)
    await markAnswered(platform, tx, subject(ready.mailbox), answer)
    return { status: 202, body: submittedView(platform, submitted) }
  })
}

async function prepare(
  platform: Platform,
  scope: Scope,
  ref: string,
  written: WrittenMessage,
  compose: (mailbox: Mailbox, written: WrittenMessage) => Promise<NewMessageParts>,
) {
  requireWrite(scope)
  const mailbox = await getMailbox(platform, scope, ref)
  const parts = await compose(mailbox, written)
  if (parts.to.length + parts.cc.length + parts.bcc.length === 0) {
    const fields = [{ pointer: '/to', detail: 'is needed: the message names nobody to write to' }]
    throw new Refusal('invalid_request', 'The message has no recipient.', { fields })
  }
  const text = parts.text ?? (parts.html === null ? '' : null)
  return await prepareSubmission(platform, scope, mailbox.id, { ...parts, text, sendAt: written.sendAt })
}
