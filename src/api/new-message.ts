/** What a message that is written looks like in the API, to be sent, answered, passed on or kept as a draft; and what sending answers. */

import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Person } from '../delivery/submission/compose.ts'
import type { AttachmentSource } from '../delivery/submission/stored-attachments.ts'
import { personOf, type Submitted, submissionLimits } from '../delivery/submission/submit.ts'
import { oneLine, type WrittenMessage } from '../delivery/submission/written.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { apiLimits } from './limits.ts'
import { closed, Id, Moment, Nullable, OneOf, readMomentOrNull } from './schemas.ts'

const People = Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), {
  maxItems: submissionLimits.recipientsMax,
  description: '`ann@example.com` or `Ann <ann@example.com>`.',
})

export const AttachmentBody = Type.Object(
  {
    filename: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Needed with `content_base64`.' }),
    ),
    content_type: Type.Optional(Type.String({ maxLength: 255, pattern: '^[\\w!#$&^.+-]+/[\\w!#$&^.+-]+$' })),
    content_base64: Type.Optional(
      Type.String({
        maxLength: apiLimits.messageBodyBytesMax,
        description: 'The file in base64 (RFC 4648 §4).',
      }),
    ),
    content_id: Type.Optional(
      Type.String({ maxLength: 200, pattern: '^[!-;=?-~]+$', description: 'For `cid:` in the HTML.' }),
    ),
    message_id: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'In place of a file: a message of the mailbox, whole, or with `number` its attachment.',
      }),
    ),
    number: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  },
  closed,
)

const Text = Type.Optional(Type.String({ maxLength: apiLimits.messageBodyBytesMax }))

/** Everything but the recipients' and the subject's defaults is the same wherever a message is written. */
export const writtenFields = {
  to: Type.Optional(People),
  cc: Type.Optional(People),
  bcc: Type.Optional(People),
  reply_to: Type.Optional(
    Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), { maxItems: 10 }),
  ),
  subject: Type.Optional(Type.String({ maxLength: 998 })),
  text: Text,
  html: Text,
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: submissionLimits.headerBytesMax }), {
      description: 'More fields, such as `In-Reply-To` or `X-Campaign`.',
    }),
  ),
  attachments: Type.Optional(Type.Array(AttachmentBody, { maxItems: submissionLimits.attachmentsMax })),
  send_at: Type.Optional(
    Type.String({ format: 'date-time', description: 'Nobody gets it before then; at most 30 days ahead.' }),
  ),
} as const

const WrittenBody = Type.Object(writtenFields)

/** @throws Refusal invalid_request that points at everything that cannot be read. */
export function readWritten(body: Static<typeof WrittenBody>): WrittenMessage {
  const problems: FieldProblem[] = []
  const people = (name: 'to' | 'cc' | 'bcc' | 'reply_to'): Person[] | null =>
    body[name]?.flatMap((text, index) => {
      const person = personOf(text)
      if (person === null) problems.push({ pointer: `/${name}/${index}`, detail: 'is not an address' })
      return person ?? []
    }) ?? null
  const written = {
    to: people('to'),
    cc: people('cc'),
    bcc: people('bcc'),
    replyTo: people('reply_to'),
    subject: body.subject === undefined ? null : oneLine(body.subject),
    text: body.text ?? null,
    html: body.html ?? null,
    headers: body.headers ?? null,
    attachments:
      body.attachments?.flatMap((one, index) => readAttachmentBody(one, `/attachments/${index}`, problems)) ??
      null,
    sendAt: readMomentOrNull(body.send_at, '/send_at'),
  }
  if (Object.keys(written.headers ?? {}).length > submissionLimits.headersMax) {
    problems.push({ pointer: '/headers', detail: `has more than ${submissionLimits.headersMax} fields` })
  }
  throwProblems(problems)
  return written
}

export function throwProblems(problems: readonly FieldProblem[]): void {
  if (problems.length === 0) return
  throw new Refusal('invalid_request', 'The message cannot be sent as it is.', { fields: problems })
}

/** @param problems gets what is wrong. */
export function readAttachmentBody(
  {
    filename,
    content_type: contentType,
    content_base64: encoded,
    content_id: contentId,
    message_id: messageId,
    number,
  }: Static<typeof AttachmentBody>,
  pointer: string,
  problems: FieldProblem[],
): AttachmentSource[] {
  const problem = (name: string, detail: string): AttachmentSource[] => {
    problems.push({ pointer: name === '' ? pointer : `${pointer}/${name}`, detail })
    return []
  }
  if (messageId !== undefined) {
    const isFileToo = [filename, contentType, encoded, contentId].some((given) => given !== undefined)
    if (isFileToo) return problem('', 'is a file and a stored one at once')
    return [{ messageId, number: number ?? null }]
  }
  if (number !== undefined) return problem('message_id', 'is missing')
  if (encoded === undefined) return problem('content_base64', 'is missing')
  if (filename === undefined) return problem('filename', 'is missing')
  // Buffer.from skips what is not base64: a file with holes must not be sent.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
    return problem('content_base64', 'is not base64')
  }
  return [
    {
      filename: oneLine(filename),
      contentType: contentType ?? null,
      content: Buffer.from(encoded, 'base64'),
      contentId: contentId ?? null,
    },
  ]
}

export const SubmittedView = Type.Object(
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
    scheduled_id: Nullable(Id, 'Of a message that waits for its time: see `scheduled`.'),
    send_at: Nullable(Moment, 'When it is sent; null is at once.'),
    recipients: Type.Array(
      Type.Object({
        address: Type.String(),
        status: OneOf(
          ['delivered', 'queued', 'scheduled', 'held'],
          'Here, on the way elsewhere, waiting for its time, or for an approval.',
        ),
      }),
    ),
  },
  { title: 'SubmittedMessage' },
)

export function submittedView(platform: Platform, submitted: Submitted): Static<typeof SubmittedView> {
  const { status, messageId, recipients } = submitted
  const [sent, scheduled] =
    submitted.status === 'accepted' ? [submitted.sent, submitted.scheduled] : [null, null]
  return {
    status,
    approval_id: submitted.status === 'pending_approval' ? submitted.approvalId : null,
    id: sent?.id ?? null,
    thread_id: sent?.threadId ?? null,
    message_id: messageId,
    accepted_at: platform.clock.now().toISOString(),
    scheduled_id: scheduled?.id ?? null,
    send_at: scheduled?.sendAt.toISOString() ?? null,
    recipients,
  }
}

/** What every call that sends may refuse with. */
export const sendingProblems = [
  'mailbox_not_found',
  'mailbox_state_conflict',
  'message_not_found',
  'attachment_not_found',
  'recipient_blocked',
  'recipient_refused',
  'sending_limit_reached',
  'sending_paused',
  'sending_not_allowed',
  'schedule_limit_reached',
  'quota_exceeded',
] as const

/**
 * What is prepared before the transaction. A refusal waits for that: the same key again gets the first reply, whatever
 * holds by then; without a key nothing waits.
 */
export async function prepared<T>(
  request: Pick<FastifyRequest, 'headers'>,
  work: () => Promise<T>,
): Promise<{ value: T } | { error: unknown }> {
  if (request.headers['idempotency-key'] === undefined) return { value: await work() }
  return await work().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
}

/** Inside the transaction. */
export function preparedValue<T>(outcome: { value: T } | { error: unknown }): T {
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
