/** What a tool says of a message that it sent, or that waits for somebody's approval. */
import type { Submitted } from '../../delivery/submission/submit.ts'
import type { Answer } from '../answer.ts'

const recipientWords = {
  delivered: 'delivered here',
  queued: 'queued for delivery elsewhere',
  held: 'waits',
} as const

export function sentAnswer(submitted: Submitted): Answer {
  const { status, messageId, recipients } = submitted
  const lines = recipients.map(({ address, status: one }) => `- ${address}: ${recipientWords[one]}`)
  const common = { internet_message_id: messageId, recipients }
  if (status === 'pending_approval') {
    return {
      words: [
        `Not sent yet: the rules of this mailbox hold the message until somebody else approves it (approval ${submitted.approvalId}).`,
        'Tell your user. Do not send it again, and do not try another way: you cannot approve it yourself.',
        ...lines,
      ].join('\n'),
      data: { status, approval_id: submitted.approvalId, message_id: null, thread_id: null, ...common },
    }
  }
  const { id, threadId } = submitted.sent
  return {
    words: [`Sent. The copy in Sent is message ${id}, of thread ${threadId}.`, ...lines].join('\n'),
    data: { status, approval_id: null, message_id: id, thread_id: threadId, ...common },
  }
}
