/** RETR, RFC 1939 §5. As the field does, a message that was retrieved is \Seen for every other client. */
import { messageIsGone, noSuchMessage, type Reply } from '../reply.ts'
import { sendMessage } from '../send-message.ts'
import type { TransactionSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export async function retr(
  session: TransactionSession,
  { number }: CommandOf<'RETR'>,
): Promise<Reply | null> {
  const { maildrop } = session.state
  if (maildrop.sizeOf(number) === null) return noSuchMessage
  const body = await maildrop.open(number)
  if (body === null) return messageIsGone
  const refused = await sendMessage(session, body, null)
  if (refused === null) await maildrop.noteRetrieved(number)
  return refused
}
