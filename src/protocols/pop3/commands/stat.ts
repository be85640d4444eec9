/** STAT, RFC 1939 §5: the messages that are not marked as deleted. */
import { ok, type Reply } from '../reply.ts'
import type { TransactionSession } from '../session.ts'

export function stat({ state }: TransactionSession): Reply {
  const { messages, sizeBytes } = state.maildrop.totals()
  return ok(`${messages} ${sizeBytes}`)
}
