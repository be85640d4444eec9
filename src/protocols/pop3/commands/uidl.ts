/** UIDL, RFC 1939 §7. */
import { writeListing } from '../listing.ts'
import { noSuchMessage, ok, type Reply } from '../reply.ts'
import type { TransactionSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'

export async function uidl(
  session: TransactionSession,
  { number }: CommandOf<'UIDL'>,
): Promise<Reply | null> {
  const { maildrop } = session.state
  if (number === null) return await writeListing(session, 'Unique ids follow', maildrop.uniqueIdOf)
  const uniqueId = maildrop.uniqueIdOf(number)
  return uniqueId === null ? noSuchMessage : ok(`${number} ${uniqueId}`)
}
