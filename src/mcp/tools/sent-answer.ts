/** What a tool says of a message that it sent. */
import type { Submitted } from '../../delivery/submission/submit.ts'
import type { Answer } from '../answer.ts'

export function sentAnswer({ sent, messageId, recipients }: Submitted): Answer {
  return {
    words: [
      `Sent. The copy in Sent is message ${sent.id}, of thread ${sent.threadId}.`,
      ...recipients.map(({ address, status }) => {
        return `- ${address}: ${status === 'delivered' ? 'delivered here' : 'queued for delivery elsewhere'}`
      }),
    ].join('\n'),
    data: {
      status: 'sent',
      message_id: sent.id,
      thread_id: sent.threadId,
      internet_message_id: messageId,
      recipients,
    },
  }
}
