/** How recipients of outbound mail, and their timelines, look in the API. */
import { type Static, Type } from 'typebox'
import type { OutboundDetail } from '../delivery/outbound/control.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

export const outboundStates = ['queued', 'sending', 'held', 'delivered', 'bounced', 'cancelled'] as const
const kinds = ['submission', 'forward', 'notification'] as const
const steps = [
  'queued',
  'attempted',
  'delivered',
  'deferred',
  'bounced',
  'held',
  'released',
  'retried',
  'cancelled',
  'reported',
  'complained',
] as const

const recipientFields = {
  id: Id,
  outbound_message_id: Id,
  mailbox_id: Id,
  mail_from: Type.String({ description: 'The reverse path; empty for reports.' }),
  rcpt_to: Type.String(),
  state: OneOf(outboundStates),
  attempts: Type.Integer(),
  next_attempt_at: Nullable(Moment, 'Null unless it is queued.'),
  expires_at: Moment,
  held_reason: Nullable(Type.String()),
  last_reply: Nullable(Type.String(), 'What the other server said last, word for word.'),
  last_class: Nullable(Type.String(), 'What that reply means.'),
  created_at: Moment,
  finished_at: Nullable(Moment),
}

export const OutboundRecipientView = Type.Object(recipientFields, { title: 'OutboundRecipient' })

const StepView = Type.Object(
  {
    step: OneOf(steps),
    at: Moment,
    host: Type.Optional(Type.String({ description: 'The MX or the relay that was spoken to.' })),
    address: Type.Optional(Type.String()),
    tls: Type.Optional(Type.Object({ version: Type.String(), cipher: Type.String() })),
    policy: Type.Optional(
      Type.String({
        description: 'What TLS was asked for: opportunistic, mta-sts, dane, require-tls, relay.',
      }),
    ),
    relay_id: Type.Optional(Type.String()),
    reply: Type.Optional(Type.String({ description: 'Word for word.' })),
    class: Type.Optional(Type.String()),
    until: Type.Optional(Type.String({ description: 'When it is tried again.' })),
    reason: Type.Optional(Type.String()),
    by: Type.Optional(Type.String()),
    milliseconds: Type.Optional(Type.Integer()),
  },
  { title: 'OutboundStep' },
)

export const OutboundDetailView = Type.Object(
  {
    id: Id,
    mailbox_id: Id,
    kind: OneOf(kinds),
    mail_from: Type.String(),
    message_id: Nullable(Type.String(), 'Message-ID without its angle brackets.'),
    size_bytes: Type.Integer(),
    created_at: Moment,
    recipients: Type.Array(
      Type.Object({
        ...recipientFields,
        timeline: Type.Array(StepView, { description: 'The oldest first. It begins when it was queued.' }),
      }),
    ),
  },
  { title: 'OutboundMessage' },
)

type Recipient = Omit<OutboundDetail['recipients'][number], 'timeline'>

export function recipientView(
  recipient: Recipient,
  message: { mail_from: string },
): Static<typeof OutboundRecipientView> {
  return {
    id: recipient.id,
    outbound_message_id: recipient.outbound_message_id,
    mailbox_id: recipient.mailbox_id,
    mail_from: message.mail_from,
    rcpt_to: recipient.rcpt_to,
    state: recipient.state,
    attempts: recipient.attempts,
    next_attempt_at: recipient.state === 'queued' ? recipient.next_attempt_at.toISOString() : null,
    expires_at: recipient.expires_at.toISOString(),
    held_reason: recipient.held_reason,
    last_reply: recipient.last_reply,
    last_class: recipient.last_class,
    created_at: recipient.created_at.toISOString(),
    finished_at: momentOrNull(recipient.finished_at),
  }
}

/** Being queued is the recipient's row itself. */
export function queuedStep(recipient: Pick<Recipient, 'created_at'>): Static<typeof StepView> {
  return { step: 'queued', at: recipient.created_at.toISOString() }
}

export function stepView(
  step: OutboundDetail['recipients'][number]['timeline'][number],
): Static<typeof StepView> {
  return { ...step.detail, step: step.step, at: step.at.toISOString() }
}
