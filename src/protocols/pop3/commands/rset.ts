/** RSET, RFC 1939 §5. */
import { ok, type Reply } from '../reply.ts'
import type { TransactionSession } from '../session.ts'

export function rset({ state }: TransactionSession): Reply {
  state.maildrop.reset()
  const { messages, sizeBytes } = state.maildrop.totals()
  return ok(`The maildrop has ${messages} messages (${sizeBytes} octets)`)
}
