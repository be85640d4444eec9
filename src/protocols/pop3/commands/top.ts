/** TOP, RFC 1939 §7. It retrieves nothing: the message stays unseen. */
import { messageIsGone, noSuchMessage, type Reply } from '../reply.ts'
import { sendMessage } from '../send-message.ts'
import type { TransactionSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export async function top(
  session: TransactionSession,
  { number, lines }: CommandOf<'TOP'>,
): Promise<Reply | null> {
  const { maildrop } = session.state
  if (maildrop.sizeOf(number) === null) return noSuchMessage
  const body = await maildrop.open(number)
  return body === null ? messageIsGone : await sendMessage(session, body, lines)
}
