/** LIST, RFC 1939 §5. */
import { writeListing } from '../listing.ts'
import { noSuchMessage, ok, type Reply } from '../reply.ts'
import type { TransactionSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export async function list(
  session: TransactionSession,
  { number }: CommandOf<'LIST'>,
): Promise<Reply | null> {
  const { maildrop } = session.state
  if (number === null) {
    const { messages, sizeBytes } = maildrop.totals()
    return await writeListing(session, `${messages} messages (${sizeBytes} octets)`, maildrop.sizeOf)
  }
  const sizeBytes = maildrop.sizeOf(number)
  return sizeBytes === null ? noSuchMessage : ok(`${number} ${sizeBytes}`)
}
