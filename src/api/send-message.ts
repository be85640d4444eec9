/** POST /v1/mailboxes/{mailbox}/messages: sends a message from a mailbox. */
import { type Static, Type } from 'typebox'
import type { NewAttachment, Person } from '../delivery/submission/compose.ts'
import {
  personOf,
  prepareSubmission,
  type Submission,
  type Submitted,
  submissionLimits,
  submitPrepared,
} from '../delivery/submission/submit.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, Moment, Nullable, OneOf, readMomentOrNull } from './schemas.ts'

const People = Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), {
  maxItems: submissionLimits.recipientsMax,
  description: '`ann@example.com` or `Ann <ann@example.com>`.',
})

const AttachmentBody = Type.Object(
  {
    filename: Type.String({ minLength: 1, maxLength: 255 }),
    content_type: Type.Optional(Type.String({ maxLength: 255, pattern: '^[\\w!#$&^.+-]+/[\\w!#$&^.+-]+$' })),
    content_base64: Type.String({
      maxLength: apiLimits.messageBodyBytesMax,
      description: 'The file in base64 (RFC 4648 §4).',
    }),
    content_id: Type.Optional(
      Type.String({ maxLength: 200, pattern: '^[!-;=?-~]+$', description: 'For `cid:` in the HTML.' }),
    ),
  },
  closed,
)

const MessageBody = Type.Object(
  {
    to: Type.Optional(People),
    cc: Type.Optional(People),
    bcc: Type.Optional(People),
    reply_to: Type.Optional(
      Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), { maxItems: 10 }),
    ),
    subject: Type.Optional(Type.String({ maxLength: 998 })),
    text: Type.Optional(Type.String({ maxLength: apiLimits.messageBodyBytesMax })),
    html: Type.Optional(Type.String({ maxLength: apiLimits.messageBodyBytesMax })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: submissionLimits.headerBytesMax }), {
        description: 'More fields, such as `In-Reply-To` or `X-Campaign`.',
      }),
    ),
    attachments: Type.Optional(Type.Array(AttachmentBody, { maxItems: submissionLimits.attachmentsMax })),
    send_at: Type.Optional(
      Type.String({ format: 'date-time', description: 'Recipients elsewhere get it not before then.' }),
    ),
  },
  { ...closed, title: 'NewMessage' },
)

const SubmittedView = Type.Object(
  {
    status: OneOf(
      ['accepted', 'pending_approval'],
      '`pending_approval`: the sending mode of the mailbox holds it; nothing is sent before somebody else approves it.',
    ),
    approval_id: Nullable(Type.String({ format: 'uuid' }), 'Null unless it waits for an approval.'),
    id: Nullable(
      Type.String({ format: 'uuid' }),
      'The copy in the Sent folder. Null while it waits for an approval.',
    ),
    thread_id: Nullable(Type.String({ format: 'uuid' }), 'Null while it waits for an approval.'),
    message_id: Type.String({ description: 'Message-ID without angle brackets.' }),
    accepted_at: Moment,
    recipients: Type.Array(
      Type.Object({
        address: Type.String(),
        status: OneOf(['delivered', 'queued', 'held'], 'Here, elsewhere, or waiting.'),
      }),
    ),
  },
  { title: 'SubmittedMessage' },
)

export function sendMessageRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/messages',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Send a message',
        description:
          'The copy in Sent, the copies of recipients on this platform and the queue for the others are committed ' +
          'together. Give an Idempotency-Key: the same request again sends nothing twice.',
        tags: ['messages'],
        params: MailboxPath,
        body: MessageBody,
        response: {
          202: SubmittedView,
          ...postProblems(
            'mailbox_not_found',
            'mailbox_state_conflict',
            'recipient_refused',
            'sending_limit_reached',
            'sending_paused',
            'sending_not_allowed',
            'quota_exceeded',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const submission = toSubmission(request.body)
      // A refusal waits for the transaction: the same key again gets the first reply, whatever holds by then.
      const prepared = await prepareSubmission(platform, scope, request.params.mailbox, submission).catch(
        (error: unknown) => ({ error }),
      )
      return await mutate(platform, request, reply, async (tx) => {
        if ('error' in prepared) throw prepared.error
        const submitted = await submitPrepared(platform, tx, scope, prepared)
        return { status: 202, body: submittedView(submitted, platform.clock.now()) }
      })
    },
  )
}

export function submittedView(submitted: Submitted, at: Date): Static<typeof SubmittedView> {
  const { status, messageId, recipients } = submitted
  const sent = submitted.status === 'accepted' ? submitted.sent : null
  return {
    status,
    approval_id: submitted.status === 'pending_approval' ? submitted.approvalId : null,
    id: sent?.id ?? null,
    thread_id: sent?.threadId ?? null,
    message_id: messageId,
    accepted_at: at.toISOString(),
    recipients,
  }
}

/** @throws Refusal invalid_request that points at everything that cannot be read. */
function toSubmission(body: Static<typeof MessageBody>): Submission {
  const problems: FieldProblem[] = []
  const people = (name: 'to' | 'cc' | 'bcc' | 'reply_to'): Person[] =>
    (body[name] ?? []).flatMap((text, index) => {
      const person = personOf(text)
      if (person === null) problems.push({ pointer: `/${name}/${index}`, detail: 'is not an address' })
      return person ?? []
    })
  const submission = {
    to: people('to'),
    cc: people('cc'),
    bcc: people('bcc'),
    replyTo: people('reply_to'),
    subject: (body.subject ?? '').replace(/[\r\n\0]+/g, ' '),
    text: body.text ?? (body.html === undefined ? '' : null),
    html: body.html ?? null,
    headers: body.headers ?? {},
    attachments: (body.attachments ?? []).map((one, index) => toAttachment(one, index, problems)),
    sendAt: readMomentOrNull(body.send_at, '/send_at'),
  }
  if (Object.keys(submission.headers).length > submissionLimits.headersMax) {
    problems.push({ pointer: '/headers', detail: `has more than ${submissionLimits.headersMax} fields` })
  }
  if (problems.length > 0) {
    throw new Refusal('invalid_request', 'The message cannot be sent as it is.', { fields: problems })
  }
  return submission
}

function toAttachment(
  {
    filename,
    content_type: contentType,
    content_base64: encoded,
    content_id: contentId,
  }: Static<typeof AttachmentBody>,
  index: number,
  problems: FieldProblem[],
): NewAttachment {
  // Buffer.from skips what is not base64: a file with holes must not be sent.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
    problems.push({ pointer: `/attachments/${index}/content_base64`, detail: 'is not base64' })
  }
  return {
    filename: filename.replace(/[\r\n\0]+/g, ' '),
    contentType: contentType ?? null,
    content: Buffer.from(encoded, 'base64'),
    contentId: contentId ?? null,
  }
}
