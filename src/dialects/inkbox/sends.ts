/** Sending: a new message, a reply to all, a forward; and the message that a key of idempotency produced. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { withSignature } from '../../delivery/submission/signatures.ts'
import { prepareWritten, submitWritten } from '../../delivery/submission/written.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf, headerOf } from '../callers.ts'
import { type Answering, answering, answeringFields } from './answering.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { messageDetail, requireMessage } from './message-facts.ts'
import { MessageDetailView } from './message-view.ts'
import { MessagePath } from './messages.ts'
import { errors, Uuid } from './schemas.ts'
import { IdempotencyHeaders, type SendOperation, sendOnce, sentWithKey } from './send-once.ts'
import { notHeld } from './sent.ts'
import {
  AttachmentBodies,
  messageBodyBytesMax,
  RecipientsBody,
  readAttachments,
  readRecipients,
  readTexts,
  refuse,
  textFields,
} from './written-fields.ts'

const tags = ['Messages']

const sendErrors = errors(402, 404, 409, 422, 503)

const SendBody = Type.Object({
  recipients: RecipientsBody,
  ...textFields,
  ...answeringFields,
  attachments: Type.Optional(AttachmentBodies),
  staged_attachments: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 0 })),
})

const ReplyAllBody = Type.Object({ ...textFields, attachments: Type.Optional(AttachmentBodies) })

const ForwardBody = Type.Object({
  recipients: RecipientsBody,
  ...textFields,
  mode: Type.Optional(Type.Enum(['inline', 'wrapped'])),
  include_original_attachments: Type.Optional(Type.Boolean()),
  additional_attachments: Type.Optional(AttachmentBodies),
})

export function sendRoutes(app: Api, platform: Platform): void {
  sendRoute(app, platform)
  answerRoutes(app, platform)
  lookupRoute(app, platform)
}

function sendRoute(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/messages',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Send a message',
        tags,
        params: MailboxPath,
        headers: IdempotencyHeaders,
        body: SendBody,
        response: { 201: MessageDetailView, ...sendErrors },
      },
    },
    async (request, reply) => {
      const { body } = request
      const problems: FieldProblem[] = []
      const recipients = readRecipients(body.recipients, problems)
      if ((recipients.to ?? []).length === 0 && problems.length === 0) {
        problems.push({ pointer: '/recipients/to', detail: 'names nobody' })
      }
      const texts = readTexts(body, problems)
      const html = texts.html !== null
      const attachments = readAttachments(body.attachments ?? [], '/attachments', problems, { html })
      refuse(problems)
      const written = { ...texts, ...recipients, headers: null, attachments, sendAt: null }
      return await send(platform, request, reply, 'mail.send', (mailbox) =>
        answering(platform, mailbox, written, body),
      )
    },
  )
}

function answerRoutes(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/messages/:message_id/reply-all',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Reply to everyone on a message',
        tags,
        params: MessagePath,
        headers: IdempotencyHeaders,
        body: ReplyAllBody,
        response: { 201: MessageDetailView, ...sendErrors },
      },
    },
    async (request, reply) => {
      const { body } = request
      const problems: FieldProblem[] = []
      const texts = readTexts(body, problems)
      const html = texts.html !== null
      const attachments = readAttachments(body.attachments ?? [], '/attachments', problems, { html })
      refuse(problems)
      const nobody = { to: null, cc: null, bcc: null }
      const written = { ...texts, ...nobody, headers: null, attachments, sendAt: null }
      const choice = { all: true, list: false, quote: false }
      const purpose = { kind: 'reply', messageId: request.params.message_id, choice } as const
      return await send(platform, request, reply, 'mail.reply_all', async () => ({ written, purpose }))
    },
  )
  app.post(
    '/mail/mailboxes/:email_address/messages/:message_id/forward',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Forward a message',
        description:
          'Inside a new message (`inline`), or attached to it as it came (`wrapped`). It begins a thread.',
        tags,
        params: MessagePath,
        headers: IdempotencyHeaders,
        body: ForwardBody,
        response: { 201: MessageDetailView, ...sendErrors },
      },
    },
    async (request, reply) => {
      const { body } = request
      const problems: FieldProblem[] = []
      const recipients = readRecipients(body.recipients, problems)
      const texts = readTexts(body, problems)
      const more = body.additional_attachments ?? []
      const attachments = readAttachments(more, '/additional_attachments', problems, { html: null })
      refuse(problems)
      const written = { ...texts, ...recipients, headers: null, attachments, sendAt: null }
      const isWhole = body.mode === 'wrapped'
      const choice = isWhole
        ? ({ mode: 'attachment' } as const)
        : ({ mode: 'inline', attachments: body.include_original_attachments ?? true } as const)
      const purpose = { kind: 'forward', messageId: request.params.message_id, choice } as const
      return await send(platform, request, reply, 'mail.forward', async () => ({ written, purpose }))
    },
  )
}

type SendRequest = FastifyRequest<{ Params: Static<typeof MailboxPath> }>

async function send(
  platform: Platform,
  request: SendRequest,
  reply: FastifyReply,
  operation: SendOperation,
  sendingOf: (mailbox: Mailbox) => Promise<Answering>,
): Promise<Static<typeof MessageDetailView>> {
  const { scope } = callerOf(request)
  requireWrite(scope)
  const mailbox = await findMailbox(platform, scope, request.params.email_address)
  return await sendOnce(
    platform,
    request,
    reply,
    { operation, mailboxId: mailbox.id },
    async () => {
      const { written, purpose } = await sendingOf(mailbox)
      if (purpose !== null) await requireMessage(platform.db, mailbox.id, purpose.messageId)
      const signed = { ...written, ...withSignature(mailbox, written) }
      return await prepareWritten(platform, scope, mailbox, signed, purpose)
    },
    async (tx, prepared) => {
      const sent = notHeld(await submitWritten(platform, tx, scope, prepared))
      return await messageDetail(platform, mailbox, sent.id, tx)
    },
  )
}

function lookupRoute(app: Api, platform: Platform): void {
  app.get(
    '/message-sends/lookup',
    {
      schema: {
        summary: 'Find the message that a key of idempotency produced',
        tags,
        querystring: Type.Object({
          sender_kind: Type.Enum(['mailbox']),
          sender_id: Uuid,
          operation: Type.Enum(['mail.send', 'mail.reply_all', 'mail.forward']),
        }),
        headers: Type.Object({ 'idempotency-key': Type.String({ minLength: 1, maxLength: 255 }) }),
        response: { 200: Type.Object({ message_id: Uuid }), ...errors(404) },
      },
    },
    async (request) => {
      const { sender_id: mailboxId, operation } = request.query
      const { id } = await getMailbox(platform, callerOf(request).scope, mailboxId)
      const key = headerOf(request, 'idempotency-key') ?? ''
      const operations = operation === 'mail.send' ? sending : [operation]
      for (const one of operations) {
        const found = await sentWithKey(platform, request, id, one, key)
        if (found !== null) return { message_id: found }
      }
      throw new Refusal('message_not_found', 'No message was sent with this key.')
    },
  )
}

/** Clients ask for `mail.send` whatever they sent. */
const sending = ['mail.send', 'mail.reply_all', 'mail.forward'] as const
