/** What a tool says of a message that it sent, or that waits for its time or for somebody's approval. */
import type { Submitted } from '../../delivery/submission/submit.ts'
import type { Answer } from '../answer.ts'

const recipientWords = {
  delivered: 'delivered here',
  queued: 'queued for delivery elsewhere',
  scheduled: 'waits for its time',
  held: 'waits for the approval',
} as const

export function sentAnswer(submitted: Submitted): Answer {
  const { status, messageId, recipients } = submitted
  const lines = recipients.map(({ address, status: one }) => `- ${address}: ${recipientWords[one]}`)
  const common = { status, internet_message_id: messageId, recipients }
  if (submitted.status === 'pending_approval') {
    return {
      words: [
        `Not sent yet: the rules of this mailbox hold the message until somebody else approves it (approval ${submitted.approvalId}).`,
        'Tell your user. Do not send it again, and do not try another way: you cannot approve it yourself.',
        ...lines,
      ].join('\n'),
      data: {
        ...common,
        approval_id: submitted.approvalId,
        message_id: null,
        thread_id: null,
        send_at: null,
      },
    }
  }
  const { sent, scheduled } = submitted
  const sendAt = scheduled === null ? null : scheduled.sendAt.toISOString()
  return {
    words: [
      `${sendAt === null ? 'Sent.' : `It will be sent at ${sendAt}.`} The copy in Sent is message ${sent.id}, of thread ${sent.threadId}.`,
      ...lines,
    ].join('\n'),
    data: { ...common, approval_id: null, message_id: sent.id, thread_id: sent.threadId, send_at: sendAt },
  }
}
